/** Text in columns under headings; the last column is not padded. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): string {
  const cells = [headings, ...rows.map((row) => row.map((cell) => printable(cell ?? '–')))];
  const widths = headings.map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Text of others without the control characters that could steer a terminal. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g, ' ');
}

const units = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

/** How long ago a moment was, in its largest unit: `3 d`, `12 min`; a dash for null. */
export function ago(date: Date | null, now: Date): string {
  if (!date) return '–';
  const seconds = Math.max(0, Math.round((now.getTime() - date.getTime()) / 1000));
  const [unit, size] = units.find(([, length]) => seconds >= length) ?? ['s', 1];
  return `${String(Math.floor(seconds / size))} ${unit}`;
}

/** A moment to the second in UTC: `2026-11-21 09:30:00`; a dash for null. */
export function moment(date: Date | null): string {
  return date ? date.toISOString().slice(0, 19).replace('T', ' ') : '–';
}

/** Lines `label  value`, the labels in one width. */
export function fields(rows: readonly (readonly [string, string | null])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length)) + 2;
  return rows
    .map(([label, value]) => `${label.padEnd(width)}${printable(value ?? '–')}`)
    .join('\n');
}
