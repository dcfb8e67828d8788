import type { Tx } from '../../platform/db';
import { enqueueMail } from '../mails/mails';
import type { OnboardingDeps } from './deps';
import type { MintedToken } from './invite-tokens';
import type { InviteRow } from './invites';

type Deps = Pick<OnboardingDeps, 'ring' | 'config'>;

/** Puts the mail with a token's link beside it; the workflow of the invite sends it. */
export async function mailToken(
  tx: Tx,
  deps: Deps,
  invite: InviteRow,
  kind: 'invite' | 'invite-reminder',
  minted: MintedToken,
  expiresAt: Date,
): Promise<void> {
  await enqueueMail(tx, deps.ring, {
    kind,
    owner: 'workflow',
    tenantId: invite.tenant_id,
    inviteId: invite.id,
    onboardingId: invite.onboarding_id,
    inviteTokenId: minted.id,
    toEmail: invite.email,
    toName: invite.name,
    locale: invite.locale,
    data: {
      tenant_name: invite.tenant_name,
      inviter_name: invite.inviter_name,
      expires_at: expiresAt.toISOString(),
    },
    token: minted.token,
  });
}

/** Writes the inviter of an invite that something happened to it. Invites of service accounts go to the operators. */
export async function tellInviter(
  tx: Tx,
  deps: Deps,
  invite: InviteRow,
  kind: 'invite-declined' | 'new-link-requested',
  details: Readonly<Record<string, string | null>>,
): Promise<void> {
  const inviter = invite.inviter_user_id
    ? await tx.maybe<{ email: string; name: string | null; locale: string }>(
        `select email, name, locale from users where id = $1 and status = 'active'`,
        [invite.inviter_user_id],
      )
    : undefined;
  const to = inviter
    ? [inviter]
    : deps.config.OPERATORS_MAIL.map((email) => ({ email, name: null, locale: 'en' }));
  for (const person of to) {
    await enqueueMail(tx, deps.ring, {
      kind,
      owner: 'workflow',
      tenantId: invite.tenant_id,
      inviteId: invite.id,
      onboardingId: invite.onboarding_id,
      toEmail: person.email,
      toName: person.name,
      locale: person.locale,
      data: {
        tenant_name: invite.tenant_name,
        invitee: invite.name ?? invite.email,
        invite_id: invite.id,
        ...details,
      },
    });
  }
}
