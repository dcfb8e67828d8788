import { newId } from '../../platform/ids';
import type { JsonValue } from './canonical.rules';
import { sealEntry } from './entry';
import type { PendingEntry } from './pending';

/** Entries of the log's own machinery, which verifiers act on. */
export type ControlAction =
  /** A signing key takes over once a checkpoint that covers this is signed by both: `{vkey, after}`. */
  | 'audit.key_announced'
  /** The log goes on under another origin: `{previous_origin, published}`. */
  | 'audit.forked'
  /** A range lies in the object store as well, found to be whole: `{batch, n, from_seq, to_seq, manifest}`. */
  | 'audit.archived'
  /** A range lies there only: `{from_seq, to_seq, manifests}`; written by audit_prune() in the database. */
  | 'audit.pruned'
  /** A dropped range can be read again for a while: `{batch, entries, erased}`. */
  | 'audit.restored'
  /** What was fetched back is not what was archived: `{batch, problem}`. */
  | 'audit.restore_refused'
  /** A restored range is gone again: `{batch}`. */
  | 'audit.restore_ended';

/** Makes a control entry; only the sequencer's role may write one. */
export function controlEntry(
  action: ControlAction,
  metadata: { readonly [name: string]: JsonValue },
  reason?: string,
): PendingEntry {
  const now = new Date().toISOString();
  return sealEntry({
    id: newId(),
    kind: 'control',
    via: 'usher',
    action,
    crud: 'c',
    outcome: 'success',
    at: now,
    receivedAt: now,
    tenantId: null,
    actor: { type: 'system', id: 'system:audit' },
    targets: [],
    metadata,
    parts: [{ part: 'free', body: { description: reason }, search: reason }],
  });
}
