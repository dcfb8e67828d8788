import type { Tx } from '../../platform/db';
import { tileKey } from './proofs';
import type { ReadTiles, TileAddress } from './proofs';
import type { TileGrowth } from './tree';

/** Appends hashes to tiles. Fails when one is not as wide as its growth supposes. */
export async function growTiles(tx: Tx, growth: readonly TileGrowth[]): Promise<void> {
  const grown = await tx.run(
    `merge into audit_tiles as t
     using unnest($1::smallint[], $2::bigint[], $3::int[], $4::bytea[]) as g(level, idx, wide, hashes)
       on t.level = g.level and t.idx = g.idx
     when matched and octet_length(t.hashes) = 32 * g.wide then update set hashes = t.hashes || g.hashes
     when not matched and g.wide = 0 then insert (level, idx, hashes) values (g.level, g.idx, g.hashes)`,
    [
      growth.map(({ level }) => level),
      growth.map(({ index }) => index),
      growth.map(({ from }) => from),
      growth.map(({ hashes }) => Buffer.concat(hashes)),
    ],
  );
  if (grown !== growth.length) throw new Error('A tile of the audit log is not as wide as it was');
}

/** Reads tiles of the log for `proofs.ts`; those that are not there are left out. */
export const tilesOf =
  (tx: Tx): ReadTiles =>
  async (addresses) => {
    const rows = await tx.rows<TileAddress & { hashes: Buffer }>(
      `select t.level::int as level, t.idx as index, t.hashes
       from unnest($1::smallint[], $2::bigint[]) as a(level, idx) join audit_tiles as t using (level, idx)`,
      [addresses.map(({ level }) => level), addresses.map(({ index }) => index)],
    );
    return new Map(rows.map(({ hashes, ...address }) => [tileKey(address), hashes]));
  };
