import { createHash, createHmac } from 'node:crypto';
import { hmacSha256, leafHash, nodeHash } from '../../../src/domain/audit/hashes';
import { CompactRange, appendAll, tileWidth } from '../../../src/domain/audit/tree';

const sha256 = (...parts: (Buffer | string)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** The tree hash as RFC 6962, section 2.1, defines it. */
function mth(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256('');
  if (leaves.length === 1) return leaves[0]!;
  const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return sha256(Buffer.of(1), mth(leaves.slice(0, split)), mth(leaves.slice(split)));
}

const leaves = Array.from({ length: 1_300 }, (_, n) => leafHash(`entry ${n}`));

describe('the tree', () => {
  test('hashes leaves, nodes and commitments as the standards say', () => {
    expect(leafHash('é')).toEqual(sha256(Buffer.of(0), 'é'));
    const [one, two] = leaves as [Buffer, Buffer];
    expect(nodeHash(one, two)).toEqual(sha256(Buffer.of(1), one, two));
    for (const text of ['', 'é'.repeat(300)]) {
      expect(hmacSha256(one, text)).toEqual(createHmac('sha256', one).update(text).digest());
    }
  });

  test('has the root of RFC 6962 at every size', () => {
    const range = new CompactRange();
    for (const [size, leaf] of leaves.entries()) {
      if (size < 300 || size % 97 === 0) {
        expect([size, range.root()]).toEqual([size, mth(leaves.slice(0, size))]);
      }
      range.append(leaf);
    }
    expect(range.root()).toEqual(mth(leaves));
  });

  test('goes on from its stored form, in batches of any size, with the same tiles', () => {
    const tilesOf = (sizes: readonly number[]): Map<string, Buffer> => {
      const tiles = new Map<string, Buffer>();
      let stored: { size: number; bytes: Buffer } = { size: 0, bytes: Buffer.alloc(0) };
      let at = 0;
      for (const size of sizes) {
        const range = CompactRange.from(stored.size, stored.bytes);
        for (const { level, index, from, hashes } of appendAll(
          range,
          leaves.slice(at, at + size),
        )) {
          const before = tiles.get(`${level}/${index}`) ?? Buffer.alloc(0);
          expect(before.length).toBe(32 * from);
          tiles.set(`${level}/${index}`, Buffer.concat([before, ...hashes]));
        }
        at += size;
        stored = { size: range.size, bytes: range.bytes() };
      }
      expect(CompactRange.from(stored.size, stored.bytes).root()).toEqual(mth(leaves.slice(0, at)));
      return tiles;
    };
    const one = tilesOf([1_300]);
    expect(tilesOf([1, 2, 253, 1, 300, 700, 43])).toEqual(one);
    expect([...one.keys()].sort()).toEqual(['0/0', '0/1', '0/2', '0/3', '0/4', '0/5', '1/0']);
    // A hash of a higher tile is the root of a full tile below it.
    expect(one.get('1/0')!.subarray(32, 64)).toEqual(mth(leaves.slice(tileWidth, 2 * tileWidth)));
    expect(one.get('1/0')!.length).toBe(5 * 32);
  });
});
