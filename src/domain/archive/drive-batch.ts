import { DomainError } from '../../errors/problems';
import { sqlState, withSystem } from '../../platform/db';
import { fetchDigest, holds } from '../../platform/object-store-bytes';
import { newId } from '../../platform/ids';
import { errorFields } from '../../platform/log';
import { controlEntry } from '../audit/control-entries';
import { insertPending } from '../audit/pending';
import {
  batchById,
  batchesIn,
  confirmBatch,
  doubtBatch,
  noteDriven,
  noteProblem,
  prunePartition,
  situationOf,
  verifyBatch,
} from './batches';
import type { Batch, BatchObjects } from './batches';
import { nextStep } from './batches.rules';
import type { BatchState, BatchStep, NextStep, Partition } from './batches.rules';
import type { ArchiveDeps, ArchiveStore } from './deps';
import { requireOwnLog } from './own-log';
import { storeBatch } from './store-batch';
import { wakeBatches } from './wake';

/** What a batch's workflow needs to know: how far it is, what comes next, and when. */
export interface BatchView extends NextStep {
  readonly state: BatchState;
}

/**
 * Looks at the rows of a batch and says what is next.
 * @throws DomainError `archive-not-found`
 */
export async function viewBatch(deps: ArchiveDeps, batchId: string): Promise<BatchView> {
  return withSystem(deps.sequencer, 'archive', async (tx) => {
    await noteDriven(tx, batchId);
    const situation = await situationOf(tx, batchId);
    if (!situation) throw new DomainError('archive-not-found');
    return { ...nextStep(situation), state: situation.state };
  });
}

/**
 * Does the next step of a batch and looks again. What fails is noted in the batch's row, with the time of the next
 * try: whatever the store does or says, no failure leaves here, and nothing is dropped on its word.
 */
export async function driveBatch(
  deps: ArchiveDeps,
  batchId: string,
  step: BatchStep,
): Promise<BatchView> {
  const read = await withSystem(deps.sequencer, 'archive', async (tx) => ({
    batch: await batchById(tx, batchId),
    situation: await situationOf(tx, batchId),
  }));
  const { batch, situation } = read;
  if (!batch || !situation) throw new DomainError('archive-not-found');
  // Another run may have been quicker.
  if (nextStep(situation).step !== step) return viewBatch(deps, batchId);
  try {
    if (!deps.store) throw new DomainError('store-missing');
    await requireOwnLog(deps, deps.store);
    if (step === 'store') await storeBatch(deps, deps.store, batch);
    if (step === 'confirm') await confirm(deps, deps.store, batch);
    if (step === 'prune') await prune(deps, deps.store, situation.partition, batch.tries);
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) throw error;
    const fields = { ...errorFields(error), problem, 'archive.batch': batchId };
    deps.log.warn(fields, `An archive batch could not ${step}: ${problem}`);
    await withSystem(deps.sequencer, 'archive', async (tx) => {
      if (problem === 'store-content-mismatch') await doubtBatch(tx, batchId, problem);
      await noteProblem(tx, batchId, problem, deps.times.pauseSeconds);
    });
  }
  return viewBatch(deps, batchId);
}

// UA001, UA002: what audit_prune() refuses. 55P03: somebody reads the log for longer than it waits.
const refusals: Readonly<Record<string, string>> = {
  UA001: 'prune-refused',
  UA002: 'prune-refused',
  '55P03': 'prune-refused',
};

function problemOf(error: unknown): string | undefined {
  if (error instanceof DomainError) return error.code;
  return refusals[sqlState(error) ?? ''];
}

async function confirm(deps: ArchiveDeps, store: ArchiveStore, batch: Batch): Promise<void> {
  if (batch.objects === null) return;
  const { leaves, personal, manifest } = batch.objects;
  for (const object of [leaves, personal, manifest]) {
    if (!(await holds(store.objects, object))) throw new DomainError('store-content-mismatch');
  }
  const entry = controlEntry('audit.archived', {
    batch: batch.id,
    n: batch.n,
    from_seq: batch.from,
    to_seq: batch.to,
    manifest: manifest.sha256,
  });
  await withSystem(deps.sequencer, 'archive', async (tx) => {
    const confirmed = await confirmBatch(tx, batch.id, deps.times.graceHours);
    if (confirmed) await insertPending(tx, entry);
  });
}

/**
 * Fetches and hashes every object of a partition, then lets the database drop it: by what was fetched just now, not by
 * what was said at any time before.
 */
async function prune(
  deps: ArchiveDeps,
  store: ArchiveStore,
  partition: Partition,
  tries: number,
): Promise<void> {
  const batches = await withSystem(deps.sequencer, 'archive', (tx) => batchesIn(tx, partition));
  for (const batch of batches) {
    if (batch.objects === null || batch.state !== 'confirmed') {
      throw new DomainError('prune-refused', { detail: 'A batch is not confirmed.' });
    }
    const whole = isWhole(deps, store, batch, batch.objects);
    // The store answers otherwise: what it fails to hand out for so long is as good as lost.
    const isThere = tries < mostTries ? await whole : await whole.catch(isUnreachable);
    if (isThere) continue;
    await withSystem(deps.sequencer, 'archive', (tx) =>
      doubtBatch(tx, batch.id, 'store-content-mismatch'),
    );
    await wakeBatches(deps, [batch.id]);
    throw new DomainError('prune-refused', { detail: 'The objects of a batch are not whole.' });
  }
  const entry = newId();
  const dropped = await withSystem(deps.sequencer, 'archive', (tx) =>
    prunePartition(tx, partition.from, entry),
  );
  if (dropped === 0) return;
  const fields = { 'archive.from_seq': partition.from, 'archive.entries': dropped };
  deps.log.info(fields, `${String(dropped)} audit entries are in the archive only now`);
}

/** Failures in a row, within an hour and a half, after which an object that cannot be fetched is made anew. */
const mostTries = 10;

function isUnreachable(error: unknown): false {
  if (error instanceof DomainError && error.code === 'store-unreachable') return false;
  throw error;
}

async function isWhole(
  deps: ArchiveDeps,
  { objects: store }: ArchiveStore,
  { id }: Batch,
  { leaves, personal, manifest }: BatchObjects,
): Promise<boolean> {
  const found = {
    leaves: (await fetchDigest(store, leaves.key))?.sha256,
    personal: (await fetchDigest(store, personal.key))?.sha256,
    manifest: (await fetchDigest(store, manifest.key))?.sha256,
  };
  const { leaves: a, personal: b, manifest: c } = found;
  if (a === undefined || b === undefined || c === undefined) return false;
  return withSystem(deps.sequencer, 'archive', (tx) =>
    verifyBatch(tx, id, { leaves: a, personal: b, manifest: c }),
  );
}
