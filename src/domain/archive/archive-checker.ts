import { leafHash } from '../audit/hashes';
import { readCheckpoint } from '../audit/heads.rules';
import { readEnvelope } from '../audit/leaf.rules';
import { openNote } from '../audit/notes';
import { isConsistent } from '../audit/proof-checks';
import { CompactRange } from '../audit/tree';
import { createTrust } from '../audit/verify/trust';
import type { Trust } from '../audit/verify/trust';
import { collectBreaks } from '../audit/verify/verdict.rules';
import type { Break, Breaks } from '../audit/verify/verdict.rules';
import { digestOf, linesOf, signedManifest } from './archived-objects';
import { successionsIn } from './archived-successions';
import type { SignedManifest } from './archived-objects';
import type { Manifest, NamedObject } from './manifest.rules';

/** A copy of what a log has in the object store: the folders `manifests`, `leaves`, `personal` and `checkpoints`. */
export interface ArchiveCopy {
  /** Bytes of every manifest. */
  readonly manifests: readonly Buffer[];
  /** Bytes of every published checkpoint; needed only where a key was followed by another one. */
  readonly checkpoints: readonly Buffer[];
  /** An object by the key that a manifest names; undefined where the copy has none. */
  readonly object: (key: string) => Buffer | undefined;
}

/** What an archive is found to be. */
export interface ArchiveVerdict {
  readonly ok: boolean;
  readonly break: Break | null;
  readonly breaks: readonly Break[];
  readonly origin: string | null;
  readonly verified: number;
  readonly batches: number;
  /** The last entry that is there. */
  readonly size: number;
}

type Signed = SignedManifest & { readonly sha256: string };

/**
 * Checks a copy of an archive with nothing but the copy and keys that are believed: signatures, the chain of manifests,
 * digests, every entry's hash and link, and the tree up to each signed checkpoint. Personal data is sealed and compared
 * by its digest.
 * @param kept a checkpoint that the archive has to continue
 */
export function checkArchiveCopy(
  copy: ArchiveCopy,
  keys: readonly string[],
  kept?: string,
): ArchiveVerdict | undefined {
  const breaks = collectBreaks();
  const { trust, chain } = readManifests(copy, keys);
  const [first] = chain;
  if (!first) return undefined;
  const keptNote = kept === undefined ? undefined : openNote(kept);
  const keptHead = keptNote && readCheckpoint(keptNote.text);
  if (kept !== undefined && !keptHead) return undefined;
  const tree = CompactRange.from(0, Buffer.alloc(0));
  let last = { n: 0, to: 0, sha256: null as string | null, hash: '0'.repeat(64) };
  for (const signed of chain) {
    const { manifest, sha256 } = signed;
    const at = manifest.from_seq;
    if (manifest.n !== last.n + 1 || at !== last.to + 1) {
      breaks.add(
        last.to + 1,
        'manifest-chain',
        `batch ${String(last.n + 1)}`,
        `batch ${String(manifest.n)}`,
      );
    } else if (manifest.prev_manifest_sha256 !== last.sha256) {
      const named = manifest.prev_manifest_sha256 ?? 'none';
      breaks.add(last.to || 1, 'manifest-chain', named, last.sha256 ?? 'none');
    }
    if (!signed.believed)
      breaks.add(at, 'manifest-chain', 'a signature by a key that is believed', 'none');
    checkBatch(copy, manifest, { tree, hash: last.hash, kept: keptHead }, breaks);
    checkCovered(manifest, trust, breaks);
    last = { n: manifest.n, to: manifest.to_seq, sha256, hash: manifest.last_hash };
  }
  if (keptHead && keptHead.size > last.to) {
    breaks.add(keptHead.size, 'unattested', `${String(keptHead.size)} entries`, String(last.to));
  }
  const sorted = breaks.sorted();
  return {
    ok: breaks.count === 0,
    break: sorted[0] ?? null,
    breaks: sorted,
    origin: first.manifest.origin,
    verified: tree.size,
    batches: chain.length,
    size: last.to,
  };
}

/** The manifests in force, and whom to believe: the given keys, and those that they have handed over to. */
function readManifests(
  copy: ArchiveCopy,
  keys: readonly string[],
): { readonly trust: Trust; readonly chain: readonly Signed[] } {
  const read = (trust: Trust) => ({
    trust,
    chain: inForce(copy.manifests.flatMap((bytes) => opened(bytes, trust))),
  });
  const first = read(createTrust(keys));
  if (first.chain.every(({ believed }) => believed)) return first;
  const manifests = first.chain.map(({ manifest }) => manifest);
  return read(createTrust(keys, successionsIn(copy, manifests)));
}

