import { DomainError } from '../../errors/problems';
import { sqlState } from '../../platform/db';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { append } from './audit-entries';

/** An erasure of somebody from the audit log. */
export interface ErasureRecord {
  /** Of its control entry as well. */
  readonly id: string;
  readonly subject: string;
  readonly at: Date;
  /** How many parts of personal data were deleted. */
  readonly parts: number;
  /** When the object store was told, so that no restored copy brings the data back; null until then. */
  readonly tombstoneAt: Date | null;
}

/** Who erases whom, and why. */
export interface ErasureOrder {
  /** As `subjectOf` names it. */
  readonly subject: string;
  readonly reason: string;
  readonly actorId: string;
  readonly source: { readonly ip: string | null; readonly userAgent: string | null };
}

const heldState = 'UA002';

/**
 * Deletes the personal data that the log holds of a subject. Its entries stay, chain and proofs stay valid, and the
 * control entry of the same transaction says to verifiers that this was an erasure.
 * @throws DomainError `audit-legal-hold`
 */
export async function eraseSubject(tx: Tx, order: ErasureOrder): Promise<ErasureRecord> {
  const { subject, reason, actorId, source } = order;
  const id = newId();
  try {
    await tx.one('select audit_erase($1, $2, $3) as parts', [subject, id, actorId]);
  } catch (error) {
    if (sqlState(error) === heldState) throw new DomainError('audit-legal-hold');
    throw error;
  }
  // After it: the reason is told of the subject, and would go with the rest.
  await append(tx, {
    action: 'audit.erasure_ordered',
    crud: 'd',
    actorId,
    targets: [{ type: 'subject', id: subject }],
    metadata: { erasure_id: id },
    description: reason,
    sourceIp: source.ip,
    userAgent: source.userAgent,
  });
  return getErasure(tx, id);
}

const columns = `id, subject, at, parts, tombstone_at as "tombstoneAt"`;

function getErasure(tx: Tx, id: string): Promise<ErasureRecord> {
  return tx.one<ErasureRecord>(`select ${columns} from audit_erasures where id = $1`, [id]);
}

/** The newest erasures, at most so many. */
export function listErasures(tx: Tx, limit: number): Promise<ErasureRecord[]> {
  return tx.rows<ErasureRecord>(
    `select ${columns} from audit_erasures order by at desc, id desc limit $1`,
    [limit],
  );
}
