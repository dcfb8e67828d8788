/** A map from SHA-256 digests, each written as a string of 32 characters of one byte (`binary`). */
export interface DigestMap<V> {
  get(digest: string): V | undefined;
  /** Sets or replaces a value; false, and nothing is done, when the map is full. */
  set(digest: string, value: V): boolean;
  deleteWhere(is: (value: V) => boolean): void;
}

/** Words of 32 bits in a digest. */
const words = 8;

/**
 * Builds a map of at most so many digests. Looks are what it is made for, by the thousand a second and all over it: a
 * Map goes to memory for a bucket, for an entry, for the string that is the key there, and to the next of the chain. A
 * digest is random, so that part of it is the place to look at already, and here it stands beside its neighbours.
 */
export function createDigestMap<V>(most: number): DigestMap<V> {
  // At most half of the slots are taken, so that what is looked for is at the first of them, or close to it.
  const slots = 2 ** Math.ceil(Math.log2(Math.max(1, most) * 2));
  /** Of each slot: the second word of a digest, and the place where it stands, from 1; 0 where the slot is free. */
  const table = new Int32Array(slots * 2);
  const digests = new Int32Array(most * words);
  const values: V[] = [];

  const isAt = (place: number, digest: string): boolean => {
    const from = place * words;
    for (let word = 0; word < words; word += 1)
      if (digests[from + word] !== wordOf(digest, word)) return false;
    return true;
  };
  /** The slot that a digest is in, or the free one where it belongs. */
  const slotOf = (digest: string): number => {
    const second = wordOf(digest, 1);
    let slot = wordOf(digest, 0) & (slots - 1);
    for (;;) {
      const place = table[slot * 2 + 1] ?? 0;
      if (place === 0 || (table[slot * 2] === second && isAt(place - 1, digest))) return slot;
      slot = (slot + 1) & (slots - 1);
    }
  };
  /** Enters the digest that stands at a place, which no slot knows yet. */
  const enter = (place: number): void => {
    let slot = (digests[place * words] ?? 0) & (slots - 1);
    while (table[slot * 2 + 1] !== 0) slot = (slot + 1) & (slots - 1);
    table[slot * 2] = digests[place * words + 1] ?? 0;
    table[slot * 2 + 1] = place + 1;
  };

  return {
    get(digest) {
      const place = table[slotOf(digest) * 2 + 1] ?? 0;
      return place === 0 ? undefined : values[place - 1];
    },
    set(digest, value) {
      const known = table[slotOf(digest) * 2 + 1] ?? 0;
      if (known !== 0) {
        values[known - 1] = value;
        return true;
      }
      const place = values.length;
      if (place === most) return false;
      for (let word = 0; word < words; word += 1)
        digests[place * words + word] = wordOf(digest, word);
      values.push(value);
      enter(place);
      return true;
    },
    deleteWhere(is) {
      table.fill(0);
      let place = 0;
      for (const [before, value] of values.entries()) {
        if (is(value)) continue;
        digests.copyWithin(place * words, before * words, (before + 1) * words);
        values[place] = value;
        enter(place);
        place += 1;
      }
      values.length = place;
    },
  };
}

const wordOf = (digest: string, word: number): number => {
  const at = word * 4;
  return (
    digest.charCodeAt(at) |
    (digest.charCodeAt(at + 1) << 8) |
    (digest.charCodeAt(at + 2) << 16) |
    (digest.charCodeAt(at + 3) << 24)
  );
};
