import type { Tx } from '../../../platform/db';
import { readCheckpoint } from '../heads.rules';
import { findEntry } from '../log-entries';
import { allKeys } from '../log-keys';
import { openNote } from '../notes';
import { inclusionProof } from '../proofs';
import { tilesOf } from '../tiles';
import type { Succession } from './trust';

/** How the keys of the log followed one another, with everything that a verifier needs to believe it. */
export async function loadSuccessions(tx: Tx): Promise<Succession[]> {
  const found: Succession[] = [];
  for (const { announcedBy, endorsement } of await allKeys(tx)) {
    const entry = announcedBy === null ? undefined : await findEntry(tx, announcedBy);
    const head =
      endorsement === null ? undefined : readCheckpoint(openNote(endorsement)?.text ?? '');
    if (!entry || !head || endorsement === null || entry.seq > head.size) continue;
    const proof = await inclusionProof(tilesOf(tx), entry.seq - 1, head.size);
    found.push({ leaf: entry.leaf, proof, endorsement });
  }
  return found;
}
