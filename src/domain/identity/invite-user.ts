import { randomInt } from 'node:crypto';
import type { PlatformRole } from '../../contracts/identity';
import { DomainError } from '../../errors/problems';
import type { KeyRing } from '../../platform/crypto/sealing';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import { enqueueMail } from '../mails/mails';
import { createInvitedAccount, findAccount } from './accounts';
import type { RequestSource, ServiceCaller, UserCaller } from './callers';
import { mintLoginLink } from './login-links';
import { addPlatformRoles } from './memberships';
import { mayGrant } from './roles.rules';

// No look-alikes: it is read from a screen and typed, perhaps from paper.
const alphabet = 'ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789';

/** A temporary password: 16 characters without look-alikes, some 92 bits. */
export function temporaryPassword(): string {
  return Array.from({ length: 16 }, () => alphabet.charAt(randomInt(alphabet.length))).join('');
}

/** Hours that a temporary password or the link of an invited person lives. */
export const handoffHours = 24;

/** A future member of staff. */
export interface StaffInvite {
  readonly email: string;
  readonly name: string;
  readonly role: PlatformRole;
  /** The hash of a temporary password, or null for a login link. */
  readonly passwordHash: string | null;
}

/** The account of somebody who was invited; the token of the link is in this object only. */
export interface InvitedUser {
  readonly userId: string;
  readonly linkToken: string | null;
}

/**
 * Makes an account with a role on the platform and the one thing that opens it: a login link, which is mailed as well,
 * or a temporary password that has to be changed.
 * @throws DomainError `user-exists`, or `role-too-high` for a role above the caller's own
 */
export async function inviteUser(
  tx: Tx,
  deps: { readonly ring: KeyRing },
  by: UserCaller | ServiceCaller,
  invite: StaffInvite,
  source: RequestSource,
): Promise<InvitedUser> {
  if (!mayGrant(by, { scope: 'platform', role: invite.role })) {
    throw new DomainError('role-too-high');
  }
  const userId = await createInvitedAccount(tx, { ...invite, passwordHours: handoffHours });
  await addPlatformRoles(tx, userId, [invite.role], 'local');
  const link =
    invite.passwordHash === null ? await mintLoginLink(tx, userId, handoffHours * 60) : null;
  if (link) {
    const inviter = by.kind === 'user' ? await findAccount(tx, by.userId) : undefined;
    await enqueueMail(tx, deps.ring, {
      kind: 'operator-invite',
      owner: 'relay',
      userId,
      toEmail: invite.email,
      toName: invite.name,
      locale: inviter?.locale ?? 'en',
      data: {
        role: invite.role,
        inviter_name: inviter?.name ?? null,
        expires_at: link.expiresAt.toISOString(),
      },
      token: link.token,
    });
  }
  await audit.append(tx, {
    action: 'platform.user_invited',
    crud: 'c',
    actorId: by.actorId,
    targets: [{ type: 'user', id: userId }],
    metadata: { role: invite.role, handoff: link ? 'link' : 'temp-password' },
    sourceIp: source.ip,
    userAgent: source.userAgent,
  });
  return { userId, linkToken: link?.token ?? null };
}
