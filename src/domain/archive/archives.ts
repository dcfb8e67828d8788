import type { Tx } from '../../platform/db';
import type { BatchState } from './batches.rules';
import type { RestoreState } from './restores';

/** A batch of the archive, as people see it. */
export interface Archive {
  readonly id: string;
  readonly n: number;
  readonly state: BatchState;
  readonly startSeq: number;
  readonly endSeq: number;
  readonly keys: readonly string[];
  /** Of leaves, personal data and manifest. */
  readonly bytes: number | null;
  readonly manifestSha256: string | null;
  readonly plannedAt: Date;
  /** When it was found to be in the store. */
  readonly archivedAt: Date | null;
  readonly pruneAfter: Date | null;
  /** When its entries were dropped from the log. */
  readonly prunedAt: Date | null;
  readonly lockedUntil: Date | null;
  readonly problem: string | null;
  readonly restore: {
    readonly id: string;
    readonly state: RestoreState;
    readonly expires_at: string | null;
    readonly problem: string | null;
  } | null;
}

const columns = `b.id, b.n, b.state, b.from_seq as "startSeq", b.to_seq as "endSeq",
  array_remove(array[b.leaves_key, b.personal_key, b.manifest_key], null) as keys,
  b.leaves_bytes + b.personal_bytes + octet_length(b.manifest) as bytes,
  encode(b.manifest_sha256, 'hex') as "manifestSha256", b.planned_at as "plannedAt", b.confirmed_at as "archivedAt",
  b.prune_after as "pruneAfter", b.pruned_at as "prunedAt", b.locked_until as "lockedUntil", b.problem,
  (select jsonb_build_object('id', r.id, 'state', r.state, 'expires_at', r.expires_at, 'problem', r.problem)
   from audit_restores as r where r.batch_id = b.id order by r.requested_at desc limit 1) as restore`;

/** Batches from the newest on, below a first entry (0 for all). */
export function listArchives(tx: Tx, before: number, limit: number): Promise<Archive[]> {
  return tx.rows<Archive>(
    `select ${columns} from audit_batches as b where $1::bigint = 0 or b.from_seq < $1 order by b.from_seq desc limit $2`,
    [before, limit],
  );
}

/** A batch by its id. */
export function archiveById(tx: Tx, id: string): Promise<Archive | undefined> {
  return tx.maybe<Archive>(`select ${columns} from audit_batches as b where b.id = $1`, [id]);
}
