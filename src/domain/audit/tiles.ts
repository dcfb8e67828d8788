import type { Tx } from '../../platform/db';
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
