import { hashBytes, nodeHash } from './hashes';
import { CompactRange, tileWidth } from './tree';

/** The address of a tile. */
export interface TileAddress {
  readonly level: number;
  readonly index: number;
}

/** Reads tiles; an answer has the hashes of each, one after the other, by `level/index`. */
export type ReadTiles = (tiles: readonly TileAddress[]) => Promise<ReadonlyMap<string, Buffer>>;

/** The key of a tile in an answer of `ReadTiles`. */
export const tileKey = ({ level, index }: TileAddress): string =>
  `${String(level)}/${String(index)}`;

const tileHeight = Math.log2(tileWidth);

/** The hash of the complete subtree of 2^height leaves that begins at leaf at · 2^height. */
type NodeAt = (height: number, at: number) => Buffer;

/**
 * Works something out from nodes of the tree. It runs twice: once to learn which tiles it needs, and once with them,
 * so that everything is read by one query.
 */
async function withNodes<T>(read: ReadTiles, work: (node: NodeAt) => T): Promise<T> {
  const needed = new Map<string, TileAddress>();
  work((height, at) => {
    const address = tileOf(height, at);
    needed.set(tileKey(address), address);
    return Buffer.alloc(hashBytes);
  });
  const tiles = needed.size === 0 ? new Map<string, Buffer>() : await read([...needed.values()]);
  return work((height, at) => nodeIn(tiles, height, at));
}

function tileOf(height: number, at: number): TileAddress {
  const level = Math.floor(height / tileHeight);
  const first = at * 2 ** (height % tileHeight);
  return { level, index: Math.floor(first / tileWidth) };
}

function nodeIn(tiles: ReadonlyMap<string, Buffer>, height: number, at: number): Buffer {
  const address = tileOf(height, at);
  const tile = tiles.get(tileKey(address));
  const count = 2 ** (height % tileHeight);
  const first = (at * count) % tileWidth;
  if (!tile || tile.length < (first + count) * hashBytes) {
    throw new RangeError(`The tree has no tile ${tileKey(address)} that is wide enough`);
  }
  let hashes = Array.from({ length: count }, (_, n) =>
    tile.subarray((first + n) * hashBytes, (first + n + 1) * hashBytes),
  );
  while (hashes.length > 1) {
    hashes = Array.from({ length: hashes.length / 2 }, (_, n) =>
      nodeHash(hashes[2 * n] ?? Buffer.alloc(0), hashes[2 * n + 1] ?? Buffer.alloc(0)),
    );
  }
  return hashes[0] ?? Buffer.alloc(0);
}

/** The largest power of two below n. */
const split = (n: number): number => 2 ** (Math.ceil(Math.log2(n)) - 1);

/** The RFC 6962 hash of the leaves from start to end. */
function rangeHash(node: NodeAt, start: number, end: number): Buffer {
  const width = end - start;
  const height = Math.log2(width);
  if (Number.isInteger(height)) return node(height, start / width);
  const middle = start + split(width);
  return nodeHash(rangeHash(node, start, middle), rangeHash(node, middle, end));
}

/** The root of the tree at a size; of one without entries the empty root. */
export async function rootAt(read: ReadTiles, size: number): Promise<Buffer> {
  if (size === 0) return new CompactRange().root();
  return withNodes(read, (node) => rangeHash(node, 0, size));
}

/** The compact range of the tree at a size, to go on appending from there. */
export async function rangeAt(read: ReadTiles, size: number): Promise<CompactRange> {
  const roots = await withNodes(read, (node) => {
    const found: Buffer[] = [];
    let start = 0;
    while (start < size) {
      const width = 2 ** Math.floor(Math.log2(size - start));
      found.push(node(Math.log2(width), start / width));
      start += width;
    }
    return found;
  });
  return new CompactRange(size, roots);
}

/** The inclusion proof of the leaf at an index in the tree of a size (RFC 6962, section 2.1.1). */
export function inclusionProof(read: ReadTiles, index: number, size: number): Promise<Buffer[]> {
  if (index >= size) throw new RangeError('The tree has no such leaf');
  return withNodes(read, (node) => {
    const path = (start: number, end: number): Buffer[] => {
      if (end - start === 1) return [];
      const middle = start + split(end - start);
      return index < middle
        ? [...path(start, middle), rangeHash(node, middle, end)]
        : [...path(middle, end), rangeHash(node, start, middle)];
    };
    return path(0, size);
  });
}

/** The proof that the tree of one size is the beginning of that of another (RFC 6962, section 2.1.2). */
export function consistencyProof(read: ReadTiles, from: number, to: number): Promise<Buffer[]> {
  if (from < 1 || from > to)
    throw new RangeError('There is no tree of such a size before that one');
  return withNodes(read, (node) => {
    const path = (start: number, end: number, known: boolean): Buffer[] => {
      if (from === end) return known ? [] : [rangeHash(node, start, end)];
      const middle = start + split(end - start);
      return from <= middle
        ? [...path(start, middle, known), rangeHash(node, middle, end)]
        : [...path(middle, end, false), rangeHash(node, start, middle)];
    };
    return path(0, to, true);
  });
}
