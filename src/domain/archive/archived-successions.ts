import { leafHash } from '../audit/hashes';
import { readCheckpoint } from '../audit/heads.rules';
import { readEnvelope } from '../audit/leaf.rules';
import { checkNote, openNote, readVkey } from '../audit/notes';
import type { Note } from '../audit/notes';
import { isConsistent } from '../audit/proof-checks';
import { CompactRange } from '../audit/tree';
import { controlOf } from '../audit/verify/controls.rules';
import type { CountedSuccession } from '../audit/verify/trust';
import type { ArchiveCopy } from './archive-checker';
import { linesOf } from './archived-objects';
import type { Manifest } from './manifest.rules';

interface Announcement {
  readonly seq: number;
  readonly leaf: string;
  readonly vkey: string;
  readonly after: string;
}

/** A tree that the entries of the copy were counted into, or lead to. */
interface Shown {
  readonly root: Buffer;
  /** How many entries of the copy are shown to be in it; it may have more. */
  readonly counted: number;
}

interface Candidate {
  readonly size: number;
  readonly text: string;
  readonly note: Note;
}

/**
 * How keys followed one another, by what a copy of an archive holds itself: the entries that announce them, and the
 * checkpoints that both keys have signed. Nothing here is believed yet; each comes with the root that the entries of
 * the copy really have at that size, or lead to.
 * @param manifests one of each batch, in their order
 */
export function successionsIn(
  copy: ArchiveCopy,
  manifests: readonly Manifest[],
): CountedSuccession[] {
  const candidates = candidatesIn(copy, manifests);
  const sizes = new Set(candidates.map(({ size }) => size));
  const shown = new Map<number, Shown>();
  const announced: Announcement[] = [];
  const tree = CompactRange.from(0, Buffer.alloc(0));
  for (const manifest of manifests) {
    const bytes = copy.object(manifest.leaves.key);
    for (const leaf of (bytes && linesOf(bytes)) ?? []) {
      tree.append(leafHash(leaf));
      if (sizes.has(tree.size)) shown.set(tree.size, { root: tree.root(), counted: tree.size });
      const one = announcementIn(leaf);
      if (one?.seq === tree.size) announced.push(one);
    }
    const covering = coveringRoot(manifest, tree);
    if (covering && covering.size > tree.size) {
      shown.set(covering.size, { root: covering.root, counted: tree.size });
    }
  }
  return announced.flatMap(({ seq, leaf, vkey, after }) => {
    const [before, next] = [readVkey(after), readVkey(vkey)];
    if (!before || !next) return [];
    return candidates.flatMap(({ size, text, note }) => {
      const within = shown.get(size);
      // Anybody can add a signature to a checkpoint: the entry has to be among those that are shown to be in it.
      if (!within || seq > within.counted) return [];
      const isEndorsed = checkNote(note, before) === 'valid' && checkNote(note, next) === 'valid';
      return isEndorsed ? [{ leaf, endorsement: text, root: within.root }] : [];
    });
  });
}

/** The root of a manifest's checkpoint, where it goes on from the entries of the copy: it may be beyond the last one. */
function coveringRoot(
  { checkpoint, consistency, to_seq: to }: Manifest,
  tree: CompactRange,
): { readonly size: number; readonly root: Buffer } | undefined {
  const note = openNote(checkpoint);
  const head = note && readCheckpoint(note.text);
  if (!head || tree.size !== to) return undefined;
  const theirs = { size: head.size, root: Buffer.from(head.root, 'base64') };
  const proof = consistency.map((hash) => Buffer.from(hash, 'base64'));
  return isConsistent({ size: to, root: tree.root() }, theirs, proof) ? theirs : undefined;
}

/** Every checkpoint of the copy, by its size. */
function candidatesIn(copy: ArchiveCopy, manifests: readonly Manifest[]): Candidate[] {
  const texts = [
    ...copy.checkpoints.map((bytes) => bytes.toString('utf8')),
    ...manifests.map(({ checkpoint }) => checkpoint),
  ];
  return texts
    .flatMap((text) => {
      const note = openNote(text);
      const head = note && readCheckpoint(note.text);
      return head ? [{ size: head.size, text, note }] : [];
    })
    .sort((a, b) => a.size - b.size);
}

function announcementIn(leaf: string): Announcement | undefined {
  const envelope = readEnvelope(leaf);
  if (envelope?.kind !== 'control') return undefined;
  try {
    const control = controlOf(envelope.seq, envelope.core);
    return control?.action === 'audit.key_announced' ? { ...control, leaf } : undefined;
  } catch {
    return undefined;
  }
}
