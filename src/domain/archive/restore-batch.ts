import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import { errorFields } from '../../platform/log';
import { batchById } from './batches';
import type { Batch } from './batches';
import type { ArchiveDeps, ArchiveStore } from './deps';
import { fetchBatch } from './fetch-batch';
import type { FetchedBatch } from './fetch-batch';
import { neededKeys, openPersonal } from './personal';
import { dropRestored, strangers, writeRestored } from './restored-entries';
import {
  noteEnded,
  noteRefused,
  noteRestoreDriven,
  noteRestorePause,
  noteRestored,
  restoreById,
} from './restores';
import type { Restore, RestoreState } from './restores';
import { keysById } from './subject-keys';

/** What the workflow of a restore needs to know. */
export interface RestoreView {
  readonly state: RestoreState;
  readonly step: 'fetch' | 'drop' | null;
  readonly waitMs: number;
}

const steps: Readonly<Record<RestoreState, RestoreView['step']>> = {
  requested: 'fetch',
  restored: 'drop',
  refused: null,
  ended: null,
};

const longestMs = 24 * 60 * 60 * 1_000;

const viewOf = ({ state, waitMs }: Restore): RestoreView => ({
  state,
  step: steps[state],
  waitMs: Math.min(waitMs, longestMs),
});

async function found(deps: ArchiveDeps, id: string): Promise<Restore> {
  const restore = await withSystem(deps.sequencer, 'archive', async (tx) => {
    await noteRestoreDriven(tx, id);
    return restoreById(tx, id);
  });
  if (!restore) throw new DomainError('archive-not-found');
  return restore;
}

/** Looks at the row of a restore and says what is next. */
export async function viewRestore(deps: ArchiveDeps, restoreId: string): Promise<RestoreView> {
  return viewOf(await found(deps, restoreId));
}

/**
 * Does the next step of a restore and looks again: fetches a batch and puts its entries beside the log once they are
 * proved to be what was archived, or takes them away when their time is over.
 */
export async function driveRestore(deps: ArchiveDeps, restoreId: string): Promise<RestoreView> {
  const restore = await found(deps, restoreId);
  const { step, waitMs } = viewOf(restore);
  if (step === null || waitMs > 0) return viewOf(restore);
  if (step === 'drop') {
    await withSystem(deps.sequencer, 'archive', async (tx) => {
      await dropRestored(tx, restoreId);
      await noteEnded(tx, restoreId);
    });
  } else await fetchOrNote(deps, restore);
  return viewRestore(deps, restoreId);
}

async function fetchOrNote(deps: ArchiveDeps, restore: Restore): Promise<void> {
  try {
    if (!deps.store) throw new DomainError('store-missing');
    const batch = await withSystem(deps.sequencer, 'archive', (tx) =>
      batchById(tx, restore.batchId),
    );
    if (batch?.state !== 'pruned') throw new DomainError('archive-still-hot');
    await fetch(deps, deps.store, batch, restore.id);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const { code } = error;
    const fields = { ...errorFields(error), problem: code, 'archive.restore': restore.id };
    deps.log.warn(fields, `An archive batch could not be restored: ${code}`);
    const final = code === 'archive-damaged' || code === 'archive-still-hot';
    await withSystem(deps.sequencer, 'archive', (tx) =>
      final
        ? noteRefused(tx, restore.id, code)
        : noteRestorePause(tx, restore.id, code, deps.times.pauseSeconds),
    );
  }
}

async function fetch(
  deps: ArchiveDeps,
  store: ArchiveStore,
  batch: Batch,
  restoreId: string,
): Promise<void> {
  const fetched = await withSystem(deps.sequencer, 'archive', (tx) =>
    fetchBatch(tx, store.objects, batch),
  );
  const secret = await deps.secret('restore');
  await withSystem(deps.sequencer, 'archive', async (tx) => {
    const { parts, erased } = await opened(tx, fetched, secret, batch.id);
    await dropRestored(tx, restoreId);
    await writeRestored(tx, restoreId, fetched.leaves, parts);
    const counts = { entries: fetched.leaves.length, erased };
    await noteRestored(tx, restoreId, counts, deps.times.restoredDays);
  });
}

async function opened(
  tx: Parameters<Parameters<typeof withSystem>[2]>[0],
  { leaves, personal }: FetchedBatch,
  secret: Buffer,
  batchId: string,
) {
  const keys = await keysById(tx, neededKeys(personal));
  const open = openPersonal(personal, keys, secret, batchId);
  if (strangers(leaves, open.parts).length > 0) {
    throw new DomainError('archive-damaged', { detail: 'Personal data is not that of its entry.' });
  }
  return open;
}
