import type { Outcome } from './invariants';

/** A case and what came of its customers. */
export interface Line {
  readonly name: string;
  readonly faults: number;
  /** How many were parked on the way, for the reason that was brought about, and retried by order. */
  readonly parked: number;
  readonly outcomes: readonly Outcome[];
  /** What is wrong besides what was lost or doubled. */
  readonly wrong: readonly string[];
}

/** Whether nothing is wrong with a case. */
export function isGood({ outcomes, wrong }: Line): boolean {
  return (
    wrong.length === 0 && outcomes.every(({ lost, doubled }) => !lost.length && !doubled.length)
  );
}

const columns = ['faults', 'onboardings', 'active', 'parked', 'lost', 'doubled'] as const;

/** Prints a line per case, the sums, and what is wrong; the last line has the figures that count. */
export function printTable(lines: readonly Line[], seconds: number): void {
  const rows = lines
    .filter(({ faults, outcomes }) => faults + outcomes.length > 0)
    .map((line) => ({ name: line.name, figures: figuresOf(line) }));
  const sums = columns.map((_, n) => rows.reduce((sum, { figures }) => sum + (figures[n] ?? 0), 0));
  const width = Math.max(...rows.map(({ name }) => name.length));
  const print = (name: string, figures: readonly (string | number)[]): void => {
    const cells = figures.map((figure, n) => String(figure).padStart(columns[n]?.length ?? 0));
    console.log([name.padEnd(width), ...cells].join('  '));
  };
  console.log('');
  print('', columns);
  for (const { name, figures } of rows) print(name, figures);
  print('in all', sums);
  console.log('');
  for (const { name, outcomes, wrong } of lines) {
    for (const { customer, lost, doubled } of outcomes) {
      for (const what of lost) console.log(`LOST     ${name}: ${what} (${customer.jobId})`);
      for (const what of doubled) console.log(`DOUBLED  ${name}: ${what} (${customer.jobId})`);
    }
    for (const what of wrong) console.log(`WRONG    ${name}: ${what}`);
  }
  const [faults, onboardings, , , lost, doubled] = sums;
  const wrong = lines.reduce((sum, line) => sum + line.wrong.length, 0);
  console.log(
    `Faults injected: ${String(faults)}, onboardings: ${String(onboardings)}, lost ${String(lost)}, doubled ${String(doubled)}` +
      `${wrong > 0 ? `, wrong ${String(wrong)}` : ''} (${seconds.toFixed(0)} s)`,
  );
}

function figuresOf({ faults, parked, outcomes }: Line): number[] {
  const count = (has: (outcome: Outcome) => boolean): number => outcomes.filter(has).length;
  return [
    faults,
    outcomes.length,
    count(({ state }) => state === 'active'),
    parked,
    count(({ lost }) => lost.length > 0),
    count(({ doubled }) => doubled.length > 0),
  ];
}
