import fc from 'fast-check';
import type { Charge, Charged } from '../../../src/domain/api-keys/charges';
import type { Counter } from '../../../src/domain/api-keys/counters';
import { inWindow, windowStart } from '../../../src/domain/api-keys/limits.rules';
import type { Count } from '../../../src/domain/api-keys/limits.rules';
import { createUsage } from '../../../src/domain/api-keys/usage';
import type { KeyFacts } from '../../../src/domain/api-keys/verification.rules';
import { goodKey } from './facts';

const limits = fc.record({
  rateLimit: fc.option(
    fc.record({
      limit: fc.integer({ min: 1, max: 200 }),
      seconds: fc.integer({ min: 1, max: 60 }),
    }),
  ),
  usageLimit: fc.option(fc.integer({ min: 0, max: 400 })),
  usageLimitStrict: fc.boolean(),
});

const processes = 3;

/** A step of several processes that serve one family: a request at one of them, or that one hands in its counts. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      at: fc.nat({ max: processes - 1 }),
      cost: fc.integer({ min: 0, max: 9 }),
      successor: fc.boolean(),
      /** Charged by what is known at the process, where that is enough. */
      cached: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ flush: fc.nat({ max: processes - 1 }) }) },
  { weight: 1, arbitrary: fc.record({ passes: fc.integer({ min: 1, max: 40_000 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** What Postgres counts of one family, and how it decides a charge. */
class Postgres {
  count: Count = { cost: 0, windowStart: 0, windowSeconds: 0, windowCost: 0 };
  now = 1_000_000;

  add(cost: number, start: number, seconds: number, windowCost: number): void {
    const { count } = this;
    if (windowCost === 0 || (seconds === count.windowSeconds && start < count.windowStart)) {
      this.count = { ...count, cost: count.cost + cost };
      return;
    }
    const before = inWindow(count, start, seconds);
    this.count = {
      cost: count.cost + cost,
      windowStart: start,
      windowSeconds: seconds,
      windowCost: before + windowCost,
    };
  }

  charge({ facts, cost, granted }: Charge): Charged {
    const { rateLimit, usageLimit } = facts;
    if (granted.cost > 0)
      this.add(granted.cost, granted.windowStart, granted.windowSeconds, granted.windowCost);
    const start = rateLimit ? windowStart(this.now, rateLimit.seconds) : 0;
    const before = rateLimit ? inWindow(this.count, start, rateLimit.seconds) : 0;
    if (rateLimit && before + cost > rateLimit.limit)
      return { verdict: 'RATE_LIMITED', count: this.count };
    if (usageLimit !== null && this.count.cost + cost > usageLimit)
      return { verdict: 'USAGE_EXCEEDED', count: this.count };
    this.add(cost, start, rateLimit?.seconds ?? 0, cost);
    return { verdict: 'VALID', count: this.count };
  }
}

interface Tally {
  /** Units granted in all, and in each window. */
  readonly granted: number;
  readonly inWindows: readonly number[];
  /** The most that all of them had granted and not yet handed in. */
  readonly mostPending: number;
  readonly counted: number;
}

async function play(given: Partial<KeyFacts>, steps: readonly Step[]): Promise<Tally> {
  const postgres = new Postgres();
  const keys = [
    { ...goodKey, ...given },
    { ...goodKey, ...given, id: 'successor', familyId: goodKey.id },
  ];
  const usages = Array.from({ length: processes }, () =>
    createUsage((charge) => Promise.resolve({ value: postgres.charge(charge), sentAt: 0 })),
  );
  for (const usage of usages) usage.flushedUpTo(performance.now() + 1e9);
  const windows = new Map<number, number>();
  /** Where each process counted a key last; it may have forgotten it since. */
  const counters = new Map<string, Counter>();
  let granted = 0;
  let mostPending = 0;
  /** What each process last knew that all have handed in. */
  const knew = usages.map(() => 0);
  const flush = (at: number): void => {
    const usage = usages[at]!;
    const uses = usage.take().counters.map((counter) => usage.takeOut(counter));
    const others = new Map<number, Count>();
    for (const [place, use] of uses.entries()) {
      if (use.counter.id !== goodKey.id) continue;
      if (use.cost > 0) postgres.add(use.cost, use.windowStart, use.windowSeconds, use.windowCost);
      // As count_key_uses tells it.
      if (postgres.count.cost !== use.after.cost) others.set(place, postgres.count);
      else expect(use.after).toEqual(postgres.count);
      knew[at] = postgres.count.cost;
    }
    usage.flushed(uses, { others, at: performance.now() });
  };
  for (const one of steps) {
    if ('passes' in one) postgres.now += one.passes;
    else if ('flush' in one) flush(one.flush);
    else {
      const usage = usages[one.at]!;
      const facts = keys[one.successor ? 1 : 0]!;
      const { cost } = one;
      const request = {
        cost,
        now: postgres.now,
        known: postgres.count,
        knownAt: performance.now(),
        deadline: 0,
      };
      const last = counters.get(`${String(one.at)} ${facts.id}`);
      const at = performance.now();
      let outcome =
        one.cached && last
          ? usage.chargeKnown({ facts, counter: last }, { cost, now: postgres.now, at })
          : undefined;
      if (!outcome) {
        knew[one.at] = postgres.count.cost;
        outcome = await usage.charge(facts, request);
      }
      counters.set(`${String(one.at)} ${facts.id}`, outcome.counter);
      if (outcome.code !== 'VALID') continue;
      usage.accept(outcome.counter, cost, postgres.now, undefined);
      granted += cost;
      const start = given.rateLimit ? windowStart(postgres.now, given.rateLimit.seconds) : 0;
      windows.set(start, (windows.get(start) ?? 0) + cost);
      mostPending = Math.max(mostPending, granted - Math.min(knew[one.at]!, postgres.count.cost));
    }
  }
  for (const at of knew.keys()) flush(at);
  return { granted, inWindows: [...windows.values()], mostPending, counted: postgres.count.cost };
}

test('a process that serves a family alone never overruns a limit', async () => {
  await fc.assert(
    fc.asyncProperty(limits, fc.array(step, { maxLength: 200 }), async (given, steps) => {
      const alone = steps.map((one) =>
        'at' in one ? { ...one, at: 0 } : 'flush' in one ? { flush: 0 } : one,
      );
      const { granted, inWindows } = await play(given, alone);
      if (given.usageLimit !== null) expect(granted).toBeLessThanOrEqual(given.usageLimit);
      for (const cost of inWindows)
        if (given.rateLimit) expect(cost).toBeLessThanOrEqual(given.rateLimit.limit);
    }),
    { numRuns: 300 },
  );
});

describe('several processes that serve the keys of one family', () => {
  test('overrun a limit at most by what was granted since they last read what all had handed in', async () => {
    await fc.assert(
      fc.asyncProperty(limits, fc.array(step, { maxLength: 200 }), async (given, steps) => {
        const { granted, inWindows, mostPending } = await play(given, steps);
        if (given.usageLimit !== null)
          expect(granted).toBeLessThanOrEqual(given.usageLimit + mostPending);
        for (const cost of inWindows)
          if (given.rateLimit)
            expect(cost).toBeLessThanOrEqual(given.rateLimit.limit + mostPending);
      }),
      { numRuns: 300 },
    );
  });

  test('never overrun a usage limit that is strict', async () => {
    await fc.assert(
      fc.asyncProperty(limits, fc.array(step, { maxLength: 200 }), async (given, steps) => {
        const { granted } = await play({ ...given, usageLimitStrict: true }, steps);
        if (given.usageLimit !== null) expect(granted).toBeLessThanOrEqual(given.usageLimit);
      }),
      { numRuns: 300 },
    );
  });

  test('hand in exactly what they granted', async () => {
    await fc.assert(
      fc.asyncProperty(limits, fc.array(step, { maxLength: 200 }), async (given, steps) => {
        const { granted, counted } = await play(given, steps);
        expect(counted).toBe(granted);
      }),
      { numRuns: 300 },
    );
  });
});

test('a counter is remembered while its key or a successor is used, and found again by its key once it was not', async () => {
  const usage = createUsage(() => Promise.reject(new Error('not asked')));
  const known = { cost: 0, windowStart: 0, windowSeconds: 0, windowCost: 0 };
  const charge = async (facts: KeyFacts) => {
    const request = { cost: 1, now: 0, known, knownAt: 0, deadline: 0 };
    return (await usage.charge(facts, request)).counter;
  };
  /** Sixty flushes begin a generation. */
  const turn = () => {
    for (let n = 0; n < 60; n += 1)
      usage.take().counters.forEach((one) => {
        usage.flushed([usage.takeOut(one)]);
      });
  };
  const successor = { ...goodKey, id: 'successor', familyId: goodKey.id };
  const first = await charge(successor);
  const family = first.family;
  const again = () =>
    usage.chargeKnown({ facts: successor, counter: first }, { cost: 1, now: 0, at: 0 })?.counter;
  for (let n = 0; n < 5; n += 1) {
    turn();
    expect(again()).toBe(first);
  }
  expect(await charge(goodKey)).toBe(family);
  turn();
  turn();
  const second = again();
  expect(second).not.toBe(first);
  expect(first.kept || family.kept).toBe(false);
  expect(await charge(goodKey)).toBe(second?.family);
});

test('a process that could not hand in its counts for 2 s leaves every charge to Postgres', async () => {
  const postgres = new Postgres();
  let asked = 0;
  const usage = createUsage((charge) => {
    asked += 1;
    return Promise.resolve({ value: postgres.charge(charge), sentAt: 0 });
  });
  const facts = { ...goodKey, usageLimit: 1_000 };
  const knownAt = performance.now();
  const request = { cost: 1, now: 0, known: postgres.count, knownAt, deadline: 0 };
  const { counter } = await usage.charge(facts, request);
  const chargeKnown = () =>
    usage.chargeKnown({ facts, counter }, { cost: 1, now: 0, at: performance.now() });
  expect(asked).toBe(1);
  expect(chargeKnown()).toBeUndefined();
  usage.flushedUpTo(performance.now());
  await usage.charge(facts, request);
  expect(asked).toBe(1);
  expect(chargeKnown()?.code).toBe('VALID');
});
