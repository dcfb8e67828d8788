import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One measured figure. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** `>=` or `<=` and the bound; without one the figure is stated only. */
  readonly goal?: string;
}

interface Entry {
  readonly value: number;
  readonly unit: string;
  readonly goal: string | null;
  readonly pass: boolean;
  readonly commit: string;
  readonly at: string;
}

const file = join('bench', 'results.json');

function passes({ value, goal }: Figure): boolean {
  const [, sign, bound] = /^(>=|<=) ([\d.]+)$/.exec(goal ?? '') ?? [];
  if (sign === undefined) return true;
  return sign === '>=' ? value >= Number(bound) : value <= Number(bound);
}

/** Prints a figure as `name value unit goal PASS|SHORT|STATED`. */
export function printFigure(bench: string, figure: Figure): void {
  const verdict = figure.goal === undefined ? 'STATED' : passes(figure) ? 'PASS' : 'SHORT';
  console.log(
    [
      `${bench}/${figure.name}`,
      String(figure.value),
      figure.unit,
      figure.goal ?? '-',
      verdict,
    ].join(' '),
  );
}

/** Merges figures into bench/results.json. */
export function keepFigures(bench: string, figures: readonly Figure[]): void {
  const kept = (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}) as Record<
    string,
    Entry
  >;
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const at = new Date().toISOString();
  for (const figure of figures) {
    kept[`${bench}/${figure.name}`] = {
      value: figure.value,
      unit: figure.unit,
      goal: figure.goal ?? null,
      pass: passes(figure),
      commit,
      at,
    };
  }
  const sorted = Object.fromEntries(Object.entries(kept).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(file, `${JSON.stringify(sorted, null, 2)}\n`);
}

/** The middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** A quantile by linear interpolation. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [low = 0, high = low] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

/** Rounds to three significant digits after the point where it matters. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
