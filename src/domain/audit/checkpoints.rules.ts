/** Why a checkpoint was made. */
export type CheckpointReason = 'startup' | 'interval' | 'threshold' | 'manual';

/** Seconds after which new entries get a checkpoint in any case. */
export const intervalSeconds = 300;

/** How many new entries get one earlier, and how many seconds lie between two of them at least. */
export const threshold = { entries: 100, seconds: 10 } as const;

/** What decides whether a checkpoint is due. */
export interface CheckpointSituation {
  /** Entries of the log. */
  readonly size: number;
  /** Entries that the newest checkpoint covers; 0 without one. */
  readonly covered: number;
  /** Seconds since then; null without one. */
  readonly age: number | null;
  /** Nothing was made since this process started. */
  readonly starting: boolean;
}

/** The reason for which a checkpoint is due, or undefined; none is when nothing is new. */
export function dueReason(now: CheckpointSituation): CheckpointReason | undefined {
  const { size, covered, age, starting } = now;
  if (size <= covered) return undefined;
  if (starting) return 'startup';
  if (age === null || age >= intervalSeconds) return 'interval';
  return size - covered >= threshold.entries && age >= threshold.seconds ? 'threshold' : undefined;
}
