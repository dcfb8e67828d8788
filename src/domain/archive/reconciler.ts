import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import type { Outbox } from '../../platform/outbox';
import { notWokenLately } from '../../platform/woken-lately';
import type { ArchiveDeps } from './deps';
import { wakeBatch, wakeRestore, wakeRun } from './wake';

/** Rows that one batch wakes; the pause between batches bounds the rate. */
const batchSize = 200;

interface Open {
  readonly id: string;
  readonly kind: keyof typeof wakers;
}

const wakers = { batch: wakeBatch, restore: wakeRestore, run: wakeRun } as const;

/**
 * Wakes what of the archive has not ended and nobody has driven for so many hours: a living driver looks daily. Leaves
 * alone what is being woken or was a moment ago. Returns how many.
 */
export function wakeUndrivenArchive(
  { db, outbox }: Pick<ArchiveDeps, 'db' | 'outbox'>,
  hours: number,
): Promise<number> {
  return withSystem(db, 'reconciler', async (tx) => {
    const open = await openOf(tx, { hours, from: null });
    for (const { id, kind } of open) await wakers[kind](tx, outbox, id);
    return open.length;
  });
}

/**
 * Wakes whatever of the archive has not ended, a batch at a time from an id on: for a Temporal that is new or was
 * emptied. Returns the id to go on from, or null after the last batch.
 */
export async function wakeArchiveFrom(
  tx: Tx,
  { outbox }: { readonly outbox: Outbox },
  from: string | null,
): Promise<string | null> {
  const open = await openOf(tx, { hours: null, from });
  for (const { id, kind } of open) await wakers[kind](tx, outbox, id);
  return open.length < batchSize ? null : (open.at(-1)?.id ?? null);
}

function openOf(
  tx: Tx,
  { hours, from }: { readonly hours: number | null; readonly from: string | null },
): Promise<Open[]> {
  return tx.rows<Open & Record<string, unknown>>(
    `select id, kind from (
       select b.id, 'batch' as kind, 'audit-archive/' || b.id as workflow, b.driven_at
       from audit_batches as b join audit_partitions as p on p.from_seq <= b.from_seq and b.from_seq < p.to_seq
       where b.state in ('planned', 'stored') or (b.state = 'confirmed' and b.to_seq = p.to_seq - 1)
       union all
       select id, 'restore', 'audit-restore/' || id, driven_at from audit_restores
       where state in ('requested', 'restored')
       union all
       select id, 'run', 'audit-archive-run/' || id, requested_at from audit_archive_runs
       where done_at is null) as open
     where ($1::uuid is null or id > $1)
       and ($2::float8 is null
         or driven_at < clock_timestamp() - $2 * interval '1 hour' and ${notWokenLately('open.workflow')})
     order by id limit $3`,
    [from, hours, batchSize],
  );
}
