import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { NewObject } from '../../platform/object-store';
import { holds, putChecked } from '../../platform/object-store-bytes';
import { checkpointCovering } from '../audit/checkpoints';
import type { Checkpoint } from '../audit/checkpoints';
import { signNote } from '../audit/notes';
import { consistencyProof } from '../audit/proofs';
import { signersAt } from '../audit/signing-desk';
import { tilesOf } from '../audit/tiles';
import { digestOf } from './archived-objects';
import { noteObjects, noteStored, predecessorOf } from './batches';
import type { Batch, BatchObject, BatchObjects } from './batches';
import { buildRange } from './build-batch';
import type { BuiltRange } from './build-batch';
import type { ArchiveDeps, ArchiveStore } from './deps';
import { lockedUntil } from './locks';
import { leavesKey, manifestKey, manifestText, personalKey } from './manifest.rules';

const jsonLines = 'application/gzip';
const noteType = 'text/plain; charset=utf-8';

/**
 * Puts a batch into the store: leaves, personal data, and last the manifest that names both. Their digests are in the
 * row before the first byte leaves, and after a crash the same bytes are made again; where that is not possible,
 * because personal data was erased, they are other objects with other names.
 * @throws DomainError of the store, of a log that does not hold, `unavailable` while the batch before has no manifest
 */
export async function storeBatch(
  deps: ArchiveDeps,
  store: ArchiveStore,
  batch: Batch,
): Promise<void> {
  const { objects } = batch;
  const isThere = objects !== null && (await allThere(store, objects));
  if (!isThere) await upload(deps, store, batch);
  await withSystem(deps.sequencer, 'archive', (tx) => noteStored(tx, batch.id));
}

async function allThere({ objects }: ArchiveStore, batch: BatchObjects): Promise<boolean> {
  for (const object of [batch.leaves, batch.personal, batch.manifest]) {
    if (!(await holds(objects, object))) return false;
  }
  return true;
}

async function upload(deps: ArchiveDeps, store: ArchiveStore, batch: Batch): Promise<void> {
  const range = await buildRange(deps.sequencer, batch, await deps.secret('archive'));
  const planned = batch.objects;
  const same =
    planned?.leaves.sha256 === range.leaves.sha256 &&
    planned.personal.sha256 === range.personal.sha256;
  const until = same ? (batch.lockedUntil ?? undefined) : await lockedUntil(deps, store);
  const objects = same ? planned : await describe(deps, batch, range);
  if (!same) {
    await withSystem(deps.sequencer, 'archive', (tx) => noteObjects(tx, batch.id, objects, until));
  }
  const { leaves, personal, manifest } = objects;
  const put = (object: BatchObject, body: Buffer, contentType: string, lock?: Date) =>
    putChecked(store.objects, newObject(object, body, contentType, lock));
  await put(leaves, range.leaves.body, jsonLines, until);
  // Not locked: what is erased shall be able to go, and it is sealed.
  await put(personal, range.personal.body, jsonLines);
  await put(manifest, Buffer.from(manifest.note), noteType, until);
}

const newObject = (
  { key, sha256 }: BatchObject,
  body: Buffer,
  contentType: string,
  lock: Date | undefined,
): NewObject => ({ key, body, sha256, contentType, lockedUntil: lock });

async function describe(deps: ArchiveDeps, batch: Batch, range: BuiltRange): Promise<BatchObjects> {
  const { leaves, personal } = range;
  const dataObjects = {
    leaves: named(leavesKey(batch, leaves.sha256), leaves),
    personal: named(personalKey(batch, personal.sha256), personal),
  };
  const note = await withSystem(deps.sequencer, 'archive', async (tx) => {
    const previous = await predecessorOf(tx, batch.n);
    if (previous === undefined) {
      throw new DomainError('unavailable', { detail: 'The batch before has no manifest yet.' });
    }
    const checkpoint = await checkpointCovering(tx, batch.origin, batch.to);
    if (!checkpoint) throw new DomainError('checkpoint-not-found');
    const proof = await consistencyProof(tilesOf(tx), batch.to, checkpoint.size);
    const text = manifestText({
      ...manifestOf(batch, range, checkpoint, proof),
      prev_manifest_sha256: previous,
      leaves: { ...dataObjects.leaves, raw_sha256: leaves.rawSha256 },
      personal: { ...dataObjects.personal, parts: personal.parts },
    });
    const signers = await signersAt(tx, deps.keys, checkpoint, 'manifest');
    if (!signers) throw new DomainError('signer-unavailable');
    return signNote(text, signers);
  });
  const sha256 = digestOf(note);
  const bytes = Buffer.byteLength(note);
  const manifest = { key: manifestKey(batch, sha256), sha256, bytes, note };
  return { ...dataObjects, manifest };
}

const named = (key: string, { body, sha256 }: BuiltRange['personal'] | BuiltRange['leaves']) => ({
  key,
  sha256,
  bytes: body.length,
});

const base64 = (hashes: readonly Buffer[]): string[] =>
  hashes.map((hash) => hash.toString('base64'));

function manifestOf(
  batch: Batch,
  range: BuiltRange,
  checkpoint: Checkpoint,
  proof: readonly Buffer[],
) {
  return {
    v: 1,
    origin: batch.origin,
    batch: batch.id,
    n: batch.n,
    attempt: batch.attempt,
    replaces: batch.replaced,
    from_seq: batch.from,
    to_seq: batch.to,
    count: batch.to - batch.from + 1,
    first_sequenced_at: range.firstSequencedAt,
    last_sequenced_at: range.lastSequencedAt,
    first_prev_hash: range.firstPrevHash,
    last_hash: range.lastHash,
    range_before: base64(range.rangeBefore),
    root_after: range.rootAfter.toString('base64'),
    consistency: base64(proof),
    checkpoint: checkpoint.note,
  } as const;
}
