import type { PlatformRole } from '../../contracts/identity';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import { lockAccount, markStaff } from './accounts';
import type { RequestSource, ServiceCaller, UserCaller } from './callers';
import {
  addPlatformRoles,
  lockOwners,
  membershipsOf,
  requireOwner,
  withdrawMemberships,
} from './memberships';
import { isPlatformRole, mayGrant, rankOf } from './roles.rules';
import { endSessionsOf } from './sessions';

interface HeldRole {
  readonly id: string;
  readonly role: PlatformRole;
}

/** Every platform role of a person, the mightiest first. */
export async function platformRolesOf(tx: Tx, userId: string): Promise<PlatformRole[]> {
  const roles = (await heldRoles(tx, userId)).map(({ role }) => role);
  return [...new Set(roles)].sort((a, b) => rankOf('platform', b) - rankOf('platform', a));
}

async function heldRoles(tx: Tx, userId: string, origin?: string): Promise<HeldRole[]> {
  return (await membershipsOf(tx, userId))
    .filter((held) => held.scope === 'platform' && (!origin || held.origin === origin))
    .flatMap(({ id, role }) => (isPlatformRole(role) ? [{ id, role }] : []));
}

/**
 * Sets the platform roles that are given by hand; roles from an identity provider's groups stay. The person's
 * sessions end, so that nothing goes on with the old roles.
 * @returns every platform role that the person holds now, the mightiest first
 * @throws DomainError `user-not-found`, `last-owner`, or `role-too-high` for a role above the caller's own, whether
 *   it is given or taken
 */
export async function setPlatformRoles(
  tx: Tx,
  by: UserCaller | ServiceCaller,
  change: { readonly userId: string; readonly roles: readonly PlatformRole[] },
  source: RequestSource,
): Promise<PlatformRole[]> {
  await lockOwners(tx);
  const account = await lockAccount(tx, change.userId);
  if (!account) throw new DomainError('user-not-found');
  const changed = await replaceRoles(tx, account.id, 'local', change.roles, (role) => {
    if (!mayGrant(by, { scope: 'platform', role })) throw new DomainError('role-too-high');
  });
  if (changed?.removed.includes('owner')) await requireOwner(tx);
  if (changed) await recordChange(tx, by.actorId, account.id, 'local', changed, source);
  return platformRolesOf(tx, account.id);
}

/**
 * Brings the platform roles that an issuer's groups give in line with what it says now. Never gives `owner`.
 * @returns whether anything changed
 */
export async function syncIssuerRoles(
  tx: Tx,
  userId: string,
  issuerName: string,
  roles: readonly PlatformRole[],
  source: RequestSource,
): Promise<boolean> {
  const origin = `oidc:${issuerName}`;
  const wanted = roles.filter((role) => role !== 'owner');
  const changed = await replaceRoles(tx, userId, origin, wanted, () => undefined);
  if (changed) await recordChange(tx, `user:${userId}`, userId, origin, changed, source);
  return changed !== undefined;
}

/** Makes a person an owner by hand; for the command line, which stands above all roles. */
export async function makeOwner(tx: Tx, userId: string): Promise<void> {
  const changed = await replaceRoles(tx, userId, 'local', ['owner'], () => undefined);
  if (changed) {
    const source = { ip: null, userAgent: null };
    await recordChange(tx, 'system:cli', userId, 'local', changed, source);
  }
}

interface RoleChange {
  readonly added: readonly PlatformRole[];
  readonly removed: readonly PlatformRole[];
}

async function replaceRoles(
  tx: Tx,
  userId: string,
  origin: string,
  roles: readonly PlatformRole[],
  check: (role: PlatformRole) => void,
): Promise<RoleChange | undefined> {
  const held = await heldRoles(tx, userId, origin);
  const added = [...new Set(roles)].filter((role) => !held.some((row) => row.role === role));
  const gone = held.filter(({ role }) => !roles.includes(role));
  const removed = gone.map(({ role }) => role);
  if (added.length === 0 && removed.length === 0) return undefined;
  [...added, ...removed].forEach(check);
  await addPlatformRoles(tx, userId, added, origin);
  await withdrawMemberships(
    tx,
    gone.map(({ id }) => id),
  );
  if (added.length > 0) await markStaff(tx, userId);
  return { added, removed };
}

async function recordChange(
  tx: Tx,
  actorId: string,
  userId: string,
  origin: string,
  { added, removed }: RoleChange,
  source: RequestSource,
): Promise<void> {
  await endSessionsOf(tx, userId);
  await audit.append(tx, {
    action: 'user.roles_changed',
    crud: 'u',
    actorId,
    targets: [{ type: 'user', id: userId }],
    metadata: { added: added.join(' '), removed: removed.join(' '), origin },
    sourceIp: source.ip,
    userAgent: source.userAgent,
    component: actorId === 'system:cli' ? 'cli' : 'api',
  });
}
