import type { Database, Tx } from '../../platform/db';
import { withSystem } from '../../platform/db';
import type { Outbox, Wake } from '../../platform/outbox';
import { notWokenLately } from '../../platform/woken-lately';

/** The wake-up of the workflow that carries a tenant through its statuses. */
export function wakeLifecycle(tenantId: string): Wake {
  return {
    workflowType: 'tenantLifecycle',
    workflowId: `tenant-lifecycle/${tenantId}`,
    input: { tenantId },
  };
}

interface WakeDeps {
  readonly db: Database;
  readonly outbox: Outbox;
}

/**
 * Tenants for which time brings something (the end of a trial, of a grace, or a purge under way), and those whose people
 * were told of another status than they are in, since the run that should have told them was lost or nobody woke one.
 * Whoever looks writes the notice, where `noticeOf` has one, and notes the status: nobody is found for that twice.
 * Most tenants of many are active and were told so, or never had anything to be told; the first condition leaves them
 * out by the index on the status and the narrow table of what was told.
 */
const unfinished = `t.id in (
    select id from tenants
    where status in ('trial', 'suspended', 'frozen', 'archived', 'deleted', 'purging')
    union select tenant_id from tenant_lifecycles
    where told_status in ('trial', 'suspended', 'frozen', 'archived', 'deleted'))
  and (t.status in ('trial', 'deleted') or t.status = 'purging' and t.purged_at is null
    or l.told_status is distinct from t.status)`;

const batchSize = 200;

/** Wakes the workflows of tenants that nobody has driven for so many hours; returns how many. */
export function wakeUndrivenTenants(deps: WakeDeps, hours: number): Promise<number> {
  return withSystem(deps.db, 'reconciler', async (tx) => {
    const rows = await tx.rows<{ id: string }>(
      `select t.id from tenants as t left join tenant_lifecycles as l on l.tenant_id = t.id
       where ${unfinished} and coalesce(l.driven_at, t.updated_at) < now() - $1 * interval '1 hour'
         and ${notWokenLately(`'tenant-lifecycle/' || t.id`)}
       order by l.driven_at nulls first limit $2`,
      [hours, batchSize],
    );
    return wakeAll(tx, deps, rows);
  });
}

/**
 * Wakes the workflow of every tenant that is not settled or not told of its status, a batch at a time from an id on: for
 * a Temporal that is new or was emptied. Returns the id to go on from, or null after the last batch.
 */
export async function wakeTenantsFrom(
  tx: Tx,
  deps: Pick<WakeDeps, 'outbox'>,
  from: string | null,
): Promise<string | null> {
  const rows = await tx.rows<{ id: string }>(
    `select t.id from tenants as t left join tenant_lifecycles as l on l.tenant_id = t.id
     where ($1::uuid is null or t.id > $1) and ${unfinished} order by t.id limit $2`,
    [from, batchSize],
  );
  await wakeAll(tx, deps, rows);
  return rows.length < batchSize ? null : (rows.at(-1)?.id ?? null);
}

async function wakeAll(
  tx: Tx,
  deps: Pick<WakeDeps, 'outbox'>,
  rows: readonly { readonly id: string }[],
): Promise<number> {
  for (const { id } of rows) await deps.outbox.wake(tx, wakeLifecycle(id));
  return rows.length;
}
