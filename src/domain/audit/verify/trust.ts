import { readCheckpoint } from '../heads.rules';
import type { NoteKind, TreeHead } from '../heads.rules';
import { noteName } from '../heads.rules';
import { leafHash } from '../hashes';
import { readEnvelope } from '../leaf.rules';
import { checkNote, openNote, readVkey, renamed } from '../notes';
import type { Note, VerifierKey } from '../notes';
import { rootOfInclusion } from '../proof-checks';
import { controlOf } from './controls.rules';

/** How one key hands over to the next: the entry that announces it, its proof, and the note that both have signed. */
export interface Succession {
  readonly leaf: string;
  readonly proof: readonly Buffer[];
  readonly endorsement: string;
}

/** The same for whoever holds every entry before it: instead of a proof, the root that they really have at that size. */
export interface CountedSuccession {
  readonly leaf: string;
  readonly endorsement: string;
  readonly root: Buffer;
}

type AnySuccession = Succession | CountedSuccession;

/** Which notes are believed. */
export interface Trust {
  /** The origins that a key is known for. */
  readonly origins: readonly string[];
  /** Whether a note of a kind is signed by the key of a log at a size. */
  signs(note: Note, kind: NoteKind, head: Pick<TreeHead, 'origin' | 'size'>): boolean;
}

interface Reign {
  readonly key: VerifierKey;
  readonly from: number;
  readonly to: number;
}

/**
 * Trusts the keys that it was given, and a successor only by an entry that announces it, in a checkpoint that the key
 * before it and the successor have both signed. A key counts for checkpoints up to the size at which it handed over.
 */
export function createTrust(
  vkeys: readonly string[],
  successions: readonly AnySuccession[] = [],
): Trust {
  const reigns: Reign[] = vkeys.flatMap((vkey) => reignsFrom(vkey, successions));
  return {
    origins: [...new Set(reigns.map(({ key }) => key.name))],
    signs(note, kind, { origin, size }) {
      return reigns.some(
        ({ key, from, to }) =>
          key.name === origin &&
          size >= from &&
          size <= to &&
          checkNote(note, renamed(key, noteName(origin, kind))) === 'valid',
      );
    },
  };
}

function reignsFrom(vkey: string, successions: readonly AnySuccession[]): Reign[] {
  const first = readVkey(vkey);
  if (!first) return [];
  const reigns: Reign[] = [];
  const seen = new Set<string>();
  let current: { key: VerifierKey; vkey: string; from: number } = {
    key: first,
    vkey: vkey.trim(),
    from: 0,
  };
  for (;;) {
    seen.add(current.vkey);
    const next = successorOf(current, successions);
    const fresh = next && !seen.has(next.vkey) ? next : undefined;
    reigns.push({ key: current.key, from: current.from, to: fresh?.from ?? Infinity });
    if (!fresh) return reigns;
    current = fresh;
  }
}

function successorOf(
  { key, vkey, from }: { readonly key: VerifierKey; readonly vkey: string; readonly from: number },
  successions: readonly AnySuccession[],
): { key: VerifierKey; vkey: string; from: number } | undefined {
  for (const succession of successions) {
    const { leaf, endorsement } = succession;
    const envelope = readEnvelope(leaf);
    const control =
      envelope?.kind === 'control' ? controlOf(envelope.seq, envelope.core) : undefined;
    if (!envelope || control?.action !== 'audit.key_announced' || control.after !== vkey) continue;
    const next = readVkey(control.vkey);
    const note = openNote(endorsement);
    const head = note && readCheckpoint(note.text);
    if (!next || !note || head?.origin !== key.name || next.name !== key.name) continue;
    if (head.size < from || envelope.seq > head.size) continue;
    const root =
      'root' in succession
        ? succession.root
        : rootOfInclusion(leafHash(leaf), envelope.seq - 1, head.size, succession.proof);
    if (root?.toString('base64') !== head.root) continue;
    if (checkNote(note, key) !== 'valid' || checkNote(note, next) !== 'valid') continue;
    return { key: next, vkey: control.vkey, from: head.size };
  }
  return undefined;
}
