/** Most results of one kind that are kept. */
const mostKept = 2_000;
/** Characters of the longest text whose result is kept. */
const longestText = 256;

/**
 * A function that keeps what it made of a text: what many texts have in common is made, and stands in memory, once.
 * What it makes must not be changed; undefined is not kept.
 */
export function remembering<T>(make: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  // Often the same text comes again and again, which is cheaper to compare than to look up.
  let last: string | undefined;
  let lastValue: T | undefined;
  return (text) => {
    if (text === last) return lastValue as T;
    let value = known.get(text);
    if (value === undefined) {
      value = make(text);
      if (value === undefined || text.length > longestText) return value;
      if (known.size >= mostKept) known.clear();
      known.set(text, value);
    }
    last = text;
    lastValue = value;
    return value;
  };
}
