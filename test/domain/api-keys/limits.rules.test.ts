import fc from 'fast-check';
import {
  addTo,
  decide,
  inWindow,
  nothingCounted,
  takeFrom,
  windowStart,
} from '../../../src/domain/api-keys/limits.rules';
import type { Count, Limits } from '../../../src/domain/api-keys/limits.rules';

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

/** A step of several processes that serve one key: a request at one of them, or that one hands in its counts. */
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ at: fc.nat({ max: 2 }), cost: fc.integer({ min: 0, max: 9 }) }),
  },
  { weight: 1, arbitrary: fc.record({ flush: fc.nat({ max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ passes: fc.integer({ min: 1, max: 40_000 }) }) },
);

interface Process {
  own: Count;
  known: Count;
}

/** Postgres and three processes; every look-up reads what is handed in. Returns what was granted in all. */
function play(
  given: Limits,
  steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
) {
  let handedIn: Count = nothingCounted;
  let now = 1_000_000;
  const processes: Process[] = [0, 1, 2].map(() => ({
    own: nothingCounted,
    known: nothingCounted,
  }));
  let granted = 0;
  let unflushed = 0;
  let mostUnflushed = 0;
  for (const one of steps) {
    if ('passes' in one) {
      now += one.passes;
      continue;
    }
    const process = processes['at' in one ? one.at : one.flush]!;
    const window = (cost: number) =>
      given.rateLimit && {
        start: windowStart(now, given.rateLimit.seconds),
        seconds: given.rateLimit.seconds,
        cost,
      };
    if ('flush' in one) {
      const { own } = process;
      handedIn = addTo(handedIn, own.cost, own.window);
      process.own = takeFrom(own, own.cost, own.window);
      unflushed -= own.cost;
      continue;
    }
    const state = { known: handedIn, fresh: true, own: process.own };
    const decision = decide(given, state, one.cost, now);
    const before = given.rateLimit
      ? inWindow(handedIn, windowStart(now, given.rateLimit.seconds), given.rateLimit.seconds)
      : 0;
    const fits =
      (!given.rateLimit || before + one.cost <= given.rateLimit.limit) &&
      (given.usageLimit === null || handedIn.cost + one.cost <= given.usageLimit);
    // Only what Postgres knows to exceed a limit is refused, and it is always refused.
    if (decision === 'RATE_LIMITED' || decision === 'USAGE_EXCEEDED') expect(fits).toBe(false);
    else expect(fits).toBe(true);
    if (decision === 'grant') {
      process.own = addTo(process.own, one.cost, window(one.cost));
      granted += one.cost;
      unflushed += one.cost;
      mostUnflushed = Math.max(mostUnflushed, unflushed);
    } else if (decision === 'ask' && fits) {
      handedIn = addTo(handedIn, one.cost, window(one.cost));
      granted += one.cost;
    }
  }
  return { granted, mostUnflushed };
}

describe('limits', () => {
  test('are overrun at most by what the processes have granted and not yet handed in', () => {
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 300 }), (given, steps) => {
        const { granted, mostUnflushed } = play(given, steps);
        if (given.usageLimit !== null)
          expect(granted).toBeLessThanOrEqual(given.usageLimit + mostUnflushed);
      }),
      { numRuns: 500 },
    );
  });

  test('that are strict are never overrun', () => {
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 300 }), (given, steps) => {
        const strict = { ...given, usageLimitStrict: true };
        const { granted } = play(strict, steps);
        if (strict.usageLimit !== null) expect(granted).toBeLessThanOrEqual(strict.usageLimit);
      }),
      { numRuns: 500 },
    );
  });

  test('are left to Postgres within a tenth of a limit, and whenever what is known is not recent', () => {
    const given = { rateLimit: null, usageLimit: 100, usageLimitStrict: false };
    const known = (cost: number): Count => ({ cost, window: null });
    const decideAt = (cost: number, fresh = true) =>
      decide(given, { known: known(cost), fresh, own: known(5) }, 1, 0);
    expect(decideAt(84)).toBe('grant');
    expect(decideAt(85)).toBe('ask');
    expect(decideAt(10, false)).toBe('ask');
    expect(decideAt(100)).toBe('USAGE_EXCEEDED');
    expect(decideAt(100, false)).toBe('USAGE_EXCEEDED');
  });

  test('begin anew with each window', () => {
    const given = {
      rateLimit: { limit: 10, seconds: 60 },
      usageLimit: null,
      usageLimitStrict: false,
    };
    const full = { cost: 10, window: { start: 60_000, seconds: 60, cost: 10 } };
    const at = (now: number) =>
      decide(given, { known: full, fresh: true, own: nothingCounted }, 1, now);
    expect(at(60_000)).toBe('RATE_LIMITED');
    expect(at(119_999)).toBe('RATE_LIMITED');
    expect(at(120_000)).toBe('grant');
  });
});

test('what is added to a count and taken from it again leaves it as it was', () => {
  fc.assert(
    fc.property(fc.nat({ max: 1e6 }), fc.nat({ max: 1e6 }), fc.nat({ max: 9 }), (a, b, n) => {
      const window = (cost: number) => ({ start: n * 1000, seconds: 1, cost });
      const count = addTo(nothingCounted, a, window(a));
      expect(takeFrom(addTo(count, b, window(b)), b, window(b))).toEqual(count);
    }),
  );
});
