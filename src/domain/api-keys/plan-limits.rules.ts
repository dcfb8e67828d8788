import type { Plan } from '../tenants/plans.rules';

/** A rate as a key holds it. */
export interface Rate {
  readonly limit: number;
  readonly windowSeconds: number;
}

/** The limits that somebody asks for: undefined or null for what the plan sets. */
export interface WantedLimits {
  readonly rate?: Rate | null | undefined;
  readonly usage?: number | null | undefined;
}

/** The limits that a key gets. */
export interface KeyLimits {
  readonly rate: Rate;
  readonly usage: number | null;
}

/** Which bound of a plan is passed, and what it is. */
export interface Excess {
  readonly of: 'keys' | 'rate_limit' | 'usage_limit';
  readonly limit: number;
  readonly windowSeconds?: number;
}

// Cross-multiplied, since windows differ; a burst is not worth more than its rate.
const isFaster = (a: Rate, b: Rate): boolean =>
  a.limit * b.windowSeconds > b.limit * a.windowSeconds;

/** The limits of a key under a plan: what was asked for, else what the plan sets. */
export function limitsUnder(plan: Plan, wanted: WantedLimits): KeyLimits {
  return { rate: wanted.rate ?? plan.rateLimit, usage: wanted.usage ?? plan.usageLimit };
}

/** The first bound of a plan that limits pass, or null. */
export function excessOf(plan: Plan, limits: KeyLimits): Excess | null {
  if (isFaster(limits.rate, plan.rateLimit)) {
    const { limit, windowSeconds } = plan.rateLimit;
    return { of: 'rate_limit', limit, windowSeconds };
  }
  const { usageLimit } = plan;
  if (usageLimit !== null && (limits.usage === null || limits.usage > usageLimit)) {
    return { of: 'usage_limit', limit: usageLimit };
  }
  return null;
}

/** The number of keys that a plan allows, when one more would pass it; else null. */
export function excessOfKeys(plan: Plan, liveKeys: number): Excess | null {
  return liveKeys >= plan.keys ? { of: 'keys', limit: plan.keys } : null;
}
