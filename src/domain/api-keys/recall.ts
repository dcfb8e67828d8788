import { hash } from 'node:crypto';
import type { LeaseCache } from './lease-cache';
import type { FoundKey } from './lookups';
import type { Counter } from './counters';
import type { ChargeOutcome, Usage } from './usage';
import { judge } from './verification.rules';
import type { Asked, KeyFacts } from './verification.rules';

/** A good answer from what a process knows. */
export interface Recalled {
  readonly facts: KeyFacts;
  readonly charged: ChargeOutcome;
  /** Milliseconds since 1970 on the database's clock. */
  readonly at: number;
}

/** The leaving of the query that found a key. */
export interface QueryLeft {
  /** The generation before it. */
  readonly since: number;
  /** When it was, on the monotonic clock. */
  readonly sentAt: number;
}

/** Answers from a cache whose lease holds; keys in it stand under their hash, since a process should hold no key. */
export interface Recall {
  /** The name of a key in the cache. */
  nameOf(key: string): string;
  /**
   * The answer for a key that is good for all that is asked, charged. Undefined when it is not known to be: no answer
   * but a good one is given from memory.
   */
  recall(name: string, question: Asked & { readonly cost: number }): Recalled | undefined;
  /** To be read before a query leaves whose answer `keep` is given. */
  generation(): number;
  /** Keeps a key that was found and judged to be good, until the first of what that rests on ends. */
  keep(name: string, found: FoundKey & { readonly counter: Counter }, query: QueryLeft): void;
}

/** Builds cached mode's part of a verifier. */
export function createRecall(parts: {
  readonly cache: Pick<LeaseCache, 'find' | 'generation' | 'keep'>;
  readonly usage: Pick<Usage, 'chargeKnown'>;
  /** Milliseconds since 1970 on the database's clock, at a time on the monotonic one. */
  readonly databaseTime: (now: number) => number;
}): Recall {
  const { cache, usage } = parts;
  return {
    nameOf: (key) => hash('sha256', key, 'base64url'),
    recall(name, question) {
      const now = performance.now();
      const known = cache.find(name, now);
      if (!known || judge(known.facts, question) !== 'VALID') return undefined;
      const at = parts.databaseTime(now);
      const charged = usage.chargeKnown(known, { cost: question.cost, now: at, at: now });
      return charged && { facts: known.facts, charged, at };
    },
    generation: () => cache.generation(),
    keep(name, { facts, readAt, counter }, { since, sentAt }) {
      const holdsFor = facts.holdsUntil === null ? Infinity : facts.holdsUntil - readAt;
      cache.keep(name, { facts, counter }, since, sentAt + holdsFor);
    },
  };
}
