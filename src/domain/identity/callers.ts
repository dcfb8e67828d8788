import type { PlatformRole, Surface } from '../../contracts/identity';
import { isPlatformRole, permissionsOf } from './roles.rules';
import type { Scope } from './roles.rules';

/** A person's role in one tenant, one partner or on the platform. */
export interface CallerMembership {
  readonly scope: Scope;
  readonly tenantId: string | null;
  readonly tenantSlug: string | null;
  readonly tenantStatus: string | null;
  readonly partnerId: string | null;
  readonly role: string;
}

/** A signed-in person. */
export interface UserCaller {
  readonly kind: 'user';
  /** `user:<id>` */
  readonly actorId: string;
  readonly userId: string;
  /** Null for a bearer token. */
  readonly sessionId: string | null;
  readonly surface: Surface;
  readonly platformRoles: readonly PlatformRole[];
  readonly permissions: ReadonlySet<string>;
  readonly memberships: readonly CallerMembership[];
  /** When the person last proved who they are; step-up needs it within 10 minutes. */
  readonly authenticatedAt: Date | null;
  readonly mustChangePassword: boolean;
}

/** A machine caller with a service account key. */
export interface ServiceCaller {
  readonly kind: 'service';
  /** `service:<id>` */
  readonly actorId: string;
  readonly serviceAccountId: string;
  readonly name: string;
  readonly permissions: ReadonlySet<string>;
}

/** A customer who has accepted an invite, known by the onboarding cookie; may drive that onboarding only. */
export interface OnboardingCaller {
  readonly kind: 'onboarding';
  /** `user:<id>` of the person who accepted */
  readonly actorId: string;
  readonly userId: string;
  readonly onboardingId: string;
  readonly tenantId: string;
}

/** Nobody we know. */
export interface AnonymousCaller {
  readonly kind: 'anonymous';
  readonly actorId: 'anonymous';
}

/** Who sent a request. */
export type Caller = UserCaller | ServiceCaller | OnboardingCaller | AnonymousCaller;

/** The caller of a request without any credential. */
export const anonymous: AnonymousCaller = { kind: 'anonymous', actorId: 'anonymous' };

/** Whether a caller holds a permission. */
export function holds(caller: Caller, permission: string): boolean {
  return (
    (caller.kind === 'user' || caller.kind === 'service') && caller.permissions.has(permission)
  );
}

/** Where a request came from, for the audit log: the client's address and what it calls itself. */
export interface RequestSource {
  readonly ip: string | null;
  readonly userAgent: string | null;
}

/** The widest surface that a person's memberships open. */
export function widestSurface(memberships: readonly CallerMembership[]): Surface {
  if (memberships.some(({ scope }) => scope === 'platform')) return 'operator';
  return memberships.some(({ scope }) => scope === 'partner') ? 'partner' : 'customer';
}

const scopesOn: Readonly<Record<Surface, readonly Scope[]>> = {
  operator: ['platform', 'partner', 'tenant'],
  partner: ['partner', 'tenant'],
  customer: ['tenant'],
};

/**
 * A person with what they hold on one surface: a session or token for customers brings no platform role along,
 * whatever else the person is. Roles in tenants and partners give no permission here; see `mayInTenant`.
 */
export function userCaller(
  person: Pick<
    UserCaller,
    'userId' | 'sessionId' | 'surface' | 'authenticatedAt' | 'mustChangePassword'
  >,
  held: readonly CallerMembership[],
): UserCaller {
  const memberships = held.filter(({ scope }) => scopesOn[person.surface].includes(scope));
  const platformRoles = [
    ...new Set(memberships.filter(({ scope }) => scope === 'platform').map(({ role }) => role)),
  ].filter(isPlatformRole);
  return {
    ...person,
    kind: 'user',
    actorId: `user:${person.userId}`,
    platformRoles,
    permissions: new Set(platformRoles.flatMap((role) => permissionsOf('platform', role))),
    memberships,
  };
}
