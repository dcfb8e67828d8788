import { hash } from 'node:crypto';
import type { KnownKeys } from './known-keys';
import type { ChargeOutcome, KnownKey, Usage } from './usage';
import { judge } from './verification.rules';
import type { Asked, KeyFacts } from './verification.rules';

/** A good answer from what a process knows. */
export interface Recalled {
  readonly facts: KeyFacts;
  readonly charged: ChargeOutcome;
  /** Milliseconds since 1970 on the database's clock. */
  readonly at: number;
}

/** What a request asks, and what it costs. */
type Request = Asked & { readonly cost: number };

/** A moment on both clocks. */
export interface Moment {
  /** The monotonic one. */
  readonly now: number;
  /** The database's, milliseconds since 1970. */
  readonly at: number;
}

/** Answers from what is known. Keys stand there under their hash, since a process should hold no key. */
export interface Recall {
  /** The name of a key: its SHA-256, as `DigestMap` takes it. */
  nameOf(key: string): string;
  /** A known key that is good for all that is asked, if what is known of it is still so: no other answer is given. */
  find(name: string, request: Request): KnownKey | undefined;
  /** The good answer for a key of which what is known is so, charged; undefined when that is not enough. */
  answer(known: KnownKey, request: Request, moment: Moment): Recalled | undefined;
  /** While it stays the same nothing that was found has changed. To be read before the query of `keep` leaves, too. */
  generation(): number;
  /** Keeps a key that was found and judged to be good. */
  keep(name: string, key: KnownKey, since: number): void;
}

/** Builds a verifier's memory. */
export function createRecall(parts: {
  readonly keys: Omit<KnownKeys, 'remove'>;
  readonly usage: Pick<Usage, 'chargeKnown'>;
}): Recall {
  const { keys, usage } = parts;
  return {
    nameOf: (key) => hash('sha256', key, 'binary'),
    find(name, request) {
      const known = keys.find(name);
      return known && judge(known.facts, request) === 'VALID' ? known : undefined;
    },
    answer(known, { cost }, { now, at }) {
      const { facts } = known;
      if (facts.holdsUntil !== null && at >= facts.holdsUntil) return undefined;
      const charged = usage.chargeKnown(known, { cost, now: at, at: now });
      return charged && { facts, charged, at };
    },
    generation: () => keys.generation(),
    keep: (name, key, since) => {
      keys.keep(name, key, since);
    },
  };
}
