import type { TenantNotice } from '../../contracts/registry';
import { problems } from '../../errors/problems';
import type { ProblemCode } from '../../errors/problems';
import type { Config } from '../../platform/config';
import type { KeyRing } from '../../platform/crypto/sealing';
import type { Tx } from '../../platform/db';
import { enqueueMail } from '../mails/mails';
import { contactsOf } from './contacts';
import type { TenantRecord } from './tenants';
import { findRecord } from './tenants';

/** What writing mails about tenants uses. */
export interface TenantMailDeps {
  readonly ring: KeyRing;
  readonly config: Pick<Config, 'OPERATORS_MAIL'>;
}

/** Writes to the people of a tenant that its status has changed. */
export async function tellChange(
  tx: Tx,
  deps: Pick<TenantMailDeps, 'ring'>,
  tenantId: string,
  change: TenantNotice,
): Promise<void> {
  const tenant = await findRecord(tx, tenantId);
  if (!tenant) return;
  await writeToContacts(tx, deps, tenant, 'tenant-notice', {
    change,
    purge_at: change === 'deleted' ? (tenant.purgeAt?.toISOString() ?? null) : null,
  });
}

/** Writes to the people of a tenant that its trial ends soon. */
export async function warnOfTrialEnd(
  tx: Tx,
  deps: Pick<TenantMailDeps, 'ring'>,
  tenantId: string,
): Promise<void> {
  const tenant = await findRecord(tx, tenantId);
  if (!tenant?.trialEndsAt) return;
  await writeToContacts(tx, deps, tenant, 'trial-ending', {
    ends_at: tenant.trialEndsAt.toISOString(),
    product: null,
  });
}

/** Writes one mail of a kind to each contact of a tenant. */
export async function writeToContacts(
  tx: Tx,
  deps: Pick<TenantMailDeps, 'ring'>,
  tenant: Pick<TenantRecord, 'id' | 'name'>,
  kind: 'tenant-notice' | 'trial-ending' | 'trial-ended',
  data: Readonly<Record<string, unknown>>,
): Promise<void> {
  for (const contact of await contactsOf(tx, tenant.id)) {
    await enqueueMail(tx, deps.ring, {
      kind,
      owner: 'relay',
      tenantId: tenant.id,
      userId: contact.userId,
      toEmail: contact.email,
      toName: contact.name,
      locale: contact.locale,
      data: { tenant_name: tenant.name, ...data },
    });
  }
}

/** Writes one mail of a kind to each of the operators' addresses. */
export async function writeToOperators(
  tx: Tx,
  deps: TenantMailDeps,
  tenant: Pick<TenantRecord, 'id' | 'name' | 'slug'>,
  kind: 'purge-blocked' | 'catalog-request',
  data: Readonly<Record<string, unknown>>,
): Promise<void> {
  for (const address of deps.config.OPERATORS_MAIL) {
    await enqueueMail(tx, deps.ring, {
      kind,
      owner: 'relay',
      tenantId: tenant.id,
      toEmail: address,
      locale: 'en',
      data: { tenant_name: tenant.name, tenant_slug: tenant.slug, ...data },
    });
  }
}

/** Tells the operators that a tenant cannot be purged, since it could not be exported. */
export async function tellBlockedPurge(
  tx: Tx,
  deps: TenantMailDeps,
  tenant: TenantRecord,
  problem: ProblemCode,
): Promise<void> {
  await writeToOperators(tx, deps, tenant, 'purge-blocked', {
    problem_title: problems[problem].title,
    problem_next: problems[problem].next,
    blocked_at: new Date().toISOString(),
  });
}
