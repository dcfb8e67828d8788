import {
  continueAsNew,
  proxyActivities,
  proxyLocalActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { ArchiveActivities } from '../activities/archive';
import type {
  ArchiveAuditInput,
  RestoreArchiveInput,
  RunArchiveInput,
} from '../src/contracts/audit-archive';
import { onWakeUp } from './lib/wake-up';

const retry = {
  initialInterval: '1 second',
  backoffCoefficient: 2,
  maximumInterval: '30 seconds',
} as const;

const rows = proxyLocalActivities<ArchiveActivities>({
  startToCloseTimeout: '30 seconds',
  localRetryThreshold: '20 seconds',
  retry,
});

/** Work with the object store; what it refuses is noted in the rows, so that a failure here is our own. */
const store = proxyActivities<ArchiveActivities>({
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout: '10 seconds',
  retry,
});

/**
 * Moves one range of the audit log into the object store: stores it, looks that it is there, and when the grace period
 * of its whole partition is over drops that from the log. Id `audit-archive/<batchId>`; resumes from its row.
 */
export async function archiveAudit({ batchId }: ArchiveAuditInput): Promise<string> {
  const wakeUp = onWakeUp();
  let batch = await rows.viewBatch({ batchId });
  while (batch.step !== null) {
    // A store may be away for weeks; the rows know everything that a new run needs.
    if (workflowInfo().continueAsNewSuggested)
      await continueAsNew<typeof archiveAudit>({ batchId });
    if (batch.waitMs > 0) {
      await wakeUp.orAfter(batch.waitMs);
      batch = await rows.viewBatch({ batchId });
    } else {
      batch = await store.driveBatch({ batchId, step: batch.step });
    }
  }
  return batch.state;
}

/** Fetches one range back and takes it away again when its time is over. Id `audit-restore/<restoreId>`. */
export async function restoreArchive({ restoreId }: RestoreArchiveInput): Promise<string> {
  const wakeUp = onWakeUp();
  let restore = await rows.viewRestore({ restoreId });
  while (restore.step !== null) {
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof restoreArchive>({ restoreId });
    }
    if (restore.waitMs > 0) {
      await wakeUp.orAfter(restore.waitMs);
      restore = await rows.viewRestore({ restoreId });
    } else {
      restore = await store.driveRestore({ restoreId });
    }
  }
  return restore.state;
}

/** Plans what an operator asked for. Id `audit-archive-run/<runId>`. */
export async function runArchive({ runId }: RunArchiveInput): Promise<void> {
  onWakeUp();
  await store.carryOutRun({ runId });
}

/** Tick of the schedule `usher/<task queue>/archive-audit`: plans what can be archived by now. */
export async function planArchive(): Promise<void> {
  await store.planArchive();
}
