import type { InviteRow as InviteRequest } from '../../contracts/invites';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { createPendingTenant, findTenant, lockTenant, slugFrom } from '../tenants/tenants';
import type { Tenant } from '../tenants/tenants';
import { freeAbandonedTenant } from './close-invite';
import { lockInviteOfAddress } from './invites';
import { madeUpTenantName, openTenantStatuses } from './onboarding.rules';

type TenantPart = Pick<InviteRequest, 'email' | 'name' | 'tenant' | 'tenant_id'>;

/**
 * The tenant that an invite is for, locked: the given one, the one that an open invite of the same slug and address
 * brought, or a new pending one.
 * @throws DomainError `tenant-not-found`, `tenant-not-open`, `partner-not-found`, `slug-taken`
 */
export async function tenantOfInvite(
  tx: Tx,
  request: TenantPart,
  actorId: string,
): Promise<Tenant> {
  if (request.tenant_id !== undefined) {
    const tenant = await lockForInvite(tx, request.tenant_id, request.email);
    if (!openTenantStatuses.includes(tenant.status)) throw new DomainError('tenant-not-open');
    return tenant;
  }
  const { tenant: wanted } = request;
  if (wanted?.partner_id !== undefined) await requirePartner(tx, wanted.partner_id);
  const standing = wanted ? await findTenant(tx, wanted.slug) : undefined;
  if (standing?.status === 'pending') {
    const tenant = await lockForInvite(tx, standing.id, request.email);
    if (await hasOpenInvite(tx, tenant.id, request.email)) return tenant;
    await freeAbandonedTenant(tx, tenant.id, actorId);
  }
  return createPendingTenant(tx, {
    slug: wanted?.slug ?? slugFrom(request.email.slice(0, request.email.lastIndexOf('@'))),
    name: wanted ? wanted.name : madeUpTenantName(request.email, request.name),
    plan: wanted?.plan,
    kind: wanted?.kind,
    partnerId: wanted?.partner_id,
    actorId,
  });
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

async function requirePartner(tx: Tx, partnerId: string): Promise<void> {
  const partner = await tx.maybe(`select 1 from partners where id = $1 and status = 'active'`, [
    partnerId,
  ]);
  if (!partner) throw new DomainError('partner-not-found');
}
