import type { Tx } from '../../platform/db';
import type { MailStatus } from './mails';

/** A mail as operators see it. */
export interface ListedMail {
  readonly id: string;
  readonly kind: string;
  readonly status: MailStatus;
  readonly toEmail: string;
  readonly tenantSlug: string | null;
  readonly onboardingId: string | null;
  readonly attempts: number;
  readonly createdAt: Date;
  readonly dueAt: Date;
  readonly sentAt: Date | null;
  readonly problem: string | null;
  /** Class and code of what the mail server said; never its words. */
  readonly problemDetail: string | null;
}

/** Mails in any of the given statuses, newest first. */
export function listMails(
  tx: Tx,
  filter: { readonly statuses: readonly MailStatus[]; readonly limit: number },
): Promise<ListedMail[]> {
  return tx.rows<ListedMail>(
    `select m.id, m.kind, m.status, m.to_email::text as "toEmail", t.slug as "tenantSlug",
       m.onboarding_id as "onboardingId", m.attempts, m.created_at as "createdAt", m.due_at as "dueAt",
       m.sent_at as "sentAt", m.problem, m.problem_detail as "problemDetail"
     from mails as m left join tenants as t on t.id = m.tenant_id
     where m.status = any($1) order by m.created_at desc, m.id desc limit $2`,
    [filter.statuses, filter.limit],
  );
}
