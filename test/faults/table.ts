import type { Outcome } from './invariants';

/** A case and what came of its customers. */
export interface Line {
  readonly name: string;
  readonly faults: number;
  /** How many were parked on the way, for a reason that their last attempt explains, and retried by order. */
  readonly parked: number;
  readonly outcomes: readonly Outcome[];
}

/** Prints a line per case, the sums, and what is wrong; returns whether nothing is. */
export function printTable(lines: readonly Line[], wrong: readonly string[]): boolean {
  const count = (outcomes: readonly Outcome[], what: 'lost' | 'doubled'): number =>
    outcomes.filter((outcome) => outcome[what].length > 0).length;
  const rows = lines.map(({ name, faults, parked, outcomes }) => [
    name,
    faults,
    outcomes.length,
    outcomes.filter(({ state }) => state === 'active').length,
    parked,
    count(outcomes, 'lost'),
    count(outcomes, 'doubled'),
  ]);
  const sum = (column: number): number =>
    rows.reduce((total, row) => total + Number(row[column]), 0);
  const head = ['', 'faults', 'onboardings', 'active', 'parked', 'lost', 'doubled'];
  const sums = ['in all', ...[1, 2, 3, 4, 5, 6].map(sum)];
  const width = Math.max(...rows.map(([name]) => String(name).length));
  const line = ([name, ...figures]: readonly (string | number)[]): string =>
    [
      String(name).padEnd(width),
      ...figures.map((figure, index) => String(figure).padStart(head[index + 1]?.length ?? 0)),
    ].join('  ');
  console.log('');
  for (const row of [head, ...rows, sums]) console.log(line(row));
  console.log('');
  const outcomes = lines.flatMap((one) => one.outcomes);
  for (const { customer, lost, doubled } of outcomes) {
    for (const what of lost) console.log(`LOST     ${customer.story}: ${what} (${customer.jobId})`);
    for (const what of doubled)
      console.log(`DOUBLED  ${customer.story}: ${what} (${customer.jobId})`);
  }
  for (const what of wrong) console.log(`WRONG    ${what}`);
  const [lost, doubled] = [count(outcomes, 'lost'), count(outcomes, 'doubled')];
  console.log(
    `Faults injected: ${String(sum(1))}, onboardings: ${String(sum(2))}, lost ${String(lost)}, doubled ${String(doubled)}`,
  );
  return lost + doubled + wrong.length === 0;
}
