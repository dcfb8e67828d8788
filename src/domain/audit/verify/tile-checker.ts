import { hashBytes } from '../hashes';
import { tileKey } from '../proofs';
import type { ReadTiles, TileAddress } from '../proofs';
import { tileWidth } from '../tree';
import type { CompactRange } from '../tree';
import type { Breaks } from './verdict.rules';

/** Builds the tree from entries and compares it with the stored tiles. */
export interface TileChecker {
  /** Reads the tiles that entries up to a seq belong to. */
  readonly load: (read: ReadTiles, upTo: number) => Promise<void>;
  /** Takes the hash that is stored beside an entry. */
  readonly add: (seq: number, hash: Buffer) => void;
  /** The root over everything so far; undefined once entries are missing that no tile knows. */
  readonly root: () => Buffer | undefined;
  readonly size: number;
}

/** Builds a checker that goes on from a tree. */
export function createTileChecker(tree: CompactRange, breaks: Breaks): TileChecker {
  let tiles: ReadonlyMap<string, Buffer> = new Map();
  let whole = true;

  const stored = (level: number, at: number): Buffer | undefined => {
    const tile = tiles.get(tileKey({ level, index: Math.floor(at / tileWidth) }));
    const offset = (at % tileWidth) * hashBytes;
    return tile && tile.length >= offset + hashBytes
      ? tile.subarray(offset, offset + hashBytes)
      : undefined;
  };

  const grow = (hash: Buffer): void => {
    tree.append(hash, (level, at, made) => {
      const kept = stored(level, at);
      if (kept?.equals(made)) return;
      // The last entry below this node, or the entry itself.
      const seq = level === 0 ? at + 1 : (at + 1) * tileWidth ** level;
      breaks.add(seq, 'tile-mismatch', made.toString('hex'), kept?.toString('hex') ?? 'nothing');
    });
  };

  return {
    async load(read, upTo) {
      const wanted: TileAddress[] = [];
      for (let level = 0, width = 1; width <= upTo; level += 1, width *= tileWidth) {
        const first = Math.floor(Math.floor(tree.size / width) / tileWidth);
        const last = Math.floor(Math.floor(upTo / width) / tileWidth);
        for (let index = first; index <= last; index += 1) wanted.push({ level, index });
      }
      tiles = await read(wanted);
    },
    add(seq, hash) {
      // What is missing is a break of the chain; the tree is made whole from its tiles, to go on comparing.
      while (whole && tree.size < seq - 1) {
        const filler = stored(0, tree.size);
        if (filler) grow(filler);
        else whole = false;
      }
      if (whole && tree.size === seq - 1) grow(hash);
    },
    root: () => (whole ? tree.root() : undefined),
    get size() {
      return tree.size;
    },
  };
}
