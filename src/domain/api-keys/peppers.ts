import { DomainError } from '../../errors/problems';
import type { KeyHasher } from '../../platform/crypto/keys';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { currentPepper, moveCurrentPepper, settleCurrentPepper } from '../../platform/peppers';
import * as audit from '../audit/audit-entries';

/**
 * Makes the first configured pepper the current one, once in the life of a database: from then on only a promotion
 * moves it.
 */
export function settlePepper(db: Database, hasher: KeyHasher): Promise<void> {
  return withSystem(db, 'boot', (tx) =>
    settleCurrentPepper(tx, hasher.activePepperId, 'system:boot'),
  );
}

/**
 * Makes another pepper the one that new digests are made with; keys under the old one go on and are moved when they
 * are used. Processes that lack it are not ready any more.
 * @param known the peppers of the process that promotes
 * @throws DomainError `pepper-unknown`
 */
export async function promotePepper(
  tx: Tx,
  known: readonly string[],
  pepperId: string,
  actorId: string,
): Promise<{ before: string | null }> {
  if (!known.includes(pepperId)) throw new DomainError('pepper-unknown');
  const before = await currentPepper(tx);
  if (before === pepperId) return { before };
  await moveCurrentPepper(tx, pepperId, actorId);
  await audit.append(tx, {
    action: 'pepper.promoted',
    crud: 'u',
    actorId,
    targets: [{ type: 'pepper', id: pepperId }],
    metadata: { before, after: pepperId },
    component: 'cli',
  });
  return { before };
}

/** What is missing of the peppers that this database needs. */
export interface PepperGap {
  /** The current one, when this process lacks it. */
  readonly current: string | null;
  /** Others that keys still hang on. */
  readonly inUse: readonly string[];
}

/** The peppers that a process lacks: the current one, and those that keys which are not revoked hang on. */
export function missingPeppers(db: Database, hasher: KeyHasher): Promise<PepperGap> {
  return withSystem(
    db,
    'boot',
    async (tx) => {
      const current = await currentPepper(tx);
      const used = await tx.rows<{ id: string }>('select id from peppers_in_use() as id');
      const lacks = (id: string): boolean => !hasher.pepperIds.includes(id);
      return {
        current: current !== null && lacks(current) ? current : null,
        inUse: used.map(({ id }) => id).filter((id) => lacks(id) && id !== current),
      };
    },
    { readOnly: true },
  );
}

/** How much hangs on one pepper. */
export interface PepperUse {
  readonly pepperId: string;
  readonly current: boolean;
  readonly configured: boolean;
  readonly liveKeys: number;
  readonly revokedKeys: number;
  readonly serviceAccounts: number;
}

/** What hangs on each pepper; and how many imported keys wait for their first use. */
export async function pepperReport(
  tx: Tx,
  known: readonly string[],
): Promise<{ peppers: PepperUse[]; foreign: number }> {
  const current = await currentPepper(tx);
  const rows = await tx.rows<{
    pepperId: string;
    liveKeys: number;
    revokedKeys: number;
    serviceAccounts: number;
  }>(
    `select pepper_id as "pepperId", sum(live)::int as "liveKeys", sum(dead)::int as "revokedKeys",
       sum(accounts)::int as "serviceAccounts"
     from (
       select pepper_id, count(*) filter (where revoked_at is null) as live,
         count(*) filter (where revoked_at is not null) as dead, 0 as accounts
       from api_keys where pepper_id is not null group by pepper_id
       union all
       select pepper_id, 0, 0, count(*) from service_accounts where revoked_at is null group by pepper_id
       union all select unnest($1::text[]), 0, 0, 0
       union all select pepper_id, 0, 0, 0 from current_pepper
     ) as parts group by pepper_id order by pepper_id`,
    [known],
  );
  const { foreign } = await tx.one<{ foreign: number }>(
    'select count(*)::int as "foreign" from api_key_foreign_hashes',
  );
  return {
    peppers: rows.map((row) => ({
      ...row,
      current: row.pepperId === current,
      configured: known.includes(row.pepperId),
    })),
    foreign,
  };
}
