import { emptyRoot, hashBytes, nodeHash } from './hashes';

/** Hashes in a full tile (C2SP tlog-tiles), which spans this many entries of the level below. */
export const tileWidth = 256;

/** Levels of the tree that one tile spans. */
const tileHeight = 8;

/** Hashes that come after those which a tile has already. */
export interface TileGrowth {
  /** 0 for tiles of leaf hashes; a tile of level n holds roots of full tiles of level n − 1. */
  readonly level: number;
  readonly index: number;
  /** How many hashes the tile had before. */
  readonly from: number;
  readonly hashes: readonly Buffer[];
}

/**
 * The compact range of an RFC 6962 tree: the roots of its complete subtrees, largest first. All that is needed to
 * append to a tree and to tell its root.
 */
export class CompactRange {
  #size: number;
  readonly #roots: Buffer[];

  constructor(size = 0, roots: readonly Buffer[] = []) {
    if (roots.length !== ones(size)) throw new RangeError('A compact range of another size');
    this.#size = size;
    this.#roots = [...roots];
  }

  /** Reads it back from its stored form. */
  static from(size: number, bytes: Uint8Array): CompactRange {
    const roots = Array.from({ length: bytes.length / hashBytes }, (_, index) =>
      Buffer.from(bytes.subarray(index * hashBytes, (index + 1) * hashBytes)),
    );
    return new CompactRange(size, roots);
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Appends a leaf hash. Told of are the roots of the subtrees that it completes at the heights where tiles begin,
   * the leaf itself first.
   */
  append(leaf: Buffer, onTileHash?: (level: number, at: number, hash: Buffer) => void): void {
    let hash = leaf;
    let at = this.#size;
    onTileHash?.(0, at, hash);
    for (let height = 1; at % 2 === 1; height += 1) {
      hash = nodeHash(this.#roots.pop() ?? emptyRoot, hash);
      at = (at - 1) / 2;
      if (height % tileHeight === 0) onTileHash?.(height / tileHeight, at, hash);
    }
    this.#roots.push(hash);
    this.#size += 1;
  }

  /** The RFC 6962 root hash. */
  root(): Buffer {
    const [last, ...larger] = [...this.#roots].reverse();
    if (!last) return emptyRoot;
    return larger.reduce((right, left) => nodeHash(left, right), last);
  }

  /** The roots of its complete subtrees, largest first. */
  get roots(): readonly Buffer[] {
    return this.#roots;
  }

  /** The stored form: the hashes one after the other. */
  bytes(): Buffer {
    return Buffer.concat(this.#roots);
  }
}

/** Appends leaf hashes to a range and collects how the tiles grow by that. */
export function appendAll(range: CompactRange, leaves: readonly Buffer[]): TileGrowth[] {
  const grown = new Map<string, { level: number; index: number; from: number; hashes: Buffer[] }>();
  for (const leaf of leaves) {
    range.append(leaf, (level, at, hash) => {
      const index = Math.floor(at / tileWidth);
      const key = `${String(level)}/${String(index)}`;
      const tile = grown.get(key);
      if (tile) tile.hashes.push(hash);
      else grown.set(key, { level, index, from: at % tileWidth, hashes: [hash] });
    });
  }
  return [...grown.values()];
}

// Sizes may pass 2^32, where bit operators end.
function ones(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
