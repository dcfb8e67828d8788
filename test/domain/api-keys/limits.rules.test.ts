import { decide, nothingCounted, windowStart } from '../../../src/domain/api-keys/limits.rules';
import type { Count } from '../../../src/domain/api-keys/limits.rules';

const usage = { rateLimit: null, usageLimit: 100, usageLimitStrict: false };
const rate = { rateLimit: { limit: 10, seconds: 60 }, usageLimit: null, usageLimitStrict: false };
const counted = (cost: number): Count => ({ ...nothingCounted, cost });

describe('a charge', () => {
  const decideAt = (known: number, own: number, fresh = true) =>
    decide(usage, { known: counted(known), fresh, own: counted(own) }, 1, 0);

  test('is granted far from the limit and left to Postgres within a tenth of it', () => {
    expect(decideAt(84, 5)).toBe('grant');
    expect(decideAt(85, 5)).toBe('ask');
    expect(decideAt(0, 90)).toBe('ask');
  });

  test('is left to Postgres whenever what is known is not recent', () => {
    expect(decideAt(10, 0, false)).toBe('ask');
  });

  test('is refused when what all have handed in exceeds the limit, recent or not', () => {
    expect(decideAt(100, 0)).toBe('USAGE_EXCEEDED');
    expect(decideAt(100, 0, false)).toBe('USAGE_EXCEEDED');
    // What was granted here may not have been counted: only Postgres can refuse for it.
    expect(decideAt(50, 60)).toBe('ask');
  });

  test('of nothing passes a limit that is just reached', () => {
    expect(decide(usage, { known: counted(100), fresh: true, own: nothingCounted }, 0, 0)).toBe(
      'ask',
    );
    expect(decide(usage, { known: counted(101), fresh: true, own: nothingCounted }, 0, 0)).toBe(
      'USAGE_EXCEEDED',
    );
  });
});

test('a rate limit begins anew with each window', () => {
  const full: Count = { cost: 10, windowStart: 60, windowSeconds: 60, windowCost: 10 };
  const at = (now: number) =>
    decide(rate, { known: full, fresh: true, own: nothingCounted }, 1, now);
  expect(at(60_000)).toBe('RATE_LIMITED');
  expect(at(119_999)).toBe('RATE_LIMITED');
  expect(at(120_000)).toBe('grant');
});

test('windows are aligned to 1970, whatever their length', () => {
  expect(windowStart(119_999, 60)).toBe(60);
  expect(windowStart(120_000, 60)).toBe(120);
  expect(windowStart(1_234_567, 7)).toBe(Math.floor(1_234_567 / 7_000) * 7);
});
