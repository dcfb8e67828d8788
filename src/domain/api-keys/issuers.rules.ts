import type { TenantRole } from '../../contracts/identity';
import type { Caller } from '../identity/callers';
import { permissionsOf, rankOf } from '../identity/roles.rules';

/** Somebody who issues, changes or rotates keys of one tenant, and what they may pass on. */
export interface Issuer {
  readonly actorId: string;
  /** Their role in the tenant, if they belong to it. */
  readonly tenantRole: string | null;
  /** What they hold in this tenant, by a platform permission or by that role; the command line holds all. */
  readonly held: ReadonlySet<string> | 'all';
  /** Acts for the customer: by a platform permission, not as one of the tenant's own people. */
  readonly staff: boolean;
}

/** The command line, which may pass on everything. */
export const commandLine: Issuer = {
  actorId: 'system:cli',
  tenantRole: null,
  held: 'all',
  staff: true,
};

/** What a caller may pass on in a tenant. */
export function issuerOf(caller: Caller, tenantId: string): Issuer {
  const tenantRole =
    caller.kind === 'user'
      ? (caller.memberships.find((held) => held.scope === 'tenant' && held.tenantId === tenantId)
          ?.role ?? null)
      : null;
  const platform =
    caller.kind === 'user' || caller.kind === 'service' ? [...caller.permissions] : [];
  return {
    actorId: caller.actorId,
    tenantRole,
    held: new Set<string>([
      ...platform,
      ...(tenantRole === null ? [] : permissionsOf('tenant', tenantRole)),
    ]),
    staff: tenantRole === null,
  };
}

/**
 * Whether a role is within an issuer's reach: they may invite people with any role, their own role in the tenant weighs
 * as much, or, for who has none there, they hold everything that the role allows.
 */
export function mayGiveRole(issuer: Issuer, role: TenantRole): boolean {
  const { held, tenantRole } = issuer;
  if (held === 'all' || held.has('invites:create')) return true;
  if (tenantRole !== null) return rankOf('tenant', tenantRole) >= rankOf('tenant', role);
  return permissionsOf('tenant', role).every((permission) => held.has(permission));
}
