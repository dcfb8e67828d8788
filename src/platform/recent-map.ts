import { createDigestMap } from './digest-map';
import type { DigestMap } from './digest-map';

/** A map of digests that forgets what nobody asked for lately. */
export interface RecentMap<V> {
  get(digest: string): V | undefined;
  set(digest: string, value: V): void;
  deleteWhere(is: (value: V) => boolean): void;
  clear(): void;
}

/**
 * Builds a map of two generations: cheaper on every access than one that keeps an order, at the price of keeping up
 * to twice as many entries. It turns by itself when so many were asked for.
 */
export function createRecentMap<V>(most: number): RecentMap<V> {
  let recent: DigestMap<V> = createDigestMap(most);
  let older: DigestMap<V> = createDigestMap(0);
  const set = (digest: string, value: V): void => {
    if (recent.set(digest, value)) return;
    older = recent;
    recent = createDigestMap(most);
    recent.set(digest, value);
  };
  return {
    get(digest) {
      const value = recent.get(digest);
      if (value !== undefined) return value;
      const before = older.get(digest);
      if (before !== undefined) set(digest, before);
      return before;
    },
    set,
    deleteWhere(is) {
      recent.deleteWhere(is);
      older.deleteWhere(is);
    },
    clear() {
      recent = createDigestMap(most);
      older = createDigestMap(0);
    },
  };
}
