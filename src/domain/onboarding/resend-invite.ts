import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import { dropMails } from '../mails/mails';
import type { OnboardingDeps } from './deps';
import { mailToken } from './invite-mails';
import { activationLink, mintToken } from './invite-tokens';
import { reopenInvite } from './invites';
import type { InviteRow } from './invites';
import { openTenantStatuses } from './onboarding.rules';
import { move } from './onboardings';
import { wakeOnboarding } from './wake';

type Deps = Pick<OnboardingDeps, 'ring' | 'config' | 'outbox' | 'metrics'>;

/**
 * Sends a new link: older tokens end, the time runs anew. Works for expired invites as well.
 * @throws DomainError `invite-not-open`, `tenant-not-open`, `resend-too-soon`, `resend-limit-reached`, `invite-exists`
 */
export async function resendInvite(
  tx: Tx,
  deps: Deps,
  invite: InviteRow,
  actorId: string,
): Promise<{ expiresAt: Date; resendCount: number; link: string }> {
  if (invite.status !== 'invited' && invite.status !== 'expired') {
    throw new DomainError('invite-not-open', { extra: { invite_status: invite.status } });
  }
  if (!openTenantStatuses.includes(invite.tenant_status)) throw new DomainError('tenant-not-open');
  if (invite.held) throw new DomainError('invite-held');
  const { RATE_RESEND_SECONDS: pause, RATE_RESEND_MAX: most } = deps.config;
  if (invite.resend_count >= most) throw new DomainError('resend-limit-reached');
  const remaining = pause - (invite.since_sent_ms ?? Infinity) / 1000;
  if (remaining > 0) {
    throw new DomainError('resend-too-soon', {
      retryAfterSeconds: Math.max(1, Math.ceil(remaining)),
    });
  }
  if (invite.status === 'expired') await refuseSecondLiveInvite(tx, invite);
  const minted = await mintToken(tx, invite, 'resend');
  await dropMails(tx, invite.id, ['invite', 'invite-reminder']);
  const { expiresAt, resendCount } = await reopenInvite(tx, invite.id);
  if (invite.status === 'expired' || invite.lapsed) {
    await move(tx, {
      onboardingId: invite.onboarding_id,
      from: ['expired', 'invited'],
      to: 'invited',
      transitionId: `resend:${String(resendCount)}`,
      type: 'invite-reopened',
      actor: actorId,
      set: { sql: 'ended_at = null' },
    });
  }
  await mailToken(tx, deps, invite, 'invite', minted, expiresAt);
  await audit.append(tx, {
    action: 'invite.resent',
    crud: 'u',
    actorId,
    tenantId: invite.tenant_id,
    targets: [{ type: 'invite', id: invite.id }],
    metadata: { resend_count: resendCount },
  });
  await deps.outbox.wake(tx, wakeOnboarding(invite.id));
  tx.afterCommit(() => {
    deps.metrics.invites.inc({ status: 'resent' });
  });
  return { expiresAt, resendCount, link: activationLink(deps, minted.token) };
}

async function refuseSecondLiveInvite(tx: Tx, invite: InviteRow): Promise<void> {
  const other = await tx.maybe<{ id: string }>(
    `select id from invites where tenant_id = $1 and email = $2 and status = 'invited' and id <> $3`,
    [invite.tenant_id, invite.email, invite.id],
  );
  if (other) throw new DomainError('invite-exists', { extra: { invite_id: other.id } });
}
