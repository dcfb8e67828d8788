import type { KeyFacts } from './verification.rules';

/** The limits of one key; counters belong to its whole rotation family. */
export type Limits = Pick<KeyFacts, 'rateLimit' | 'usageLimit' | 'usageLimitStrict'>;

/**
 * Units counted of a family, in all and in one window. Windows are aligned to 1970, on the database's clock. A window
 * of 0 seconds is none.
 */
export interface Count {
  readonly cost: number;
  /** Seconds since 1970: integers that small cost a count no object of their own. */
  readonly windowStart: number;
  readonly windowSeconds: number;
  readonly windowCost: number;
}

/** A count before anything was counted. */
export const nothingCounted: Count = { cost: 0, windowStart: 0, windowSeconds: 0, windowCost: 0 };

/** What a charge comes to; `ask` when only Postgres can tell. */
export type Decision = 'grant' | 'ask' | 'RATE_LIMITED' | 'USAGE_EXCEEDED';

/** Share of a limit from which on every charge is made in Postgres. */
export const strictShare = 0.9;

/** The second since 1970 at which the window of so many seconds begins that a time in milliseconds lies in. */
export function windowStart(now: number, seconds: number): number {
  return Math.floor(now / (seconds * 1000)) * seconds;
}

/** Units of the present window in a count. */
export function inWindow(count: Count, start: number, seconds: number): number {
  return count.windowStart === start && count.windowSeconds === seconds ? count.windowCost : 0;
}

/** Whether a key has any limit to be charged. */
export function isLimited(limits: Limits): boolean {
  return limits.rateLimit !== null || limits.usageLimit !== null;
}

/**
 * Decides a charge without asking anybody. What all processes were known to have counted can only have grown, so a
 * limit that this exceeds is exceeded; far from the limits, with a count that is fresh, the charge is granted.
 * @param known the count of all processes
 * @param fresh whether it and what they hand in is recent enough to be relied on
 * @param own what this process has granted and not yet handed in
 */
export function decide(
  limits: Limits,
  state: { readonly known: Count; readonly fresh: boolean; readonly own: Count },
  cost: number,
  now: number,
): Decision {
  const { known, own } = state;
  const { rateLimit, usageLimit } = limits;
  let near = limits.usageLimitStrict && usageLimit !== null;
  if (rateLimit) {
    const start = windowStart(now, rateLimit.seconds);
    const before = inWindow(known, start, rateLimit.seconds);
    if (before + cost > rateLimit.limit) return 'RATE_LIMITED';
    const here = inWindow(own, start, rateLimit.seconds);
    near ||= before + here + cost > rateLimit.limit * strictShare;
  }
  if (usageLimit !== null) {
    if (known.cost + cost > usageLimit) return 'USAGE_EXCEEDED';
    near ||= known.cost + own.cost + cost > usageLimit * strictShare;
  }
  return near || !state.fresh ? 'ask' : 'grant';
}

/**
 * What a count becomes when more is counted, as `count_key_uses` does it: a window that began before the one that is
 * counted is over, and what comes without a window leaves it as it is.
 */
export function added(count: Count, more: Count): Count {
  const cost = count.cost + more.cost;
  const { windowStart: start, windowSeconds } = more;
  if (more.windowCost === 0) return { ...count, cost };
  if (windowSeconds === count.windowSeconds) {
    if (start < count.windowStart) return { ...count, cost };
    if (start === count.windowStart)
      return { ...more, cost, windowCost: count.windowCost + more.windowCost };
  }
  return { ...more, cost };
}

/**
 * Reads a count as the queries write it: the database's clock, then cost, start in milliseconds, seconds and cost of
 * the window, parts of which are missing where nothing was counted.
 */
export function readCount(text: string): { readonly readAt: number; readonly count: Count } {
  const [now, ...parts] = text.split(' ');
  return { readAt: Number(now), count: countOf(parts) };
}

/**
 * Reads what `count_key_uses` tells: which of the rows, from 0, and their counts.
 * @param text rows separated by commas: which, from 1, then the count; null for none
 */
export function readCounts(text: string | null): ReadonlyMap<number, Count> {
  if (text === null) return new Map();
  return new Map(
    text.split(',').map((row) => {
      const [which, ...parts] = row.split(' ');
      return [Number(which) - 1, countOf(parts)];
    }),
  );
}

function countOf([cost = '', start, seconds, windowCost]: readonly string[]): Count {
  if (cost === '') return nothingCounted;
  return {
    cost: Number(cost),
    windowStart: Number(start) / 1000,
    windowSeconds: Number(seconds),
    windowCost: Number(windowCost),
  };
}
