import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import type { Outbox } from '../../platform/outbox';
import type { ArchiveDeps } from './deps';

/** Asks for the workflows of batches, in a transaction of its own. */
export async function wakeBatches(
  { db, outbox }: Pick<ArchiveDeps, 'db' | 'outbox'>,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  await withSystem(db, 'archive', async (tx) => {
    for (const id of ids) await wakeBatch(tx, outbox, id);
  });
}

/** Asks for the workflow of a batch. */
export function wakeBatch(tx: Tx, outbox: Outbox, batchId: string): Promise<void> {
  return outbox.wake(tx, {
    workflowType: 'archiveAudit',
    workflowId: `audit-archive/${batchId}`,
    input: { batchId },
  });
}

/** Asks for the workflow of a restore. */
export function wakeRestore(tx: Tx, outbox: Outbox, restoreId: string): Promise<void> {
  return outbox.wake(tx, {
    workflowType: 'restoreArchive',
    workflowId: `audit-restore/${restoreId}`,
    input: { restoreId },
  });
}

/** Asks for the workflow that plans what an operator wants archived. */
export function wakeRun(tx: Tx, outbox: Outbox, runId: string): Promise<void> {
  return outbox.wake(tx, {
    workflowType: 'runArchive',
    workflowId: `audit-archive-run/${runId}`,
    input: { runId },
  });
}
