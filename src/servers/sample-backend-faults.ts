import { z } from 'zod';

const place = { path: z.string().startsWith('/').optional(), method: z.string().optional() };

/** What the sample backend can be told to do wrong. `act` modes do the work first and then lose the answer. */
export const BackendFault = z.strictObject({
  /** Without `/api`; a `*` at the end stands for anything. Without it every path. */
  ...place,
  mode: z.enum([
    'timeout-after-act',
    'reset-after-act',
    'reset-before-act',
    'malformed',
    'status',
    'slow',
  ]),
  /** For `status`; nothing is done then. */
  status: z.int().min(200).max(599).default(503),
  /** Seconds, sent as Retry-After with `status`. */
  retry_after: z.int().min(0).max(86_400).optional(),
  /** Text of the answer's `message` with `status`. */
  message: z.string().max(1_000).default('injected by a test'),
  /** For `slow`: how long the answer takes after the work is done. */
  delay_ms: z.int().min(0).max(120_000).default(5_000),
  /** How often it happens; without it until the faults are set anew. */
  times: z.int().positive().optional(),
  /** Of 1; drawn from `seed`, so that a run can be repeated. */
  probability: z.number().min(0).max(1).optional(),
  seed: z.int().default(1),
});
export type BackendFault = z.output<typeof BackendFault>;

/** A list of faults, the first fitting one counts; it replaces the list before. */
export const BackendFaults = z.array(BackendFault).max(1_000);

/** A limit per path: so many calls in a sliding window. A path without `/api`, `/admin/*`, or `*`. */
export const BackendLimit = z.strictObject({
  path: z.string().min(1),
  calls: z.int().min(1),
  window_ms: z.int().min(1).max(3_600_000),
});
export type BackendLimit = z.output<typeof BackendLimit>;

/** The limits in force, one or a list; they replace those before. */
export const BackendLimits = z
  .union([BackendLimit, z.array(BackendLimit).max(1_000)])
  .transform((given) => (Array.isArray(given) ? given : [given]));

/** Whether a pattern of a fault or limit means a path. */
export function means(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
}

/** The faults in force. */
export interface FaultPlan {
  set(faults: readonly BackendFault[]): void;
  /** The fault that this call meets, counted as having happened. */
  strike(method: string, path: string): BackendFault | undefined;
}

/** An empty plan. */
export function createFaultPlan(): FaultPlan {
  let planned: { fault: BackendFault; left: number; chance: () => number }[] = [];
  return {
    set(faults) {
      planned = faults.map((fault) => ({
        fault,
        left: fault.times ?? Infinity,
        chance: randomFrom(fault.seed),
      }));
    },
    strike(method, path) {
      const met = planned.find(
        ({ fault, left, chance }) =>
          left > 0 &&
          (fault.method === undefined || fault.method.toUpperCase() === method) &&
          (fault.path === undefined || means(fault.path, path)) &&
          (fault.probability === undefined || chance() < fault.probability),
      );
      if (met) met.left -= 1;
      return met?.fault;
    },
  };
}

// mulberry32: small, and the same everywhere for the same seed.
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Sliding windows, one per path that a limit means. */
export interface SlidingLimits {
  set(limits: readonly BackendLimit[]): void;
  /** Whether one more call of this path is within its limit now; it counts then. */
  admit(path: string, now: number): boolean;
}

/** Limits in the way of the spreadsheet backend: refused calls do not count. */
export function createSlidingLimits(): SlidingLimits {
  let limits: readonly BackendLimit[] = [];
  const taken = new Map<string, number[]>();
  return {
    set(next) {
      limits = [...next].sort((a, b) => b.path.length - a.path.length);
      taken.clear();
    },
    admit(path, now) {
      const limit = limits.find((candidate) => means(candidate.path, path));
      if (limit === undefined) return true;
      const calls = taken.get(path) ?? [];
      taken.set(path, calls);
      while (calls[0] !== undefined && calls[0] <= now - limit.window_ms) calls.shift();
      if (calls.length >= limit.calls) return false;
      calls.push(now);
      return true;
    },
  };
}
