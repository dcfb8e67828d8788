import { createRecentMap } from '../../platform/recent-map';
import type { KnownKey } from './usage';

/** Whom a change is about. */
export type Change =
  | { readonly keyId: string }
  | { readonly tenantId: string }
  /** Everybody, or nobody knows whom. */
  | 'any';

/** What is kept of good keys, served only while a lease holds. Times are on the monotonic clock. */
export interface LeaseCache {
  /** A key that may be used at this moment; undefined when only the database knows. */
  find(name: string, now: number): KnownKey | undefined;
  /** Moves with every change. To be read before the query leaves whose answer `keep` is given. */
  generation(): number;
  /**
   * Keeps a good key.
   * @param since the generation before its query left; with any change since then it is not kept
   * @param until when the first of what its facts rest on ends
   */
  keep(name: string, key: KnownKey, since: number, until: number): void;
  /** Removes what a change is about. Changes only ever remove. */
  remove(change: Change): void;
  /** Serves until that time; an earlier one than before takes the lease back. */
  renew(until: number): void;
}

interface Entry extends KnownKey {
  /** In whole milliseconds, rounded down; null for never. */
  readonly until: number | null;
}

/** Builds an empty cache of at most so many keys. No lease holds yet. */
export function createLeaseCache(mostEntries: number): LeaseCache {
  const entries = createRecentMap<Entry>(Math.ceil(mostEntries / 2));
  let leaseUntil = -Infinity;
  let generation = 0;
  return {
    find(name, now) {
      if (now >= leaseUntil) return undefined;
      const entry = entries.get(name);
      return entry && (entry.until === null || now < entry.until) ? entry : undefined;
    },
    generation: () => generation,
    keep(name, { facts, counter }, since, until) {
      // A change that came between the query and its answer may be one that the query did not see.
      if (since !== generation || performance.now() >= leaseUntil) return;
      entries.set(name, {
        facts,
        counter,
        until: until === Infinity ? null : Math.trunc(until),
      });
    },
    remove(change) {
      generation += 1;
      if (change === 'any') entries.clear();
      else if ('keyId' in change) entries.deleteWhere(({ facts }) => facts.id === change.keyId);
      else entries.deleteWhere(({ facts }) => facts.tenantId === change.tenantId);
    },
    renew(until) {
      leaseUntil = until;
    },
  };
}
