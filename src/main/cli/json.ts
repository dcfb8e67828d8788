function named(value: unknown): unknown {
  if (Array.isArray(value)) return (value as unknown[]).map(named);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      named(part),
    ]),
  );
}

/** One line of JSON with members in snake_case, as everywhere in the API. */
export function jsonLine(value: object): string {
  return JSON.stringify(named(value));
}
