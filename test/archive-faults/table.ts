import type { Verdict } from './judge';

/** A case and what came of it. */
export interface Line {
  readonly name: string;
  /** How often the fault happened. */
  readonly faults: number;
  readonly verdict: Verdict;
  readonly wrong: readonly string[];
}

/** Whether nothing was lost, everything can be verified, and nothing else is wrong. */
export function isGood({ verdict, wrong }: Line): boolean {
  const { lost, lostParts, unverifiable } = verdict;
  return lost + lostParts + unverifiable.length + wrong.length === 0;
}

const columns = ['faults', 'batches', 'dropped', 'events lost', 'unverifiable'] as const;

/** Prints a line per case, what is wrong, and the figures that count. */
export function printTable(lines: readonly Line[], entries: number, seconds: number): void {
  const width = Math.max(...lines.map(({ name }) => name.length));
  const print = (name: string, cells: readonly (string | number)[]): void => {
    const padded = cells.map((cell, n) => String(cell).padStart(columns[n]?.length ?? 0));
    console.log([name.padEnd(width), ...padded].join('  '));
  };
  console.log('');
  print('', columns);
  for (const { name, faults, verdict } of lines) {
    const { batches, pruned, lost, lostParts, unverifiable } = verdict;
    print(name, [faults, batches, pruned ? 'yes' : 'no', lost + lostParts, unverifiable.length]);
  }
  console.log('');
  for (const { name, verdict, wrong } of lines) {
    for (const what of [...wrong, ...verdict.unverifiable]) console.log(`WRONG  ${name}: ${what}`);
  }
  const sum = (of: (line: Line) => number): string =>
    String(lines.reduce((total, line) => total + of(line), 0));
  console.log(
    `Cases: ${String(lines.length)} on ${String(entries)} entries each, faults ${sum(({ faults }) => faults)}, events lost ` +
      `${sum(({ verdict }) => verdict.lost + verdict.lostParts)}, unverifiable ${sum(({ verdict }) => verdict.unverifiable.length)}, ` +
      `wrong ${sum(({ wrong }) => wrong.length)} (${seconds.toFixed(0)} s)`,
  );
}
