import type { TenantNotice } from '../../contracts/registry';
import type { Tx } from '../../platform/db';
import type { Mail } from '../mails/mails';
import { statusOf } from './tenants';

/** Statuses in which what a notice tells is still true; a mail that waited for its server may have been overtaken. */
const trueIn: Readonly<Record<TenantNotice, readonly string[]>> = {
  activated: ['active'],
  resumed: ['pending', 'trial', 'active'],
  restored: ['pending', 'trial', 'active', 'frozen'],
  suspended: ['suspended'],
  'trial-ended': ['frozen'],
  cancelled: ['frozen'],
  archived: ['archived'],
  deleted: ['deleted'],
};

/** Whether what a mail tells of a tenant or a trial is still true; mails of other kinds always are. */
export async function isStillTrue(tx: Tx, mail: Mail): Promise<boolean> {
  if (mail.kind === 'tenant-notice') {
    const change = mail.data['change'] as TenantNotice;
    const tenant = await tx.maybe<{ status: string }>(
      `select ${statusOf('t')} as status from tenants as t where id = $1`,
      [mail.tenantId],
    );
    return tenant !== undefined && trueIn[change].includes(tenant.status);
  }
  if (mail.kind !== 'trial-ending' && mail.kind !== 'trial-ended') return true;
  const product = mail.data['product_id'];
  const end =
    typeof product === 'string'
      ? await tx.maybe<{ runs: boolean; same: boolean }>(
          `select status = 'trial' and expires_at > now() as runs,
             date_trunc('milliseconds', expires_at) = $3::timestamptz as same
           from entitlements where tenant_id = $1 and product = $2`,
          [mail.tenantId, product, mail.data['ends_at']],
        )
      : await tx.maybe<{ runs: boolean; same: boolean }>(
          `select ${statusOf('t')} = 'trial' as runs,
             date_trunc('milliseconds', trial_ends_at) = $2::timestamptz as same
           from tenants as t where id = $1`,
          [mail.tenantId, mail.data['ends_at']],
        );
  return end !== undefined && end.same && end.runs === (mail.kind === 'trial-ending');
}
