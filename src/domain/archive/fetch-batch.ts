import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { readObject } from '../../platform/object-store-bytes';
import type { ObjectStore } from '../../platform/object-store';
import { hashBytes, leafHash } from '../audit/hashes';
import { readEnvelope } from '../audit/leaf.rules';
import { allKeys } from '../audit/log-keys';
import { checkNote, openNote, readVkey, renamed } from '../audit/notes';
import { noteName } from '../audit/heads.rules';
import { rootAt } from '../audit/proofs';
import { tilesOf } from '../audit/tiles';
import { CompactRange } from '../audit/tree';
import { digestOf, linesOf, mostBytes } from './archived-objects';
import type { Batch, BatchObject } from './batches';
import { readManifest } from './manifest.rules';
import type { Manifest } from './manifest.rules';

/** A batch as it was fetched and found to be what was archived. */
export interface FetchedBatch {
  readonly manifest: Manifest;
  /** In their order. */
  readonly leaves: readonly {
    readonly seq: number;
    readonly leaf: string;
    readonly hash: Buffer;
  }[];
  /** Sealed groups of personal data. */
  readonly personal: readonly string[];
}

const damaged = (detail: string): DomainError => new DomainError('archive-damaged', { detail });

/**
 * Fetches a batch and checks it by everything that can be: the digests in its row, the signature of its manifest, every
 * entry's hash and link, and the tree of the log, whose tiles outlive the entries.
 * @throws DomainError `archive-damaged`, errors of the store
 */
export async function fetchBatch(tx: Tx, store: ObjectStore, batch: Batch): Promise<FetchedBatch> {
  const { objects } = batch;
  if (objects === null) throw damaged('The batch was never built.');
  const manifest = await fetchManifest(tx, store, batch, objects.manifest);
  const named = { ...objects, manifest: undefined };
  if (manifest.leaves.sha256 !== named.leaves.sha256) throw damaged('The manifest names others.');
  if (manifest.personal.sha256 !== named.personal.sha256)
    throw damaged('The manifest names others.');
  const text = unpack(await fetchObject(store, objects.leaves));
  const leaves = requireChain(manifest, text);
  const root = await rootAt(tilesOf(tx), batch.to);
  if (root.toString('base64') !== manifest.root_after) throw damaged('The tree has another root.');
  return { manifest, leaves, personal: unpack(await fetchObject(store, objects.personal)) };
}

async function fetchObject(store: ObjectStore, { key, sha256 }: BatchObject): Promise<Buffer> {
  const bytes = await readObject(store, key, mostBytes);
  if (!bytes) throw damaged('An object is not there.');
  if (digestOf(bytes) !== sha256) throw damaged('An object has another digest.');
  return bytes;
}

function unpack(bytes: Buffer): string[] {
  const lines = linesOf(bytes);
  if (!lines) throw damaged('An object cannot be unpacked.');
  return lines;
}

async function fetchManifest(
  tx: Tx,
  store: ObjectStore,
  batch: Batch,
  object: BatchObject,
): Promise<Manifest> {
  const note = openNote((await fetchObject(store, object)).toString('utf8'));
  const manifest = note && readManifest(note.text);
  if (!manifest || manifest.batch !== batch.id) throw damaged('The manifest cannot be read.');
  const name = noteName(manifest.origin, 'manifest');
  const keys = (await allKeys(tx)).flatMap(({ vkey }) => readVkey(vkey) ?? []);
  if (!keys.some((key) => checkNote(note, renamed(key, name)) === 'valid')) {
    throw damaged('The manifest is not signed by a key of the log.');
  }
  return manifest;
}

/** Checks leaves against their manifest: number, links, hashes and the root that they lead to. */
export function requireChain(manifest: Manifest, lines: readonly string[]): FetchedBatch['leaves'] {
  if (lines.length !== manifest.count) throw damaged('Entries are missing.');
  const before = Buffer.concat(manifest.range_before.map((root) => Buffer.from(root, 'base64')));
  const range = CompactRange.from(manifest.from_seq - 1, before);
  if (before.length % hashBytes !== 0) throw damaged('The manifest cannot be read.');
  let previous = manifest.first_prev_hash;
  const leaves = lines.map((leaf, index) => {
    const seq = manifest.from_seq + index;
    const envelope = readEnvelope(leaf);
    if (envelope?.seq !== seq || envelope.prevHash !== previous) {
      throw damaged(`Entry ${String(seq)} is not what was archived.`);
    }
    const hash = leafHash(leaf);
    previous = hash.toString('hex');
    range.append(hash);
    return { seq, leaf, hash };
  });
  if (previous !== manifest.last_hash) throw damaged('The last entry is not what was archived.');
  if (range.root().toString('base64') !== manifest.root_after) {
    throw damaged('The entries lead to another root.');
  }
  return leaves;
}
