import type { InviteRow as InviteRequest } from '../../contracts/invites';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { createTenant } from '../tenants/create-tenant';
import { requireFreeWord, slugFrom } from '../tenants/slugs';
import { findTenant, lockTenant } from '../tenants/tenants';
import type { Tenant } from '../tenants/tenants';
import { freeAbandonedTenant } from './close-invite';
import type { OnboardingDeps } from './deps';
import { lockInviteOfAddress } from './invites';
import { madeUpTenantName, openTenantStatuses } from './onboarding.rules';

type TenantPart = Pick<InviteRequest, 'email' | 'name' | 'tenant' | 'tenant_id'>;

/**
 * The tenant that an invite is for, locked: the given one, the one that an open invite of the same slug and address
 * brought, or a new pending one.
 * @throws DomainError `tenant-not-found`, `tenant-not-open`, `partner-not-found`, `partner-required`, `slug-taken`
 */
export async function tenantOfInvite(
  tx: Tx,
  deps: { readonly config: Pick<OnboardingDeps['config'], 'TENANTS_REQUIRE_PARTNER'> },
  request: TenantPart,
  actorId: string,
): Promise<Tenant> {
  if (request.tenant_id !== undefined) {
    const tenant = await lockForInvite(tx, request.tenant_id, request.email);
    if (!openTenantStatuses.includes(tenant.status)) throw new DomainError('tenant-not-open');
    return tenant;
  }
  const { tenant: wanted } = request;
  // Before it is looked for: a slug that has the form of an id would find the tenant of that id.
  if (wanted) requireFreeWord(wanted.slug);
  const standing = wanted ? await findTenant(tx, wanted.slug) : undefined;
  if (standing?.status === 'pending') {
    const tenant = await lockForInvite(tx, standing.id, request.email);
    if (await hasOpenInvite(tx, tenant.id, request.email)) return tenant;
    await freeAbandonedTenant(tx, tenant.id, actorId);
  }
  return createTenant(
    tx,
    'pending',
    {
      slug: wanted?.slug ?? slugFrom(request.email.slice(0, request.email.lastIndexOf('@'))),
      name: wanted ? wanted.name : madeUpTenantName(request.email, request.name),
      plan: wanted?.plan,
      kind: wanted?.kind,
      partnerId: wanted?.partner_id,
      actorId,
    },
    { partner: deps.config.TENANTS_REQUIRE_PARTNER },
  );
}

// An open invite of the address comes before its tenant: an accept takes them in this order.
async function lockForInvite(tx: Tx, tenantId: string, email: string): Promise<Tenant> {
  await lockInviteOfAddress(tx, tenantId, email);
  return lockTenant(tx, tenantId);
}

async function hasOpenInvite(tx: Tx, tenantId: string, email: string): Promise<boolean> {
  const open = await tx.maybe(
    `select 1 from invites
     where tenant_id = $1 and email = $2 and status = 'invited' and (held or expires_at > now())`,
    [tenantId, email],
  );
  return open !== undefined;
}
