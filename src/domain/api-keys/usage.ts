import type { Answered } from '../../platform/batched-query';
import type { VerificationCode } from '../../contracts/verification';
import type { Charge, Charged } from './charges';
import { createCounters, lastUsedAt, noteUse } from './counters';
import type { Counter } from './counters';
import { added, decide, inWindow, isLimited, windowStart } from './limits.rules';
import type { Count } from './limits.rules';
import type { KeyFacts } from './verification.rules';

/** What is handed in of one counter. */
export interface CountedUse extends Count {
  readonly counter: Counter;
  readonly requests: number;
  /** Units of all accepted requests; `cost` are those that are charged here. */
  readonly spent: number;
  /** What Postgres has counted once this is in, unless another process has counted since that was last read. */
  readonly after: Count;
  readonly lastUsedAt: number;
  readonly lastAddress: string | undefined;
}

/** Refusals of one key by one code. */
export interface Refusal {
  readonly keyId: string;
  readonly tenantId: string;
  readonly code: VerificationCode;
  count: number;
}

/** What a request is charged by. */
export interface Chargeable {
  readonly cost: number;
  /** The database's clock, milliseconds since 1970. */
  readonly now: number;
  /** What all processes have handed in, and when the query left that read it, on the monotonic clock. */
  readonly known: Count;
  readonly knownAt: number;
  /** On the monotonic clock. */
  readonly deadline: number;
}

/** A key, and where it is counted unless that was forgotten. */
export interface KnownKey {
  readonly facts: KeyFacts;
  readonly counter: Counter;
}

/** What a request to a known key is charged by. */
export interface KnownChargeable {
  readonly cost: number;
  /** The database's clock, milliseconds since 1970. */
  readonly now: number;
  /** The monotonic clock. */
  readonly at: number;
}

/** What charging a request came to. */
export interface ChargeOutcome {
  readonly code: 'VALID' | 'RATE_LIMITED' | 'USAGE_EXCEEDED';
  /** Of the rate limit's window; null without one. */
  readonly remaining: number | null;
  readonly resetAt: number | null;
  /** Where the request is counted once it is accepted. */
  readonly counter: Counter;
}

/** What all processes had counted when uses were in. */
export interface CountsRead {
  /** By the place of the use, where it is not `after`. */
  readonly others: ReadonlyMap<number, Count>;
  /** When that was, on the monotonic clock. */
  readonly at: number;
}

/** What one process has counted and not yet handed in. */
export interface Usage {
  /**
   * Charges a request to the limits of its key: here where that is safe, in Postgres near a limit and when this
   * process could not hand in its counts for 2 s.
   * @throws DatabaseUnavailable by the deadline
   */
  charge(facts: KeyFacts, request: Chargeable): ChargeOutcome | Promise<ChargeOutcome>;
  /**
   * Charges a request by what is known here already; undefined when that is not enough to grant it.
   * @param known a key that was charged before, and where
   */
  chargeKnown(known: KnownKey, request: KnownChargeable): ChargeOutcome | undefined;
  /** Counts an accepted request. */
  accept(counter: Counter, cost: number, now: number, address: string | undefined): void;
  /** Counts a refused one. */
  refuse(facts: KeyFacts, code: VerificationCode): void;
  /** What something was counted of since the last time, each to be taken out by `takeOut`. */
  take(): { readonly counters: readonly Counter[]; readonly refusals: readonly Refusal[] };
  /** Takes out what is to be handed in; it counts as granted here until `flushed`. */
  takeOut(counter: Counter): CountedUse;
  /** Something is handed in; with what all processes have counted of it, if that is known. */
  flushed(uses: readonly CountedUse[], counts?: CountsRead): void;
  /** All that was counted up to that time, on the monotonic clock, is handed in. */
  flushedUpTo(time: number): void;
}

/** Milliseconds within which a process has handed in what it counted, or is not relied on to count. */
export const freshMs = 2_000;
/** Flushes after which a counter that nobody touched is forgotten, at most twice as many. */
const turnEvery = 60;

