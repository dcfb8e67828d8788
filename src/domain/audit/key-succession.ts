import type { Tx } from '../../platform/db';
import { controlEntry } from './control-entries';
import { addKey, handOver, keysOf } from './log-keys';
import { seqsOf } from './log-entries';
import { insertPending } from './pending';
import { logKeys } from './signing';
import type { LogKey, SigningKeys } from './signing';

/** Who signs the checkpoint that is being made. */
export interface Succession {
  readonly signers: readonly LogKey[];
  /** Notes what the checkpoint has decided, in its transaction. */
  settle(checkpoint: { readonly size: number; readonly note: string }): Promise<void>;
}

const unchanged = (): Promise<void> => Promise.resolve();

/**
 * Who may sign a checkpoint of a size. The first key of a log is whichever its first checkpoint is signed with. A new
 * key in front of the configured ones is announced by a control entry; the first checkpoint that covers this entry is
 * signed by both keys, and from there on the new one signs alone. Undefined for a process without the key in use.
 */
export async function settleKeys(
  tx: Tx,
  keys: SigningKeys,
  origin: string,
  size: number,
): Promise<Succession | undefined> {
  const configured = logKeys(keys, origin);
  const [active] = configured;
  if (!active) return undefined;
  const known = await keysOf(tx, origin);
  const current = known.findLast(({ sinceSize }) => sinceSize !== null);
  if (!current) {
    await addKey(tx, { vkey: active.vkey, origin, n: 1, announcedBy: null, sinceSize: 1 });
    return { signers: [active], settle: unchanged };
  }
  const signer = configured.find(({ vkey }) => vkey === current.vkey);
  if (!signer) return undefined;
  const alone: Succession = { signers: [signer], settle: unchanged };
  if (active === signer) return alone;
  const next = known.find(({ vkey }) => vkey === active.vkey);
  if (!next) {
    const entry = controlEntry('audit.key_announced', { vkey: active.vkey, after: current.vkey });
    await insertPending(tx, entry);
    await addKey(tx, {
      vkey: active.vkey,
      origin,
      n: known.length + 1,
      announcedBy: entry.id,
      sinceSize: null,
    });
    return alone;
  }
  // A key that was replaced does not come back.
  if (next.sinceSize !== null || next.announcedBy === null) return alone;
  const seq = (await seqsOf(tx, [next.announcedBy])).get(next.announcedBy);
  if (seq === undefined || seq > size) return alone;
  return {
    signers: [signer, active],
    settle: (checkpoint) => handOver(tx, current, next, checkpoint),
  };
}
