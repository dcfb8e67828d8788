import type { BatchStep } from '../src/domain/archive/batches.rules';
import type { ArchiveDeps } from '../src/domain/archive/deps';
import { driveBatch, viewBatch } from '../src/domain/archive/drive-batch';
import type { BatchView } from '../src/domain/archive/drive-batch';
import { driveRestore, viewRestore } from '../src/domain/archive/restore-batch';
import type { RestoreView } from '../src/domain/archive/restore-batch';
import { carryOutRun, planNow } from '../src/domain/archive/runs';
import { beating } from './heartbeat';

/** Names a batch of the archive. */
export interface BatchId {
  readonly batchId: string;
}

/** Names a batch that is fetched back. */
export interface RestoreId {
  readonly restoreId: string;
}

/** What moves the log into the object store and fetches it back; each may be repeated. */
export function createArchiveActivities(deps: ArchiveDeps) {
  return {
    /** Plans what can be archived by now, for the daily run. */
    planArchive: (): Promise<{ planned: number }> =>
      beating(() => planNow(deps, 'system:schedule')),

    /** Plans what an operator asked for. */
    carryOutRun: ({ runId }: { readonly runId: string }): Promise<void> =>
      beating(() => carryOutRun(deps, runId)),

    /** Looks at a batch and says what is next. */
    viewBatch: ({ batchId }: BatchId): Promise<BatchView> => viewBatch(deps, batchId),

    /** Does the next step of a batch. */
    driveBatch: ({ batchId, step }: BatchId & { readonly step: BatchStep }): Promise<BatchView> =>
      beating(() => driveBatch(deps, batchId, step)),

    /** Looks at a restore and says what is next. */
    viewRestore: ({ restoreId }: RestoreId): Promise<RestoreView> => viewRestore(deps, restoreId),

    /** Does the next step of a restore. */
    driveRestore: ({ restoreId }: RestoreId): Promise<RestoreView> =>
      beating(() => driveRestore(deps, restoreId)),
  };
}

/** The activities of this file, as workflows see them. */
export type ArchiveActivities = ReturnType<typeof createArchiveActivities>;
