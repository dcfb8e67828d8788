/** How far a batch is: `stored` is what the store said, `confirmed` what was looked at. */
export type BatchState = 'planned' | 'stored' | 'confirmed' | 'pruned';

/** What of a batch decides what comes next. */
export interface BatchSituation {
  readonly state: BatchState;
  /** Whether the batch before it has its manifest, which this one's will name. */
  readonly predecessorBuilt: boolean;
  /** Whether it ends where its partition of the log ends: then it sees to the end of all of them. */
  readonly closesPartition: boolean;
  /** Milliseconds until its grace period is over; 0 when it is. */
  readonly graceMs: number;
  /** Milliseconds until the next try after one that failed; 0 for at once. */
  readonly pauseMs: number;
}

/** What is done next with a batch. */
export type BatchStep = 'store' | 'confirm' | 'prune';

/** The next step, and how long to wait before it. */
export interface NextStep {
  readonly step: BatchStep | null;
  readonly waitMs: number;
}

/** How often a batch looks whether the one before it has its manifest. */
const predecessorMs = 5_000;

/** Longest wait without a look at the rows. */
const longestMs = 24 * 60 * 60 * 1_000;

/** What comes next for a batch; no step when nothing does. */
export function nextStep(now: BatchSituation): NextStep {
  const wait = (ms: number): number => Math.min(Math.max(ms, now.pauseMs), longestMs);
  switch (now.state) {
    case 'planned':
      return { step: 'store', waitMs: wait(now.predecessorBuilt ? 0 : predecessorMs) };
    case 'stored':
      return { step: 'confirm', waitMs: wait(0) };
    case 'confirmed':
      return now.closesPartition
        ? { step: 'prune', waitMs: wait(now.graceMs) }
        : { step: null, waitMs: 0 };
    case 'pruned':
      return { step: null, waitMs: 0 };
  }
}

/** Seconds to wait after so many failures in a row, given those after the first. */
export function pauseSeconds(failures: number, first: number): number {
  return Math.min(first * 2 ** Math.min(Math.max(0, failures - 1), 20), 3_600);
}

/** Entries of a tile of the log; batches end where tiles end. */
const tileWidth = 256;

/** Most entries of a batch: what is held in memory at a time. */
export const mostEntries = 32_768;

/** A range of the log, both ends within it. */
export interface SeqRange {
  readonly from: number;
  readonly to: number;
}

/** Bounds of a partition of the log; `end` is the first seq after it. */
export interface Partition {
  readonly from: number;
  readonly end: number;
}

/**
 * The ranges that can be archived: after what is archived already, up to what is old enough and covered by a published
 * checkpoint, in whole tiles, none across two partitions.
 */
export function rangesToArchive(
  archivedTo: number,
  oldTo: number,
  attestedTo: number,
  partitions: readonly Partition[],
): SeqRange[] {
  const last = Math.min(oldTo, attestedTo);
  const ranges: SeqRange[] = [];
  for (const { from, end } of partitions) {
    let start = Math.max(from, archivedTo + 1);
    const limit = Math.min(end - 1, last - (last % tileWidth));
    while (start <= limit) {
      const to = Math.min(limit, start + mostEntries - 1);
      ranges.push({ from: start, to });
      start = to + 1;
    }
  }
  return ranges;
}
