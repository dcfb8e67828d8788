import { nothingCounted } from './limits.rules';
import type { Count } from './limits.rules';
import type { KeyFacts } from './verification.rules';

/** What is counted of one key, and of its rotation family where it is the first of it. Kept from flush to flush. */
export interface Counter {
  readonly id: string;
  /** In the order of ids; equal for few. */
  readonly rank: number;
  readonly tenantId: string;
  /** Itself, or the counter of the first key of its family. */
  readonly family: Counter;
  /** False once it was forgotten: what is counted from then on is counted by another one. */
  kept: boolean;
  /** The generation in which it was used last. */
  usedIn: number;
  /** Something was counted since the last flush. */
  touched: boolean;
  requests: number;
  /** Units of all accepted requests. */
  cost: number;
  /** Of the last request on the database's clock; read it with `lastUsedAt`. */
  lastUse: number;
  lastAddress: string | undefined;
  /** Nobody has marked a first use of the key. */
  unused: boolean;
  /** It has a row in Postgres to be counted into. */
  stored: boolean;
  /** Granted here to the family and not yet in Postgres, on its way included. */
  readonly own: Mutable<Count>;
  /** The part of it that is not on its way, in all and in the window of `own`. */
  charge: number;
  windowCharge: number;
  /** What all processes had handed in when that was last read, and when, on the monotonic clock. */
  readonly known: Mutable<Count>;
  knownAt: number;
}

/** Uses are counted from here: small integers lie in the counter itself, other numbers each in a place of their own. */
const began = Date.now();
/** Long before any process began. */
const never = -(2 ** 30);

/** Milliseconds since 1970 on the database's clock at which a key was last used. */
export const lastUsedAt = ({ lastUse }: Pick<Counter, 'lastUse'>): number => began + lastUse;

/** Notes a use, in milliseconds since 1970 on the database's clock; the latest stands. */
export function noteUse(counter: Counter, now: number): void {
  const lastUse = Math.trunc(now) - began;
  if (lastUse > counter.lastUse) counter.lastUse = lastUse;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Counters in use at which a generation ends early. */
const mostCounters = 20_000;

/** The counters of a process. */
export interface Counters {
  of(facts: KeyFacts): Counter;
  /** The same, at no cost when it is still the one that was used before. */
  again(last: Counter, facts: KeyFacts): Counter;
  /** Begins a generation: what nobody used in the one before it or in the last is forgotten. */
  turn(): void;
}

/**
 * Builds counters of nothing. They know by themselves when they were used, so that one at hand need not be looked up to
 * be remembered.
 */
export function createCounters(): Counters {
  const all = new Map<string, Counter>();
  let generation = 1;
  let inUse = 0;
  const turn = (): void => {
    generation += 1;
    inUse = 0;
    for (const [id, counter] of all) {
      if (counter.usedIn >= generation - 1) continue;
      counter.kept = false;
      all.delete(id);
    }
  };
  const mark = (counter: Counter): void => {
    if (counter.usedIn === generation) return;
    counter.usedIn = generation;
    inUse += 1;
  };
  // A family is remembered at least as long as its keys.
  const used = (counter: Counter): Counter => {
    mark(counter);
    mark(counter.family);
    if (inUse >= mostCounters) turn();
    return counter;
  };
  const named = (id: string, familyId: string, tenantId: string): Counter => {
    const known = all.get(id);
    if (known) return known;
    const family = familyId === id ? undefined : named(familyId, familyId, tenantId);
    const counter = newCounter(id, tenantId, family);
    all.set(id, counter);
    return counter;
  };
  return {
    of: ({ id, familyId, tenantId }) => used(named(id, familyId, tenantId)),
    again: (last, facts) =>
      used(last.kept ? last : named(facts.id, facts.familyId, facts.tenantId)),
    turn,
  };
}

function newCounter(id: string, tenantId: string, family: Counter | undefined): Counter {
  const counter = {
    id,
    rank: rankOf(id),
    tenantId,
    family: undefined as unknown as Counter,
    kept: true,
    usedIn: 0,
    touched: false,
    requests: 0,
    cost: 0,
    lastUse: never,
    lastAddress: undefined,
    unused: false,
    stored: false,
    own: { cost: 0, windowStart: 0, windowSeconds: 0, windowCost: 0 },
    charge: 0,
    windowCharge: 0,
    known: { ...nothingCounted },
    knownAt: -Infinity,
  };
  counter.family = family ?? counter;
  return counter;
}

/** The first 52 bits of an id: ids are sorted every second, and numbers are compared several times as fast. */
function rankOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13) + id.slice(14, 15), 16);
}