/** Begins to count. */
export function createUsage(
  makeCharge: (charge: Charge, deadline: number) => Promise<Answered<Charged>>,
): Usage {
  const counters = createCounters();
  let touched: Counter[] = [];
  let refusals = new Map<string, Refusal>();
  let lastFlush = -Infinity;
  let flushes = 0;

  const isFlushed = (at: number): boolean => at - lastFlush <= freshMs;
  const touch = (counter: Counter): void => {
    if (counter.touched) return;
    counter.touched = true;
    touched.push(counter);
  };

  const grant = (family: Counter, facts: KeyFacts, cost: number, now: number): void => {
    if (cost === 0) return;
    addToFamily(family, facts, cost, now);
    touch(family);
  };

  /** Has Postgres decide, and hands in on the way what was granted here, so that it is counted first. */
  const ask = async (
    counter: Counter,
    facts: KeyFacts,
    { cost, now, deadline }: Chargeable,
  ): Promise<ChargeOutcome> => {
    const { family } = counter;
    const granted = takeGranted(family);
    try {
      const { value } = await makeCharge({ facts, cost, granted }, deadline);
      settle(family, granted);
      learn(family, value.count, performance.now());
      return outcome(facts, counter, value.verdict, value.count, now);
    } catch (error) {
      // Nobody knows whether it was counted: once too often rather than not at all.
      family.charge += granted.cost;
      if (isSameWindow(family.own, granted)) family.windowCharge += granted.windowCost;
      touch(family);
      throw error;
    }
  };

  return {
    charge(facts, request) {
      const counter = counters.of(facts);
      counter.unused = facts.unused;
      const { cost, now, known, knownAt } = request;
      const { family } = counter;
      learn(family, known, knownAt);
      if (!isLimited(facts)) {
        // Counted all the same: a limit that is set later counts from the beginning.
        grant(family, facts, cost, now);
        return { code: 'VALID', remaining: null, resetAt: null, counter };
      }
      const at = performance.now();
      const fresh = isFlushed(at) && at - knownAt <= freshMs;
      const decision = decide(facts, { known, fresh, own: family.own }, cost, now);
      if (decision === 'ask') return ask(counter, facts, request);
      if (decision !== 'grant') return outcome(facts, counter, decision, known, now);
      grant(family, facts, cost, now);
      return outcome(facts, counter, 'VALID', known, now);
    },
    chargeKnown({ facts, counter: last }, { cost, now, at }) {
      const counter = counters.again(last, facts);
      const { family } = counter;
      const { known, own } = family;
      if (isLimited(facts)) {
        // Each flush reads anew what it hands in, so that even an old count is relied on for one interval at most.
        if (family.knownAt === -Infinity || !isFlushed(at)) return undefined;
        if (decide(facts, { known, fresh: true, own }, cost, now) !== 'grant') return undefined;
      }
      counter.unused = facts.unused;
      grant(family, facts, cost, now);
      return outcome(facts, counter, 'VALID', known, now);
    },
    accept(counter, cost, now, address) {
      counter.requests += 1;
      counter.cost += cost;
      noteUse(counter, now);
      // The same text stays: a new one in an old counter has to be moved about by the collector.
      if (address !== undefined && address !== counter.lastAddress) counter.lastAddress = address;
      touch(counter);
    },
    refuse(facts, code) {
      const name = `${facts.id} ${code}`;
      const refusal = refusals.get(name);
      if (refusal) refusal.count += 1;
      else refusals.set(name, { keyId: facts.id, tenantId: facts.tenantId, code, count: 1 });
    },
    take() {
      const taken = { counters: touched, refusals: [...refusals.values()] };
      touched = [];
      refusals = new Map();
      flushes += 1;
      if (flushes % turnEvery === 0) counters.turn();
      return taken;
    },
    takeOut,
    flushed(uses, counts) {
      for (const [place, use] of uses.entries()) {
        const { counter } = use;
        settle(counter, use);
        if (!counts) continue;
        counter.stored = true;
        learn(counter, counts.others.get(place) ?? use.after, counts.at);
      }
    },
    flushedUpTo(time) {
      lastFlush = Math.max(lastFlush, time);
    },
  };
}

function addToFamily(family: Counter, { rateLimit }: KeyFacts, cost: number, now: number): void {
  const { own } = family;
  own.cost += cost;
  family.charge += cost;
  if (!rateLimit) return;
  const start = windowStart(now, rateLimit.seconds);
  if (own.windowStart !== start || own.windowSeconds !== rateLimit.seconds) {
    // What was counted of a window that is over bounds nothing any more.
    own.windowStart = start;
    own.windowSeconds = rateLimit.seconds;
    own.windowCost = 0;
    family.windowCharge = 0;
  }
  own.windowCost += cost;
  family.windowCharge += cost;
}

function learn(family: Counter, known: Count, knownAt: number): void {
  if (knownAt < family.knownAt) return;
  // Copied: whatever a counter that is old points to has to be moved about by the collector, for every request.
  family.known.cost = known.cost;
  family.known.windowStart = known.windowStart;
  family.known.windowSeconds = known.windowSeconds;
  family.known.windowCost = known.windowCost;
  family.knownAt = knownAt;
}

const isSameWindow = (a: Count, b: Count): boolean =>
  a.windowStart === b.windowStart && a.windowSeconds === b.windowSeconds;

/** What is not on its way to Postgres goes on its way. */
function takeGranted(counter: Counter): Count {
  const { own, charge: cost, windowCharge: windowCost } = counter;
  counter.charge = 0;
  counter.windowCharge = 0;
  const { windowStart: start, windowSeconds } = own;
  return { cost, windowStart: start, windowSeconds, windowCost };
}

/** It has arrived. */
function settle({ own }: Counter, arrived: Count): void {
  own.cost -= arrived.cost;
  if (isSameWindow(own, arrived)) own.windowCost -= arrived.windowCost;
}

function takeOut(counter: Counter): CountedUse {
  const { requests, cost: spent, lastAddress } = counter;
  counter.touched = false;
  counter.requests = 0;
  counter.cost = 0;
  const granted = takeGranted(counter);
  return {
    counter,
    requests,
    spent,
    lastUsedAt: lastUsedAt(counter),
    lastAddress,
    ...granted,
    after: added(counter.known, granted),
  };
}

function outcome(
  { rateLimit }: KeyFacts,
  counter: Counter,
  code: ChargeOutcome['code'],
  known: Count,
  now: number,
): ChargeOutcome {
  if (!rateLimit) return { code, remaining: null, resetAt: null, counter };
  const { limit, seconds } = rateLimit;
  const start = windowStart(now, seconds);
  const counted = inWindow(known, start, seconds) + inWindow(counter.family.own, start, seconds);
  return {
    code,
    remaining: Math.max(0, limit - counted),
    resetAt: (start + seconds) * 1000,
    counter,
  };
}