function opened(bytes: Buffer, trust: Trust): Signed[] {
  const signed = signedManifest(bytes, trust);
  return signed ? [{ sha256: digestOf(bytes), ...signed }] : [];
}

/** One manifest of each batch, in their order: those that another one took the place of are no part of the chain. */
function inForce(all: readonly Signed[]): Signed[] {
  const replaced = new Set(
    all.filter(({ believed }) => believed).flatMap(({ manifest }) => manifest.replaces),
  );
  const best = new Map<number, Signed>();
  for (const one of all) {
    if (replaced.has(one.sha256)) continue;
    const other = best.get(one.manifest.n);
    const wins = !other || (one.believed && !other.believed);
    if (wins) best.set(one.manifest.n, one);
  }
  return [...best.values()].sort((a, b) => a.manifest.n - b.manifest.n);
}

function checkBatch(
  copy: ArchiveCopy,
  manifest: Manifest,
  before: {
    readonly tree: CompactRange;
    readonly hash: string;
    readonly kept: { readonly size: number; readonly root: string } | undefined;
  },
  breaks: Breaks,
): void {
  const { from_seq: from, to_seq: to } = manifest;
  const blame = (object: NamedObject, at: number, bytes: Buffer | undefined): void => {
    breaks.add(at, 'archive-hash-mismatch', object.sha256, bytes ? digestOf(bytes) : 'none');
  };
  const personal = copy.object(manifest.personal.key);
  if (!personal || digestOf(personal) !== manifest.personal.sha256)
    blame(manifest.personal, from, personal);
  const bytes = copy.object(manifest.leaves.key);
  const lines = bytes && linesOf(bytes);
  if (!bytes || digestOf(bytes) !== manifest.leaves.sha256) {
    blame(manifest.leaves, lines ? firstStray(manifest, lines, before.hash) : from, bytes);
    return;
  }
  const { tree } = before;
  let previous = before.hash;
  for (const [index, leaf] of (lines ?? []).entries()) {
    const seq = from + index;
    const envelope = readEnvelope(leaf);
    if (envelope?.seq !== seq) breaks.add(seq, 'gap', String(seq), String(envelope?.seq ?? 'none'));
    else if (envelope.prevHash !== previous) {
      breaks.add(seq, 'event-prev-hash-mismatch', envelope.prevHash, previous);
    }
    const hash = leafHash(leaf);
    previous = hash.toString('hex');
    tree.append(hash);
    if (before.kept?.size === seq && tree.root().toString('base64') !== before.kept.root) {
      breaks.add(seq, 'inconsistent', before.kept.root, tree.root().toString('base64'));
    }
  }
  const root = tree.root().toString('base64');
  if (tree.size === to && root !== manifest.root_after)
    breaks.add(to, 'root-mismatch', manifest.root_after, root);
}

// Of an entry that was changed the next one does not tell the hash any more.
function firstStray(manifest: Manifest, lines: readonly string[], before: string): number {
  let previous = before;
  for (let seq = manifest.from_seq; seq <= manifest.to_seq; seq += 1) {
    const envelope = readEnvelope(lines[seq - manifest.from_seq] ?? '');
    if (envelope?.seq !== seq) return seq;
    if (envelope.prevHash !== previous) return Math.max(manifest.from_seq, seq - 1);
    previous = leafHash(lines[seq - manifest.from_seq] ?? '').toString('hex');
  }
  return previous === manifest.last_hash ? manifest.from_seq : manifest.to_seq;
}

function checkCovered(manifest: Manifest, trust: Trust, breaks: Breaks): void {
  const note = openNote(manifest.checkpoint);
  const head = note && readCheckpoint(note.text);
  if (!note || !head || !trust.signs(note, 'checkpoint', head)) {
    const wanted = `a note of ${manifest.origin}`;
    breaks.add(
      head?.size ?? manifest.to_seq,
      'checkpoint-signature-mismatch',
      wanted,
      'another one',
    );
    return;
  }
  const ours = { size: manifest.to_seq, root: Buffer.from(manifest.root_after, 'base64') };
  const theirs = { size: head.size, root: Buffer.from(head.root, 'base64') };
  const proof = manifest.consistency.map((hash) => Buffer.from(hash, 'base64'));
  if (!isConsistent(ours, theirs, proof)) {
    breaks.add(manifest.to_seq, 'inconsistent', head.root, manifest.root_after);
  }
}
