import { DomainError } from '../../errors/problems';
import { readObject } from '../../platform/object-store-bytes';
import type { ObjectStore } from '../../platform/object-store';
import { leafHash, hashBytes } from '../audit/hashes';
import { tileKey } from '../audit/proofs';
import { tilesOf } from '../audit/tiles';
import { tileWidth } from '../audit/tree';
import type { CheckArchive } from '../audit/verify/verify-log';
import { batchesAfter } from './batches';
import type { Batch, BatchObject, BatchObjects } from './batches';
import { digestOf, linesOf, mostBytes, signedManifest } from './archived-objects';
import type { Manifest } from './manifest.rules';

type Given = Parameters<CheckArchive>[0];

/** Where the chain of manifests stands. */
interface Link {
  readonly n: number;
  readonly from: number;
  readonly to: number;
  /** Of the manifest's bytes, in hex, and of those that it took the place of; null before the first. */
  readonly manifests: readonly (string | null)[];
}

const beginning: Link = { n: 0, from: 1, to: 0, manifests: [null] };

/** Batches of one look. */
const pageSize = 50;

/**
 * Compares what lies in the archive with what the log says of it: each manifest with its signature, its row and the one
 * that the next one names; each object with its digest; each entry with its hash in the tree, which outlives it. One
 * batch is held at a time. What is still on its way there is not looked at.
 */
export const archiveCheck =
  (store: ObjectStore): CheckArchive =>
  async (given) => {
    let last = beginning;
    let entries = 0;
    for (;;) {
      const batches = await given.read((tx) => batchesAfter(tx, last.n, pageSize));
      for (const batch of batches) {
        given.signal?.throwIfAborted();
        if (batch.n !== last.n + 1 || batch.from !== last.to + 1) missing(given, last, batch);
        if (isStored(batch) && batch.to >= given.from && batch.from <= given.to) {
          try {
            entries += await checkBatch(given, store, batch, last);
          } catch (error) {
            if (!(error instanceof DomainError)) throw error;
            given.breaks.add(batch.from, 'unattested', 'an archive that can be read', error.code);
            return entries;
          }
        }
        last = linkOf(batch);
      }
      if (batches.length < pageSize) break;
    }
    if (given.dropped > last.to) missing(given, last);
    return entries;
  };

function missing({ breaks }: Given, last: Link, found?: Batch): void {
  const actual = found ? `batch ${String(found.n)}` : 'none';
  breaks.add(last.to + 1, 'manifest-chain', `batch ${String(last.n + 1)}`, actual);
}

function linkOf({ n, from, to, objects, replaced }: Batch): Link {
  return { n, from, to, manifests: [...replaced, ...(objects ? [objects.manifest.sha256] : [])] };
}

function isStored(batch: Batch): batch is Stored {
  return (batch.state === 'confirmed' || batch.state === 'pruned') && batch.objects !== null;
}

type Stored = Batch & { readonly objects: BatchObjects };

async function checkBatch(
  given: Given,
  store: ObjectStore,
  batch: Stored,
  before: Link,
): Promise<number> {
  const { objects } = batch;
  const fault = await manifestFault(given, store, batch, before);
  if (fault) given.breaks.add(fault.at, 'manifest-chain', fault.expected, fault.actual);
  await objectOf(given, store, batch, objects.personal);
  const { bytes, isOurs } = await objectOf(given, store, batch, objects.leaves, true);
  if (!bytes) return 0;
  const lines = linesOf(bytes);
  const stray = await firstStray(given, batch, lines);
  // Of a wrong object the first wrong entry is the place; a right one that holds it was made of other entries.
  if (stray) {
    const kind = isOurs ? 'event-hash-mismatch' : 'archive-hash-mismatch';
    given.breaks.add(stray.seq, kind, stray.expected, stray.actual);
  } else if (!isOurs) tellDigest(given, batch, objects.leaves, bytes);
  return lines?.length ?? 0;
}

interface Fault {
  readonly at: number;
  readonly expected: string;
  readonly actual: string;
}

/** What is wrong with the manifest of a batch, or with the one before it that it names. */
async function manifestFault(
  { trust }: Given,
  store: ObjectStore,
  batch: Stored,
  before: Link,
): Promise<Fault | undefined> {
  const { manifest: object } = batch.objects;
  const here = (expected: string, actual: string): Fault => ({ at: batch.from, expected, actual });
  const bytes = await readObject(store, object.key, mostBytes);
  if (!bytes) return here(object.sha256, 'none');
  const digest = digestOf(bytes);
  if (digest !== object.sha256) return here(object.sha256, digest);
  const signed = signedManifest(bytes, trust);
  if (!signed || !isOf(signed.manifest, batch)) {
    return here(`the manifest of batch ${String(batch.n)}`, 'another one');
  }
  const { origin, prev_manifest_sha256: previous } = signed.manifest;
  if (!signed.believed) return here(`a note of ${origin}`, 'another one');
  if (before.manifests.includes(previous)) return undefined;
  return {
    at: before.from,
    expected: previous ?? 'none',
    actual: before.manifests.at(-1) ?? 'none',
  };
}

function isOf(manifest: Manifest, { id, n, from, to, objects }: Stored): boolean {
  return (
    [manifest.batch, manifest.n, manifest.from_seq, manifest.to_seq].join() ===
      [id, n, from, to].join() &&
    manifest.leaves.sha256 === objects.leaves.sha256 &&
    manifest.personal.sha256 === objects.personal.sha256
  );
}

/** Fetches an object and compares its digest; tells what is wrong with it unless the caller looks closer. */
async function objectOf(
  given: Given,
  store: ObjectStore,
  batch: Stored,
  object: BatchObject,
  looksCloser = false,
): Promise<{ readonly bytes: Buffer | null; readonly isOurs: boolean }> {
  const bytes = await readObject(store, object.key, mostBytes);
  const isOurs = bytes !== null && digestOf(bytes) === object.sha256;
  if (!isOurs && (bytes === null || !looksCloser)) tellDigest(given, batch, object, bytes);
  return { bytes, isOurs };
}

function tellDigest(
  { breaks }: Given,
  { from }: Stored,
  { sha256 }: BatchObject,
  bytes: Buffer | null,
): void {
  breaks.add(from, 'archive-hash-mismatch', sha256, bytes ? digestOf(bytes) : 'none');
}

/** The first entry whose hash is not the one in the tree; undefined where there is none, or nothing to be read. */
async function firstStray(
  { read }: Given,
  { from, to }: Stored,
  lines: readonly string[] | undefined,
): Promise<{ seq: number; expected: string; actual: string } | undefined> {
  if (!lines) return undefined;
  const tileOf = (seq: number) => ({ level: 0, index: Math.floor((seq - 1) / tileWidth) });
  const addresses = new Map(
    Array.from({ length: to - from + 1 }, (_, n) => tileOf(from + n)).map((one) => [
      tileKey(one),
      one,
    ]),
  );
  const tiles = await read((tx) => tilesOf(tx)([...addresses.values()]));
  for (let seq = from; seq <= to; seq += 1) {
    const at = ((seq - 1) % tileWidth) * hashBytes;
    const expected = tiles.get(tileKey(tileOf(seq)))?.subarray(at, at + hashBytes);
    const line = lines[seq - from];
    const actual = line === undefined ? undefined : leafHash(line);
    if (actual && expected?.equals(actual)) continue;
    const [wanted, found] = [expected, actual].map((hash) => hash?.toString('hex') ?? 'none');
    return { seq, expected: wanted ?? 'none', actual: found ?? 'none' };
  }
  return undefined;
}
