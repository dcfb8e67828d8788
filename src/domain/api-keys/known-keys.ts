import { createRecentMap } from '../../platform/recent-map';
import type { KnownKey } from './usage';

/** Whom a change is about. */
export type Change =
  | { readonly keyId: string }
  | { readonly tenantId: string }
  /** Everybody, or nobody knows whom. */
  | 'any';

/**
 * Good keys that a process has met, by a name each. That they are known does not make them good: whoever answers by
 * them has read the log of changes since (`change-log.ts`).
 */
export interface KnownKeys {
  find(name: string): KnownKey | undefined;
  /** Moves with every change. To be read before the query leaves whose answer `keep` is given. */
  generation(): number;
  /** Keeps a good key, unless there was a change after that generation: the query may have seen the time before it. */
  keep(name: string, key: KnownKey, since: number): void;
  /** Removes what a change is about. Changes only ever remove. */
  remove(change: Change): void;
}

interface Entry extends KnownKey {
  /** The generation that it was kept in. */
  readonly keptIn: number;
}

/** Ids of what has changed at which everything is gone through for them. */
const mostChanged = 1_000;

/** Builds an empty memory of at most so many keys. */
export function createKnownKeys(most: number): KnownKeys {
  const keys = createRecentMap<Entry>(Math.ceil(most / 2));
  /** Keys and tenants that have changed, and the generation that began then: what was kept before it is gone. */
  const changed = new Map<string, number>();
  let generation = 0;
  const isAfter = (id: string, keptIn: number): boolean => (changed.get(id) ?? 0) > keptIn;
  const isGone = ({ facts, keptIn }: Entry): boolean =>
    isAfter(facts.id, keptIn) || isAfter(facts.tenantId, keptIn);
  return {
    find(name) {
      const entry = keys.get(name);
      return entry === undefined || (changed.size > 0 && isGone(entry)) ? undefined : entry;
    },
    generation: () => generation,
    keep(name, { facts, counter }, since) {
      if (since !== generation || most === 0) return;
      const before = keys.get(name);
      // Facts that were only read again stay where they are: new ones in an old place are work for the collector.
      const isSame = before && !isGone(before) && before.facts.holdsUntil === facts.holdsUntil;
      if (isSame && before.counter === counter) return;
      keys.set(name, { facts: isSame ? before.facts : facts, counter, keptIn: generation });
    },
    remove(change) {
      generation += 1;
      if (change === 'any') keys.clear();
      else {
        changed.set('keyId' in change ? change.keyId : change.tenantId, generation);
        // To go through thousands of keys for each change would cost more than the changes.
        if (changed.size < mostChanged) return;
        keys.deleteWhere(isGone);
      }
      changed.clear();
    },
  };
}
