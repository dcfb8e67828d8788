import type { PlatformRole, TenantRole } from '../../contracts/identity';

/** Every permission there is. Later domains add rows here and to the roles below, nowhere else. */
export const permissions = [
  'invites:create',
  'invites:read',
  'invites:resend',
  'onboardings:read',
  'onboardings:provision',
  'onboardings:retry',
  'onboardings:fix',
  'onboardings:skip',
  'onboardings:rollback',
  'onboardings:cancel',
  'gates:manage',
  'incidents:manage',
  'tenants:create',
  'tenants:read',
  'tenants:write',
  'tenants:reconcile',
  'tenants:purge',
  'users:read',
  'users:invite',
  'users:write',
  'users:grant',
  'service-accounts:create',
  'service-accounts:read',
  'service-accounts:revoke',
  'partners:read',
  'partners:write',
  'audit:read',
  'audit:export',
  'audit:append',
  'audit:archive',
  'audit:hold',
  'audit:checkpoint',
  'audit:erase',
  'keys:create',
  'keys:read',
  'keys:write',
  'keys:rotate',
  'keys:revoke',
  'keys:verify',
  'entitlements:read',
  'entitlements:write',
  'catalog:read',
  'catalog:request',
  'catalog:write',
  'events:read',
  'prices:read',
  'prices:write',
  'payouts:read',
  'payouts:generate',
  'payouts:approve',
  'secrets:reveal',
  'secrets:rotate',
] as const;

/** One of the permissions. */
export type Permission = (typeof permissions)[number];

/** Roles in a partner. */
export type PartnerRole = 'partner';

/** Where a role holds. */
export type Scope = 'platform' | 'tenant' | 'partner';

const ownerOnly: readonly Permission[] = ['onboardings:skip', 'gates:manage', 'tenants:purge'];

const operator: readonly Permission[] = [
  'invites:create',
  'invites:read',
  'invites:resend',
  'onboardings:read',
  'onboardings:provision',
  'onboardings:retry',
  'onboardings:fix',
  'onboardings:rollback',
  'onboardings:cancel',
  'incidents:manage',
  'tenants:create',
  'tenants:read',
  'tenants:write',
  'tenants:reconcile',
  'users:read',
  'users:invite',
  'partners:read',
  'audit:read',
  'audit:archive',
  'keys:create',
  'keys:read',
  'keys:write',
  'keys:rotate',
  'keys:revoke',
  'entitlements:read',
  'entitlements:write',
  'catalog:read',
  'catalog:request',
  'catalog:write',
  'events:read',
  'prices:read',
  'prices:write',
  'payouts:read',
  'payouts:generate',
  'payouts:approve',
];

const client: readonly Permission[] = [
  'tenants:read',
  'onboardings:read',
  'onboardings:provision',
  'entitlements:read',
  'catalog:read',
  'catalog:request',
  'keys:create',
  'keys:read',
  'keys:write',
  'keys:rotate',
  'keys:revoke',
];

const tenantAdmin: readonly Permission[] = [
  ...client,
  'tenants:write',
  'users:read',
  'users:invite',
  'users:grant',
  'audit:read',
];

type RoleTable = {
  readonly platform: Readonly<Record<PlatformRole, readonly Permission[]>>;
  readonly tenant: Readonly<Record<TenantRole, readonly Permission[]>>;
  readonly partner: Readonly<Record<PartnerRole, readonly Permission[]>>;
};

/** What each role may do where it holds; within a scope the roles stand in falling order of power. */
export const roles: RoleTable = {
  platform: {
    owner: permissions,
    admin: permissions.filter((permission) => !ownerOnly.includes(permission)),
    operator,
    support: [
      ...operator.filter((permission) => permission.endsWith(':read')),
      'onboardings:retry',
      'onboardings:fix',
      'invites:resend',
    ],
    auditor: ['audit:read', 'audit:export', 'audit:checkpoint', 'audit:hold'],
  },
  tenant: { owner: tenantAdmin, admin: tenantAdmin, client },
  partner: {
    partner: [
      'partners:read',
      'tenants:read',
      'users:read',
      'users:invite',
      'prices:read',
      'payouts:read',
    ],
  },
};

