import type { KeyFacts } from './verification.rules';

/** The limits of one key; counters belong to its whole rotation family. */
export type Limits = Pick<KeyFacts, 'rateLimit' | 'usageLimit' | 'usageLimitStrict'>;

/** Units counted in one window; windows are aligned to 1970. Times are milliseconds of the database's clock. */
export interface WindowCount {
  readonly start: number;
  readonly seconds: number;
  readonly cost: number;
}

/** What is counted of a family: by all processes as of the last look, or here since then. */
export interface Count {
  readonly cost: number;
  readonly window: WindowCount | null;
}

/** A count before anything was counted. */
export const nothingCounted: Count = { cost: 0, window: null };

/** What a charge comes to; `ask` when only Postgres can tell. */
export type Decision = 'grant' | 'ask' | 'RATE_LIMITED' | 'USAGE_EXCEEDED';

/** Share of a limit from which on every charge is made in Postgres. */
export const strictShare = 0.9;

/** Where the window of so many seconds begins that a time lies in. */
export function windowStart(now: number, seconds: number): number {
  const length = seconds * 1000;
  return Math.floor(now / length) * length;
}

/** Units of the present window in a count. */
export function inWindow(count: Count, start: number, seconds: number): number {
  const { window } = count;
  return window?.start === start && window.seconds === seconds ? window.cost : 0;
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

/** A count with so many units more. */
export function addTo(count: Count, cost: number, window: WindowCount | null): Count {
  return {
    cost: count.cost + cost,
    window: window ? laterWindow(count.window, window) : count.window,
  };
}

/** What is counted of the present window, after more was counted in it or it gave way to the next one. */
export function laterWindow(before: WindowCount | null, more: WindowCount): WindowCount {
  const { start, seconds, cost } = more;
  if (before?.start !== start || before.seconds !== seconds) return more;
  return { start, seconds, cost: before.cost + cost };
}

/** A count without units that were handed in. */
export function takeFrom(count: Count, cost: number, window: WindowCount | null): Count {
  const rest = { cost: count.cost - cost, window: count.window };
  if (!window || !count.window) return rest;
  const { start, seconds } = count.window;
  if (start !== window.start || seconds !== window.seconds) return rest;
  return { ...rest, window: { start, seconds, cost: count.window.cost - window.cost } };
}
