import type { Keyset, Page, Position } from '../../platform/cursors';

/** Reads a list to its end, or to so many rows. */
export async function everyPage<T>(
  read: (keyset: Keyset) => Promise<Page<T>>,
  most = Number.POSITIVE_INFINITY,
): Promise<T[]> {
  const all: T[] = [];
  let after: Position | null = null;
  do {
    const page: Page<T> = await read({ limit: Math.min(100, most - all.length), after });
    all.push(...page.items);
    after = page.next;
  } while (after !== null && all.length < most);
  return all;
}
