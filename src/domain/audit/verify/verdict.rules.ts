/** What can be wrong with a log, and the exit code of the verifier for each. */
export const breakKinds = {
  'event-hash-mismatch': 10,
  'event-prev-hash-mismatch': 11,
  gap: 12,
  duplicate: 13,
  'tile-mismatch': 14,
  'root-mismatch': 15,
  'checkpoint-signature-mismatch': 16,
  'checkpoint-missing': 17,
  inconsistent: 18,
  'tenant-gap': 19,
  'tenant-fork': 20,
  'commitment-mismatch': 21,
  'opening-missing': 22,
  'archive-hash-mismatch': 23,
  'manifest-chain': 24,
  unattested: 25,
} as const;

/** One way in which a log can be wrong. */
export type BreakKind = keyof typeof breakKinds;

/** Something that is wrong, and where. */
export interface Break {
  /** The entry, or the size of the checkpoint. */
  readonly seq: number;
  readonly kind: BreakKind;
  readonly expected: string;
  readonly actual: string;
}

/** Most breaks that are told; one edit can make many. */
export const mostBreaks = 100;

/** Collects breaks. */
export interface Breaks {
  add(seq: number, kind: BreakKind, expected: string, actual: string): void;
  /** How many there were, also of those that are not kept. */
  readonly count: number;
  /** The first ones by their place. */
  sorted(): Break[];
}

/** Builds a collection of breaks. */
export function collectBreaks(): Breaks {
  const kept: Break[] = [];
  let count = 0;
  return {
    add(seq, kind, expected, actual) {
      count += 1;
      if (kept.length < 10 * mostBreaks) kept.push({ seq, kind, expected, actual });
    },
    get count() {
      return count;
    },
    // At one place the cause comes before what follows from it.
    sorted: () => [...kept].sort((a, b) => a.seq - b.seq).slice(0, mostBreaks),
  };
}
