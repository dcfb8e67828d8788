import { z } from 'zod';

/**
 * What an object store can do wrong, or lie about.
 *
 * - `status`, `reset`, `slow`: refuses, hangs up, or rests, before it does anything; with `after`, once it has done it
 * - `unstored`: says that it stored an object and did not
 * - `cut-upload`: stores only the first half of an object and says that it stored it
 * - `unchecked`, `unconditional`, `unlocked`: ignores checksums, If-None-Match, retention
 * - `stale`: answers as before the newest write of the key
 * - `phantom`: tells of an object that it said it stored, though it did not
 * - `wrong-checksum`, `no-checksum`: tells another checksum, or none
 * - `cut-body`, `short-body`, `changed-byte`: hands out half a body and hangs up, half a body as if it were all, a body
 *   with one other byte
 */
export const StoreFault = z.strictObject({
  mode: z.enum([
    'status',
    'reset',
    'slow',
    'unstored',
    'cut-upload',
    'unchecked',
    'unconditional',
    'unlocked',
    'stale',
    'phantom',
    'wrong-checksum',
    'no-checksum',
    'cut-body',
    'short-body',
    'changed-byte',
  ]),
  /** Without it every method. */
  method: z.enum(['GET', 'HEAD', 'PUT', 'DELETE', 'POST']).optional(),
  /** Part of the key; without it every one. */
  key: z.string().min(1).optional(),
  /** For `status`. */
  status: z.int().min(400).max(599).default(503),
  /** For `status`: S3's error code. */
  code: z.string().default('SlowDown'),
  /** For `status`, `reset` and `slow`: does what was asked first. */
  after: z.boolean().default(false),
  /** For `slow`. */
  delay_ms: z.int().min(0).max(120_000).default(2_000),
  /** How many requests that it means are let pass first. */
  skip: z.int().min(0).default(0),
  /** How often it happens; without it until the faults are set anew. */
  times: z.int().positive().optional(),
});
export type StoreFault = z.output<typeof StoreFault>;

/** A list of faults; it replaces the list before. */
export const StoreFaults = z.array(StoreFault).max(1_000);

const reads = ['GET', 'HEAD'];

/** Of which methods a mode says anything; of all where it is not listed. */
const methodsOf: Partial<Record<StoreFault['mode'], readonly string[]>> = {
  unstored: ['PUT'],
  'cut-upload': ['PUT'],
  unchecked: ['PUT'],
  unconditional: ['PUT'],
  unlocked: ['PUT', 'DELETE'],
  stale: reads,
  phantom: reads,
  'wrong-checksum': reads,
  'no-checksum': reads,
  'cut-body': ['GET'],
  'short-body': ['GET'],
  'changed-byte': ['GET'],
};

/** The faults in force. */
export interface StoreFaultPlan {
  set(faults: readonly z.input<typeof StoreFault>[]): void;
  /** How often a fault happened, of those in force. */
  struck(): number;
  /** The faults that this request meets, at most one of a mode, each counted as having happened. */
  strike(method: string, key: string): ReadonlyMap<StoreFault['mode'], StoreFault>;
}

/** An empty plan. */
export function createStoreFaults(): StoreFaultPlan {
  let planned: { readonly fault: StoreFault; skip: number; left: number; struck: number }[] = [];
  return {
    set(faults) {
      planned = StoreFaults.parse(faults).map((fault) => ({
        fault,
        skip: fault.skip,
        left: fault.times ?? Infinity,
        struck: 0,
      }));
    },
    struck: () => planned.reduce((sum, { struck }) => sum + struck, 0),
    strike(method, key) {
      const met = new Map<StoreFault['mode'], StoreFault>();
      for (const one of planned) {
        const { fault } = one;
        if (one.left <= 0 || met.has(fault.mode)) continue;
        if (fault.method !== undefined && fault.method !== method) continue;
        if (!(methodsOf[fault.mode]?.includes(method) ?? true)) continue;
        if (!key.includes(fault.key ?? '')) continue;
        one.skip -= 1;
        if (one.skip >= 0) continue;
        one.left -= 1;
        one.struck += 1;
        met.set(fault.mode, fault);
      }
      return met;
    },
  };
}
