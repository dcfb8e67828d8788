import { UsageError } from './command';
import type { Input } from './command';

/**
 * The whole number that an option gives.
 * @throws UsageError when it is none within the bounds
 */
export function limitOf(
  input: Input,
  name: string,
  fallback: number,
  least: number,
  most: number,
): number {
  const text = input.text(name);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new UsageError(
      `--${name} must be a whole number from ${String(least)} to ${String(most)}, not ${text}`,
    );
  }
  return value;
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * The seconds that an option such as `90s`, `15m`, `2h` or `3d` gives; undefined without it.
 * @throws UsageError for anything else
 */
export function durationOf(input: Input, name: string): number | undefined {
  const text = input.text(name);
  if (text === undefined) return undefined;
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  const seconds = Number(match?.[1]) * (unitSeconds[match?.[2] ?? ''] ?? Number.NaN);
  if (Number.isNaN(seconds)) {
    throw new UsageError(`--${name} must be a time such as 90s, 15m, 2h or 3d, not ${text}`);
  }
  return seconds;
}
