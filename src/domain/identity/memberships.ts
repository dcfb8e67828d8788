import type { PlatformRole } from '../../contracts/identity';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import type { CallerMembership } from './callers';
import { permissionsOf, rankOf } from './roles.rules';

/** A membership and where it comes from: `local`, or `oidc:<issuer>` for one that an issuer's groups give. */
export interface HeldMembership extends CallerMembership {
  readonly id: string;
  readonly origin: string;
}

/** What a person holds, in every scope. Works in any transaction: the look-up is not bound to a tenant. */
export function membershipsOf(tx: Tx, userId: string): Promise<HeldMembership[]> {
  return tx.rows<HeldMembership>(
    `select id, scope, tenant_id as "tenantId", tenant_slug as "tenantSlug", tenant_status as "tenantStatus",
       partner_id as "partnerId", role, origin
     from find_memberships($1) order by scope, tenant_slug, role`,
    [userId],
  );
}

/** SQL of what a person holds, as a JSON list of `HeldMembership`, for queries that read it on the way. */
export const membershipsJson = (user: string): string => `coalesce((
  select json_agg(json_build_object(
    'id', m.id, 'origin', m.origin, 'scope', m.scope, 'tenantId', m.tenant_id, 'tenantSlug', m.tenant_slug,
    'tenantStatus', m.tenant_status, 'partnerId', m.partner_id, 'role', m.role))
  from find_memberships(${user}) as m), '[]')`;

/** A role that an accepted invite gives. */
export interface TenantGrant {
  readonly userId: string;
  readonly tenantId: string;
  /** A tenant role, or `partner`: then the membership is one of the tenant's partner. */
  readonly role: string;
  readonly onboardingId: string;
}

/**
 * Gives a person a role in a tenant; who has a role there keeps the higher one. `partner` makes them a member of
 * the tenant's partner and needs a transaction that is not bound to the tenant.
 * @throws DomainError `partner-not-found` when the tenant has no partner
 */
export async function grantTenantRole(tx: Tx, grant: TenantGrant): Promise<void> {
  if (grant.role === 'partner') return grantPartnerRole(tx, grant);
  const held = await tx.maybe<{ id: string; role: string }>(
    `select id, role from memberships
     where user_id = $1 and tenant_id = $2 and scope = 'tenant' and withdrawn_at is null for no key update`,
    [grant.userId, grant.tenantId],
  );
  if (held && rankOf('tenant', held.role) >= rankOf('tenant', grant.role)) return;
  if (held) await tx.run('update memberships set withdrawn_at = now() where id = $1', [held.id]);
  await tx.run(
    `insert into memberships (id, user_id, scope, tenant_id, role, onboarding_id)
     values ($1, $2, 'tenant', $3, $4, $5)`,
    [newId(), grant.userId, grant.tenantId, grant.role, grant.onboardingId],
  );
}

async function grantPartnerRole(tx: Tx, grant: TenantGrant): Promise<void> {
  const tenant = await tx.maybe<{ partner_id: string | null }>(
    'select partner_id from tenants where id = $1',
    [grant.tenantId],
  );
  if (!tenant?.partner_id) throw new DomainError('partner-not-found');
  await tx.run(
    `insert into memberships (id, user_id, scope, partner_id, role, onboarding_id)
     values ($1, $2, 'partner', $3, 'partner', $4)
     on conflict (user_id, partner_id) where scope = 'partner' and withdrawn_at is null do nothing`,
    [newId(), grant.userId, tenant.partner_id, grant.onboardingId],
  );
}

/** Withdraws the memberships that an onboarding created; for its rollback or cancellation. */
export function withdrawMembershipsOf(tx: Tx, onboardingId: string): Promise<number> {
  return tx.run(
    'update memberships set withdrawn_at = now() where onboarding_id = $1 and withdrawn_at is null',
    [onboardingId],
  );
}

/**
 * Whether an actor (`user:<id>`, `service:<id>` or a part of the machinery) holds a permission on the platform at
 * this moment. Works in any transaction.
 */
export async function stillHolds(tx: Tx, actorId: string, permission: string): Promise<boolean> {
  const at = actorId.indexOf(':');
  const [kind, id] = [actorId.slice(0, at), actorId.slice(at + 1)];
  if (kind === 'system') return true;
  if (kind === 'service') {
    const row = await tx.maybe<{ holds: boolean }>(
      'select $2 = any(permissions) as holds from service_accounts where id = $1 and revoked_at is null',
      [id, permission],
    );
    return row?.holds ?? false;
  }
  if (kind !== 'user') return false;
  const user = await tx.maybe(`select id from users where id = $1 and status = 'active'`, [id]);
  if (!user) return false;
  return (await membershipsOf(tx, id)).some(
    ({ scope, role }) =>
      scope === 'platform' &&
      (permissionsOf('platform', role) as readonly string[]).includes(permission),
  );
}

/** Gives platform roles; a role that is held from the same origin stays as it is. */
export async function addPlatformRoles(
  tx: Tx,
  userId: string,
  roles: readonly PlatformRole[],
  origin: string,
): Promise<void> {
  for (const role of roles) {
    await tx.run(
      `insert into memberships (id, user_id, scope, role, origin) values ($1, $2, 'platform', $3, $4)
       on conflict (user_id, role, origin) where scope = 'platform' and withdrawn_at is null do nothing`,
      [newId(), userId, role, origin],
    );
  }
}

/** Withdraws memberships by id. */
export function withdrawMemberships(tx: Tx, ids: readonly string[]): Promise<number> {
  return tx.run(
    'update memberships set withdrawn_at = now() where id = any($1::uuid[]) and withdrawn_at is null',
    [ids],
  );
}

/** Withdraws roles that came from issuers which are not configured any more; for boot. */
export function retireIssuerRoles(tx: Tx, issuerNames: readonly string[]): Promise<number> {
  return tx.run(
    `update memberships set withdrawn_at = now()
     where withdrawn_at is null and origin like 'oidc:%' and origin <> all($1::text[])`,
    [issuerNames.map((name) => `oidc:${name}`)],
  );
}

/** Makes changes of owners wait for each other: two who take the role from each other must not both succeed. */
export async function lockOwners(tx: Tx): Promise<void> {
  await tx.run(`select pg_advisory_xact_lock(hashtextextended('usher/owners', 0))`);
}

/**
 * Refuses to leave the platform without an active owner; `lockOwners` comes first, the change too.
 * @throws DomainError `last-owner`
 */
export async function requireOwner(tx: Tx): Promise<void> {
  const { owners } = await tx.one<{ owners: number }>(
    `select count(*)::int as owners from memberships as m join users as u on u.id = m.user_id
     where m.scope = 'platform' and m.role = 'owner' and m.withdrawn_at is null and u.status = 'active'`,
  );
  if (owners === 0) throw new DomainError('last-owner');
}
