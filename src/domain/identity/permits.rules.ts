import type { Access } from '../../contracts/http';
import type { ProblemCode } from '../../errors/problems';
import type { Caller, UserCaller } from './callers';
import { permissionsOf } from './roles.rules';

/** Milliseconds after a sign-in during which dangerous acts need no other one. */
export const stepUpWindow = 10 * 60_000;

/** Operations that stay open to a person who has to change a temporary password first. */
export const openBeforePasswordChange: ReadonlySet<string> = new Set([
  'changePassword',
  'logout',
  'getMe',
]);

/** What the router knows of an endpoint. */
export interface Permit {
  readonly operationId: string;
  readonly access: Access;
  readonly orSelf?: true;
  readonly stepUp?: true;
}

/**
 * Why a caller may not use an endpoint, or undefined when they may. With `orSelf` everybody who is known passes
 * here, and the handler checks whose data is asked for.
 */
export function refusalOf(caller: Caller, permit: Permit, now: Date): ProblemCode | undefined {
  const { access } = permit;
  if (access === 'public' || access === 'holder') return undefined;
  if (caller.kind === 'anonymous') return 'unauthenticated';
  if (caller.kind === 'onboarding') return permit.orSelf ? undefined : 'unauthenticated';
  if (
    caller.kind === 'user' &&
    caller.mustChangePassword &&
    !openBeforePasswordChange.has(permit.operationId)
  ) {
    return 'password-change-required';
  }
  if (access === 'signed-in') return undefined;
  if (!caller.permissions.has(access)) {
    if (permit.orSelf) return undefined;
    return caller.kind === 'user' && isTokenOfAnotherSurface(caller)
      ? 'wrong-audience'
      : 'forbidden';
  }
  return permit.stepUp && !hasConfirmed(caller, now) ? 'step-up-required' : undefined;
}

// A session is not bound to one surface, a token is: what it lacks may be right with another one.
function isTokenOfAnotherSurface(caller: UserCaller): boolean {
  return caller.sessionId === null && caller.surface !== 'operator';
}

/**
 * Whether a dangerous act is confirmed: a person signed in within the last 10 minutes, a service account that holds
 * the permission (which no role gives it, see `stepUpPermissions`).
 */
export function hasConfirmed(caller: Caller, now: Date): boolean {
  if (caller.kind === 'service') return true;
  if (caller.kind !== 'user' || caller.authenticatedAt === null) return false;
  const age = now.getTime() - caller.authenticatedAt.getTime();
  return age < stepUpWindow && age > -60_000;
}

/** Whether a caller is one of a tenant's own people, or the customer whose onboarding it is. */
export function belongsTo(caller: Caller, tenantId: string): boolean {
  if (caller.kind === 'onboarding') return caller.tenantId === tenantId;
  return (
    caller.kind === 'user' &&
    caller.memberships.some((held) => held.scope === 'tenant' && held.tenantId === tenantId)
  );
}

/** Whether a caller is one of a partner's own people. */
export function belongsToPartner(caller: Caller, partnerId: string): boolean {
  return (
    caller.kind === 'user' &&
    caller.memberships.some((held) => held.scope === 'partner' && held.partnerId === partnerId)
  );
}

const open = new Set<string | null>(['pending', 'trial', 'active']);

// Its data are kept, so its people go on seeing them.
const readable = new Set<string | null>([...open, 'frozen']);

/**
 * Whether a caller may do something in a tenant: by a platform permission, or by a role in that tenant while it is
 * open (pending, trial or active); in a frozen one they may still read.
 */
export function mayInTenant(caller: Caller, tenantId: string, permission: string): boolean {
  if (caller.kind !== 'user' && caller.kind !== 'service') return false;
  if (caller.permissions.has(permission)) return true;
  return (
    caller.kind === 'user' &&
    caller.memberships.some(
      (held) =>
        held.scope === 'tenant' &&
        held.tenantId === tenantId &&
        (permission.endsWith(':read') ? readable : open).has(held.tenantStatus) &&
        (permissionsOf('tenant', held.role) as readonly string[]).includes(permission),
    )
  );
}

/** The partners in which a role gives a caller a permission on the partner's tenants. */
export function partnersWith(caller: Caller, permission: string): string[] {
  if (caller.kind !== 'user') return [];
  return caller.memberships.flatMap(({ scope, partnerId, role }) =>
    scope === 'partner' &&
    partnerId !== null &&
    (permissionsOf('partner', role) as readonly string[]).includes(permission)
      ? [partnerId]
      : [],
  );
}
