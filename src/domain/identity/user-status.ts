import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { deactivateAccount, reactivateAccount } from './accounts';
import type { RequestSource, ServiceCaller, UserCaller } from './callers';
import { membershipsOf } from './memberships';
import { outranks } from './roles.rules';
import { findUser } from './user-list';
import type { ListedUser } from './user-list';

/** A change of a person's status. */
export interface UserStatusChange {
  readonly userId: string;
  readonly to: 'active' | 'deactivated';
  readonly reason: string | undefined;
  /** The version that the caller saw, if they named one. */
  readonly version: number | undefined;
}

/**
 * Lets a person in or out. Out holds at once, since sessions end in the same transaction; roles stay, for a return.
 * @throws DomainError `user-not-found`, `version-stale`, `last-owner`, or `role-too-high` for a person above the caller
 */
export async function changeUserStatus(
  tx: Tx,
  by: UserCaller | ServiceCaller,
  change: UserStatusChange,
  source: RequestSource,
): Promise<ListedUser> {
  const before = await findUser(tx, change.userId);
  if (!before) throw new DomainError('user-not-found');
  if (change.version !== undefined && change.version !== before.version) {
    throw new DomainError('version-stale', {
      extra: { current_etag: `"v${String(before.version)}"` },
    });
  }
  const roles = (await membershipsOf(tx, change.userId)).filter(
    ({ scope }) => scope === 'platform',
  );
  if (!roles.every(({ role }) => outranks(by, role))) throw new DomainError('role-too-high');
  const act = change.to === 'active' ? reactivateAccount : deactivateAccount;
  await act(tx, change.userId, by.actorId, source, change.reason);
  const after = await findUser(tx, change.userId);
  if (!after) throw new DomainError('user-not-found');
  return after;
}
