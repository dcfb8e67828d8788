import { createHash } from 'node:crypto';
import { leafHash } from '../../../src/domain/audit/hashes';
import { isConsistent, rootOfInclusion } from '../../../src/domain/audit/proof-checks';
import {
  consistencyProof,
  inclusionProof,
  rangeAt,
  rootAt,
  tileKey,
} from '../../../src/domain/audit/proofs';
import type { ReadTiles } from '../../../src/domain/audit/proofs';
import { CompactRange, appendAll } from '../../../src/domain/audit/tree';
import { verifyMerkleInclusion } from './sigstore';

const size = 1_300;
const leaves = Array.from({ length: size }, (_, n) => `entry ${n}`);
const hashes = leaves.map(leafHash);
const tiles = new Map<string, Buffer>(
  appendAll(new CompactRange(), hashes).map(({ level, index, hashes: grown }) => [
    `${level}/${index}`,
    Buffer.concat(grown),
  ]),
);
let reads = 0;
const read: ReadTiles = async (addresses) => {
  reads += 1;
  return new Map(addresses.map((address) => [tileKey(address), tiles.get(tileKey(address))!]));
};

const sha256 = (...parts: Buffer[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest();
const k = (n: number): number => 2 ** Math.floor(Math.log2(n - 1));

/** RFC 6962, section 2.1, word for word. */
const mth = (d: readonly Buffer[]): Buffer =>
  d.length === 1
    ? d[0]!
    : sha256(Buffer.of(1), mth(d.slice(0, k(d.length))), mth(d.slice(k(d.length))));
const subproof = (m: number, d: readonly Buffer[], b: boolean): Buffer[] => {
  if (m === d.length) return b ? [] : [mth(d)];
  return m <= k(d.length)
    ? [...subproof(m, d.slice(0, k(d.length)), b), mth(d.slice(k(d.length)))]
    : [...subproof(m - k(d.length), d.slice(k(d.length)), false), mth(d.slice(0, k(d.length)))];
};

const sizes = [1, 2, 3, 7, 255, 256, 257, 511, 512, 777, 1024, 1299, size];

test('roots and compact ranges at any size come out of the tiles, each by one read', async () => {
  for (const at of sizes) {
    const expected = mth(hashes.slice(0, at));
    reads = 0;
    expect([at, await rootAt(read, at)]).toEqual([at, expected]);
    expect(reads).toBe(1);
    expect((await rangeAt(read, at)).root()).toEqual(expected);
  }
});

test('inclusion proofs are accepted by sigstore’s verifier and by ours, and for another leaf by neither', async () => {
  for (const at of sizes) {
    const root = mth(hashes.slice(0, at));
    for (const index of new Set([0, 1, at >> 1, at - 2, at - 1].filter((n) => n >= 0 && n < at))) {
      const proof = await inclusionProof(read, index, at);
      const given = { index, size: at, root, proof };
      expect(() => verifyMerkleInclusion({ ...given, leaf: leaves[index]! })).not.toThrow();
      expect(rootOfInclusion(hashes[index]!, index, at, proof)).toEqual(root);
      expect(() => verifyMerkleInclusion({ ...given, leaf: 'another' })).toThrow();
      expect(rootOfInclusion(leafHash('another'), index, at, proof)).not.toEqual(root);
      expect(rootOfInclusion(hashes[index]!, index + 1, at, proof)).not.toEqual(root);
      expect(rootOfInclusion(hashes[index]!, index, at, [...proof, root])).toBeUndefined();
    }
  }
});

test('consistency proofs are those of RFC 6962, and show the same two trees only', async () => {
  const rootOf = (at: number) => ({ size: at, root: mth(hashes.slice(0, at)) });
  const some = [1, 3, 7, 256, 257, 512, 777, size];
  for (const to of some) {
    for (const from of some.filter((at) => at <= to)) {
      const proof = await consistencyProof(read, from, to);
      expect(proof).toEqual(subproof(from, hashes.slice(0, to), true));
      expect([from, to, isConsistent(rootOf(from), rootOf(to), proof)]).toEqual([from, to, true]);
      const other = { size: from, root: leafHash('another') };
      expect(isConsistent(other, rootOf(to), proof)).toBe(false);
      if (from < to) {
        expect(isConsistent(rootOf(from), { size: to, root: other.root }, proof)).toBe(false);
        expect(isConsistent(rootOf(from), rootOf(to), proof.slice(1))).toBe(false);
      }
    }
  }
});
