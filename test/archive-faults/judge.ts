import { createHash, createPublicKey, verify } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { openPersonal } from '../../src/domain/archive/personal';
import type { SubjectKey } from '../../src/domain/archive/subject-keys';
import { publicKeyOf } from '../../src/domain/audit/notes';
import { createObjectStore } from '../../src/platform/object-store';
import { readObject } from '../../src/platform/object-store-bytes';
import type { Ground, Place } from './ground';

/** What a case came to, judged by the rows that are left and the bytes in the store alone. */
export interface Verdict {
  /** Entries that are neither in the log nor, proved, in the store. */
  readonly lost: number;
  /** Parts of personal data that are neither in the log nor, readable, in the store. */
  readonly lostParts: number;
  /** Batches that are said to be archived and cannot be proved to be. */
  readonly unverifiable: readonly string[];
  readonly batches: number;
  /** Whether the first partition was dropped from the log. */
  readonly pruned: boolean;
  /** Anything else that should not be. */
  readonly wrong: readonly string[];
}

interface Proved {
  readonly leaves: readonly string[];
  readonly personal: readonly string[];
}

interface ManifestFile {
  readonly v: number;
  readonly batch: string;
  readonly n: number;
  readonly attempt: number;
  readonly from_seq: number;
  readonly to_seq: number;
  readonly count: number;
  readonly first_prev_hash: string;
  readonly last_hash: string;
  readonly root_after: string;
  readonly prev_manifest_sha256: string | null;
  readonly replaces: readonly string[];
  readonly leaves: { readonly key: string; readonly sha256: string; readonly raw_sha256: string };
  readonly personal: { readonly key: string; readonly sha256: string };
  readonly checkpoint: string;
}

const sha256 = (bytes: Uint8Array | string): Buffer => createHash('sha256').update(bytes).digest();
const hexOf = (bytes: Uint8Array | string): string => sha256(bytes).toString('hex');

/** Judges a place after a case. This does not use the code that archives or verifies, but for opening sealed data. */
export async function judge(ground: Ground, place: Place): Promise<Verdict> {
  const client = await place.connect();
  try {
    const batches = await client.query<{ id: string; n: string; state: string; sha256: string }>(
      `select id, n, state, encode(manifest_sha256, 'hex') as sha256 from audit_batches order by n`,
    );
    const hot = await client.query<{ seq: string; leaf: string }>(
      'select seq, leaf from audit_log',
    );
    const parts = await client.query<{ count: number }>('select count(*)::int from audit_pii');
    const keys = await client.query<SubjectKey>('select id, subject, salt from audit_subject_keys');
    const archive = await proveArchive(ground, place);
    const leafAt = new Map(hot.rows.map(({ seq, leaf }) => [Number(seq), leaf]));
    const dropped = ground.originals.filter(({ seq }) => !leafAt.has(seq));
    const lost = ground.originals.filter(
      ({ seq, leaf }) => leafAt.get(seq) !== leaf && archive.leafAt.get(seq) !== leaf,
    );
    const archived = batches.rows.filter(({ state }) => ['confirmed', 'pruned'].includes(state));
    const unverifiable = archived
      .filter(({ n, sha256: sum }) => archive.proved.get(Number(n))?.sha256 !== sum)
      .map(({ n }) => `batch ${n}: ${archive.faults.get(Number(n)) ?? 'no manifest'}`);
    const prunedBatches = batches.rows.filter(({ state }) => state === 'pruned');
    const opened = prunedBatches.map(
      ({ id, n }) =>
        openPersonal(
          archive.proved.get(Number(n))?.personal ?? [],
          keys.rows,
          Buffer.from(place.site.secret, 'base64'),
          id,
        ).parts.length,
    );
    const readable = opened.reduce((sum, count) => sum + count, 0);
    const notes = await client.query<{ n: number }>(
      `select count(*)::int as n from (select action from audit_pending union all select action from audit_log) as e
       where action = 'audit.pruned'`,
    );
    const wrong: string[] = [];
    const pruned = prunedBatches.length > 0;
    if ((notes.rows[0]?.n ?? 0) !== Number(pruned)) wrong.push('the log tells another story');
    if (dropped.length > 0 && !pruned) wrong.push('entries are gone that nobody dropped');
    return {
      lost: lost.length,
      lostParts: Math.max(0, ground.parts - readable - (parts.rows[0]?.count ?? 0)),
      unverifiable,
      batches: batches.rows.length,
      pruned,
      wrong,
    };
  } finally {
    await client.end();
  }
}

interface Archive {
  readonly leafAt: ReadonlyMap<number, string>;
  readonly proved: ReadonlyMap<number, Proved & { readonly sha256: string }>;
  readonly faults: ReadonlyMap<number, string>;
}

