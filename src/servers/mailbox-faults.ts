import { z } from 'zod';

/**
 * What a mail server can do wrong: refuse a recipient for good or for now, take the mail and hang
 * up before it says so, or answer slowly.
 */
export const faultSchema = z.strictObject({
  mode: z.enum(['reject-550', 'tempfail-451', 'drop-after-data', 'slow']),
  /** Part of the recipient's address; without it every recipient. */
  match: z.string().min(1).optional(),
  /** How often it happens; without it until faults are cleared. */
  times: z.int().positive().optional(),
  /** For `slow`: delay of the answer in milliseconds. */
  delay_ms: z.int().min(0).max(120_000).default(5_000),
});

/** A fault that is in force. */
export type Fault = z.output<typeof faultSchema>;

/** The faults of a mailbox, oldest first. */
export interface Faults {
  add(fault: Fault): void;
  list(): readonly Fault[];
  clear(): void;
  /** The first fault of these modes that hits the recipient, counted as having happened. */
  strike(recipient: string, modes: readonly Fault['mode'][]): Fault | undefined;
}

/** An empty list of faults. */
export function createFaults(): Faults {
  let faults: Fault[] = [];
  return {
    add: (fault) => void faults.push(fault),
    list: () => faults,
    clear: () => {
      faults = [];
    },
    strike: (recipient, modes) => {
      const index = faults.findIndex(
        ({ mode, match }) => modes.includes(mode) && recipient.includes(match ?? ''),
      );
      const fault = faults[index];
      if (fault?.times === undefined) return fault;
      if (fault.times === 1) faults.splice(index, 1);
      else faults[index] = { ...fault, times: fault.times - 1 };
      return fault;
    },
  };
}
