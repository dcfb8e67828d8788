import { leafHash } from '../hashes';
import { readCheckpoint } from '../heads.rules';
import { readEnvelope } from '../leaf.rules';
import { openNote } from '../notes';
import { rootOfInclusion } from '../proof-checks';
import { readTlogProof } from '../tlog-proof';
import { createTrust } from './trust';
import { collectBreaks } from './verdict.rules';
import type { Break } from './verdict.rules';

/** What a proof file turned out to be. */
export interface ProofVerdict {
  readonly ok: boolean;
  readonly origin: string | null;
  readonly seq: number | null;
  readonly size: number | null;
  readonly leaf: string | null;
  readonly break: Break | null;
}

/** Checks a `.tlog-proof` file; undefined for another file. */
export function checkProofFile(text: string, keys: readonly string[]): ProofVerdict | undefined {
  const file = readTlogProof(text);
  if (!file) return undefined;
  const breaks = collectBreaks();
  const note = openNote(file.note);
  const head = note && readCheckpoint(note.text);
  const seq = file.index + 1;
  if (!note || !head || !createTrust(keys).signs(note, 'checkpoint', head)) {
    breaks.add(
      head?.size ?? 0,
      'checkpoint-signature-mismatch',
      'signed by a key that is believed',
      head?.origin ?? 'no note',
    );
  } else {
    const root = rootOfInclusion(leafHash(file.leaf), file.index, head.size, file.proof);
    if (root?.toString('base64') !== head.root) {
      breaks.add(seq, 'root-mismatch', head.root, root?.toString('base64') ?? 'no proof');
    } else if (readEnvelope(file.leaf)?.seq !== seq) {
      breaks.add(seq, 'event-hash-mismatch', `seq ${String(seq)}`, 'another one');
    }
  }
  const [first = null] = breaks.sorted();
  return {
    ok: breaks.count === 0,
    origin: head?.origin ?? null,
    seq,
    size: head?.size ?? null,
    leaf: file.leaf,
    break: first,
  };
}