/** Walks the manifests in the store from the first on, each by its newest attempt. */
async function proveArchive(ground: Ground, { site }: Place): Promise<Archive> {
  const store = createObjectStore(site.store);
  // What cannot be read is not there, for whatever reason.
  const read = (key: string) => readObject(store, key, 256 * 1024 * 1024).catch(() => null);
  const leafAt = new Map<number, string>();
  const proved = new Map<number, Proved & { sha256: string }>();
  const faults = new Map<number, string>();
  try {
    const newest = new Map<number, { manifest: ManifestFile; sha256: string }>();
    for await (const { key } of store.list('audit/')) {
      if (!key.includes('/manifests/')) continue;
      const bytes = (await read(key)) ?? Buffer.of();
      const manifest = signedManifest(bytes.toString('utf8'), site.seed);
      if (!manifest) continue;
      const known = newest.get(manifest.n);
      if (known && known.manifest.attempt > manifest.attempt) continue;
      newest.set(manifest.n, { manifest, sha256: hexOf(bytes) });
    }
    const hashes: Buffer[] = [];
    let before: string[] = [];
    for (const [n, { manifest, sha256: sum }] of [...newest].sort(([a], [b]) => a - b)) {
      const previous = manifest.prev_manifest_sha256;
      const isLinked = n === 1 ? previous === null : before.includes(previous ?? '');
      const leaves = unpacked(await read(manifest.leaves.key), manifest.leaves.sha256);
      const personal = unpacked(await read(manifest.personal.key), manifest.personal.sha256);
      const fault = !isLinked
        ? 'its manifest does not follow on the one before'
        : (faultOf(manifest, leaves, hashes) ??
          (personal ? undefined : 'its personal data is not there'));
      before = [sum, ...manifest.replaces];
      if (fault !== undefined || !leaves || !personal) {
        faults.set(n, fault ?? 'its objects are not there');
        // What comes after cannot be hashed on from here; the originals serve instead.
        hashes.push(
          ...ground.originals
            .slice(hashes.length, manifest.to_seq)
            .map(({ leaf }) => leafHash(leaf)),
        );
        continue;
      }
      leaves.forEach((leaf, index) => leafAt.set(manifest.from_seq + index, leaf));
      proved.set(n, { leaves, personal, sha256: sum });
    }
  } finally {
    store.close();
  }
  return { leafAt, proved, faults };
}

function unpacked(bytes: Buffer | null, expected: string): string[] | undefined {
  if (!bytes || hexOf(bytes) !== expected) return undefined;
  return gunzipSync(bytes).toString('utf8').split('\n').slice(0, -1);
}

const leafHash = (leaf: string): Buffer =>
  sha256(Buffer.concat([Buffer.of(0), Buffer.from(leaf, 'utf8')]));

// RFC 6962, section 2.1, by its definition.
function rootOf(hashes: readonly Buffer[]): Buffer {
  if (hashes.length === 0) return sha256('');
  if (hashes.length === 1) return hashes[0] ?? Buffer.of();
  let split = 1;
  while (split * 2 < hashes.length) split *= 2;
  return sha256(
    Buffer.concat([Buffer.of(1), rootOf(hashes.slice(0, split)), rootOf(hashes.slice(split))]),
  );
}

/** What is wrong with the leaves of a manifest; appends their hashes to those of all before them. */
function faultOf(
  manifest: ManifestFile,
  leaves: readonly string[] | undefined,
  hashes: Buffer[],
): string | undefined {
  if (!leaves) return 'its leaves are not there';
  if (hexOf(leaves.map((leaf) => `${leaf}\n`).join('')) !== manifest.leaves.raw_sha256) {
    return 'its text has another digest';
  }
  if (leaves.length !== manifest.count || hashes.length !== manifest.from_seq - 1) {
    return 'it has another number of entries';
  }
  let previous = manifest.first_prev_hash;
  for (const [index, leaf] of leaves.entries()) {
    const { seq, prev_hash: link } = JSON.parse(leaf) as { seq: number; prev_hash: string };
    if (seq !== manifest.from_seq + index || link !== previous)
      return `entry ${String(seq)} is loose`;
    const hash = leafHash(leaf);
    previous = hash.toString('hex');
    hashes.push(hash);
  }
  if (previous !== manifest.last_hash) return 'its last entry is another one';
  if (rootOf(hashes).toString('base64') !== manifest.root_after) return 'its root is another one';
  return undefined;
}

/** A manifest whose note is signed by the log's key, and whose checkpoint is as well. */
function signedManifest(note: string, seed: string): ManifestFile | undefined {
  const text = signedText(note, seed);
  const [, json = ''] = text?.split('\n') ?? [];
  if (text === undefined) return undefined;
  const manifest = JSON.parse(json) as ManifestFile;
  return signedText(manifest.checkpoint, seed) === undefined ? undefined : manifest;
}

function signedText(note: string, seed: string): string | undefined {
  const end = note.lastIndexOf('\n\n');
  const text = note.slice(0, end + 1);
  const x = publicKeyOf(Buffer.from(seed, 'base64')).toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const isSigned = note
    .slice(end + 2)
    .split('\n')
    .some((line) => {
      const signature = Buffer.from(line.split(' ')[2] ?? '', 'base64').subarray(4);
      return signature.length === 64 && verify(null, Buffer.from(text), key, signature);
    });
  return end > 0 && isSigned ? text : undefined;
}
