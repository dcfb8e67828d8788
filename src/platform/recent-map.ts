/** A map that forgets what nobody asked for lately. */
export interface RecentMap<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  deleteWhere(is: (value: V) => boolean): void;
  clear(): void;
}

/**
 * Builds a map of two generations: cheaper on every access than one that keeps an order, at the price of keeping up
 * to twice as many entries. It turns by itself when so many were asked for.
 */
export function createRecentMap<V>(most: number): RecentMap<V> {
  let recent = new Map<string, V>();
  let older = new Map<string, V>();
  const set = (key: string, value: V): void => {
    if (recent.size >= most) {
      older = recent;
      recent = new Map();
    }
    recent.set(key, value);
  };
  return {
    get(key) {
      const value = recent.get(key);
      if (value !== undefined) return value;
      const before = older.get(key);
      if (before !== undefined) set(key, before);
      return before;
    },
    set,
    deleteWhere(is) {
      for (const entries of [recent, older]) {
        for (const [key, value] of entries) if (is(value)) entries.delete(key);
      }
    },
    clear() {
      recent = new Map();
      older = new Map();
    },
  };
}
