import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { addBatch, archiveEnd } from './batches';
import { rangesToArchive } from './batches.rules';
import type { Partition } from './batches.rules';
import type { ArchiveDeps } from './deps';
import { wakeBatches } from './wake';

/** What a plan came to. */
export interface Plan {
  /** Batches that are new. */
  readonly planned: number;
}

/** Most batches of one plan. */
const mostBatches = 50;

/**
 * Plans what of the log can be archived by now, and wakes the workflows that do it. Any number of plans may run: no
 * entry gets into two batches.
 * @throws DomainError `store-missing`
 */
export async function planArchive(deps: ArchiveDeps, requestedBy: string): Promise<Plan> {
  if (!deps.store) throw new DomainError('store-missing');
  const { hotDays } = deps.times;
  const planned = await withSystem(deps.sequencer, 'archive', (tx) =>
    planBatches(tx, hotDays, requestedBy),
  );
  await wakeBatches(deps, planned);
  return { planned: planned.length };
}

async function planBatches(tx: Tx, hotDays: number, requestedBy: string): Promise<string[]> {
  // Two plans at once would make the same batches; the second finds that the first has made them.
  await tx.run(`select pg_advisory_xact_lock(hashtext('usher/audit/archive/plan'))`);
  const end = await archiveEnd(tx);
  const { old, attested, origin } = await reach(tx, hotDays);
  if (origin === null) return [];
  const partitions = await tx.rows<Partition & Record<string, unknown>>(
    `select from_seq as "from", to_seq as "end" from audit_partitions
     where to_seq > $1 and pruned_at is null order by from_seq`,
    [end.to + 1],
  );
  const ranges = rangesToArchive(end.to, old, attested, partitions).slice(0, mostBatches);
  const ids: string[] = [];
  for (const [index, range] of ranges.entries()) {
    const id = newId();
    await addBatch(tx, { ...range, id, n: end.n + index + 1, origin }, requestedBy);
    ids.push(id);
  }
  return ids;
}

// Only what an outsider can hold the log to: covered by a checkpoint that lies outside of the database.
function reach(
  tx: Tx,
  hotDays: number,
): Promise<{ old: number; attested: number; origin: string | null }> {
  return tx.one(
    `select
       coalesce((select max(seq) from audit_log
         where sequenced_at <= clock_timestamp() - $1 * interval '1 day'), 0) as old,
       coalesce((select max(size) from audit_checkpoints where published_at is not null and origin = h.origin), 0)
         as attested,
       h.origin
     from audit_head as h`,
    [hotDays],
  );
}