/**
 * Acts that a person confirms by a fresh sign-in. A service account cannot, so it needs the permission by name: a
 * role as shorthand does not give it these.
 */
export const stepUpPermissions: ReadonlySet<Permission> = new Set([
  'tenants:purge',
  'users:grant',
  'users:invite',
  'service-accounts:create',
  'audit:erase',
  'payouts:approve',
  'secrets:reveal',
  'secrets:rotate',
]);

/** The permissions of a role, none for a role that the scope does not know. */
export function permissionsOf(scope: Scope, role: string): readonly Permission[] {
  const table: Readonly<Record<string, readonly Permission[]>> = roles[scope];
  return Object.hasOwn(table, role) ? (table[role] ?? []) : [];
}

/** Whether a text is one of the permissions. */
export function isPermission(text: string): text is Permission {
  return (permissions as readonly string[]).includes(text);
}

/** Whether a text is a role on the platform. */
export function isPlatformRole(text: string): text is PlatformRole {
  return Object.hasOwn(roles.platform, text);
}

/** How much a role weighs among those of its scope: higher is more, 0 is no role at all. */
export function rankOf(scope: Scope, role: string): number {
  const order = Object.keys(roles[scope]);
  const place = order.indexOf(role);
  return place < 0 ? 0 : order.length - place;
}

/** What somebody who grants a role holds; every caller who is signed in has this shape. */
export interface Grantor {
  /** On the platform. */
  readonly permissions: ReadonlySet<string>;
  readonly platformRoles?: readonly string[];
  readonly memberships?: readonly {
    readonly scope: Scope;
    readonly tenantId: string | null;
    readonly partnerId: string | null;
    readonly role: string;
  }[];
}

/** A role and where it is to hold. */
export type Grant =
  | { readonly scope: 'platform'; readonly role: string }
  | { readonly scope: 'tenant'; readonly tenantId: string; readonly role: string }
  | { readonly scope: 'partner'; readonly partnerId: string; readonly role: string };

/**
 * Whether a role is within reach of its grantor: nobody grants more than they hold. On the platform that means every
 * permission of the role, and for a person a role of at least its rank; in a tenant or partner a role there of at
 * least its rank, or the platform's right to invite.
 */
export function mayGrant(grantor: Grantor, grant: Grant): boolean {
  const rank = rankOf(grant.scope, grant.role);
  if (rank === 0) return false;
  if (grant.scope === 'platform') {
    const { platformRoles } = grantor;
    const highEnough =
      platformRoles === undefined || platformRoles.some((role) => rankOf('platform', role) >= rank);
    return (
      highEnough &&
      permissionsOf('platform', grant.role).every((permission) =>
        grantor.permissions.has(permission),
      )
    );
  }
  return (
    grantor.permissions.has('invites:create') ||
    (grantor.memberships ?? []).some(
      (held) =>
        held.scope === grant.scope &&
        (grant.scope === 'tenant'
          ? held.tenantId === grant.tenantId
          : held.partnerId === grant.partnerId) &&
        permissionsOf(held.scope, held.role).includes('users:invite') &&
        rankOf(held.scope, held.role) >= rank,
    )
  );
}

/**
 * Whether a person's platform role is not above somebody's own, so that they may be let out or in again. For a machine
 * that is to hold its permissions but for the dangerous ones, which no role gives it.
 */
export function outranks(by: Grantor, role: string): boolean {
  if (by.platformRoles !== undefined) {
    return by.platformRoles.some((own) => rankOf('platform', own) >= rankOf('platform', role));
  }
  return permissionsOf('platform', role).every(
    (permission) => stepUpPermissions.has(permission) || by.permissions.has(permission),
  );
}
