import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';

/** An order that nothing it means may be erased or dropped from the log. */
export interface LegalHold {
  readonly id: string;
  /** Null for all tenants. */
  readonly tenantId: string | null;
  /** As erasures name subjects; null for all of them. */
  readonly subject: string | null;
  readonly reason: string;
  readonly placedBy: string;
  readonly placedAt: Date;
  readonly liftedBy: string | null;
  readonly liftedAt: Date | null;
}

const columns = `id, tenant_id as "tenantId", subject, reason, placed_by as "placedBy", placed_at as "placedAt",
  lifted_by as "liftedBy", lifted_at as "liftedAt"`;

/** Places a hold. Whatever is being dropped at this moment is waited for; nothing is dropped against it afterwards. */
export async function placeHold(
  tx: Tx,
  {
    tenantId,
    subject,
    reason,
    placedBy,
  }: Pick<LegalHold, 'tenantId' | 'subject' | 'reason' | 'placedBy'>,
): Promise<LegalHold> {
  return tx.one<LegalHold>(
    `insert into audit_legal_holds (id, tenant_id, subject, reason, placed_by) values ($1, $2, $3, $4, $5)
     returning ${columns}`,
    [newId(), tenantId, subject, reason, placedBy],
  );
}

/**
 * Lifts a hold; one that was lifted before stays as it is.
 * @throws DomainError `hold-not-found`
 */
export async function liftHold(
  tx: Tx,
  id: string,
  liftedBy: string,
): Promise<{ readonly hold: LegalHold; readonly changed: boolean }> {
  const lifted = await tx.maybe<LegalHold>(
    `update audit_legal_holds set lifted_by = $2, lifted_at = clock_timestamp()
     where id = $1 and lifted_at is null returning ${columns}`,
    [id, liftedBy],
  );
  if (lifted) return { hold: lifted, changed: true };
  const known = await tx.maybe<LegalHold>(
    `select ${columns} from audit_legal_holds where id = $1`,
    [id],
  );
  if (!known) throw new DomainError('hold-not-found');
  return { hold: known, changed: false };
}

/** Holds from the newest on, below an id; standing ones only unless all are wanted. */
export function listHolds(
  tx: Tx,
  {
    all,
    before,
    limit,
  }: { readonly all: boolean; readonly before: string | undefined; readonly limit: number },
): Promise<LegalHold[]> {
  return tx.rows<LegalHold>(
    `select ${columns} from audit_legal_holds
     where ($1 or lifted_at is null) and ($2::uuid is null or id < $2) order by id desc limit $3`,
    [all, before ?? null, limit],
  );
}
