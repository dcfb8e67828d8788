import { DomainError } from '../../errors/problems';
import * as audit from '../audit/audit-entries';
import type { OnboardingDeps } from './deps';
import { withInviteOf } from './holder';
import { tellInviter } from './invite-mails';
import { wakeOnboarding } from './wake';

/**
 * Tells the inviter that somebody with an old link asks for a new one; once an hour. Says nothing of whether the
 * token is known or the invite can be renewed.
 */
export async function requestNewLink(
  deps: Pick<OnboardingDeps, 'db' | 'ring' | 'config' | 'outbox'>,
  token: string,
): Promise<void> {
  try {
    await withInviteOf(deps.db, token, async (tx, { invite }) => {
      if (invite.status !== 'invited' && invite.status !== 'expired') return;
      const told = await tx.maybe(
        `select 1 from mails where invite_id = $1 and kind = 'new-link-requested'
           and created_at > now() - interval '1 hour'`,
        [invite.id],
      );
      if (told) return;
      await tellInviter(tx, deps, invite, 'new-link-requested', {
        requested_at: new Date().toISOString(),
      });
      await audit.append(tx, {
        action: 'invite.new_link_requested',
        crud: 'u',
        actorId: 'anonymous',
        tenantId: invite.tenant_id,
        targets: [{ type: 'invite', id: invite.id }],
      });
      await deps.outbox.wake(tx, wakeOnboarding(invite.id));
    });
  } catch (error) {
    if (error instanceof DomainError && error.code === 'invite-not-found') return;
    throw error;
  }
}
