/** Most results of one kind that are kept. */
const mostKept = 2_000;
/** Characters of the longest text whose result is kept. */
const longestText = 256;

/**
 * A function that keeps what it made of a text: what many texts have in common is made, and stands in memory, once.
 * What it makes must not be changed.
 */
export function remembering<T>(make: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    let value = known.get(text);
    if (value === undefined) {
      value = make(text);
      if (text.length > longestText) return value;
      if (known.size >= mostKept) known.clear();
      known.set(text, value);
    }
    return value;
  };
}
