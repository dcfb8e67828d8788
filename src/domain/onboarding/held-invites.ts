import type { RolloutStage } from '../../contracts/rollout';
import type { Tx } from '../../platform/db';
import { statusOf } from '../tenants/tenants';
import type { OnboardingDeps } from './deps';
import { admissionOf, admits } from './gates.rules';
import { mailToken } from './invite-mails';
import { mintToken } from './invite-tokens';
import { lockInvite, unholdInvite } from './invites';
import { openTenantStatuses } from './onboarding.rules';
import { wakeOnboarding } from './wake';

/** What opening a held invite takes. */
export type HeldInviteDeps = Pick<OnboardingDeps, 'ring' | 'config' | 'outbox'>;

/** The roll-out stage that is open now. */
async function currentStage(tx: Tx): Promise<RolloutStage> {
  const { stage } = await tx.one<{ stage: RolloutStage }>('select stage from rollout');
  return stage;
}

/** Whether a new invite for this tenant has to wait for its stage. */
export async function isHeld(
  tx: Tx,
  tenant: { readonly kind: string; readonly bucket: number },
): Promise<boolean> {
  return !admits(await currentStage(tx), tenant);
}

/** How many invites wait for their stage. */
export async function countHeld(tx: Tx): Promise<number> {
  const { held } = await tx.one<{ held: number }>(
    `select count(*)::int as held from invites where held and status = 'invited'`,
  );
  return held;
}

/**
 * Opens held invites that the present stage admits, oldest first; what is beyond the limit follows at the next
 * call. Returns how many it opened.
 */
export async function releaseHeld(tx: Tx, deps: HeldInviteDeps, limit: number): Promise<number> {
  const { kinds, buckets } = admissionOf(await currentStage(tx));
  const invites = await tx.rows<{ id: string }>(
    `select i.id from invites as i
       join tenants as t on t.id = i.tenant_id join onboardings as o on o.invite_id = i.id
     where i.held and i.status = 'invited' and ${statusOf('t')} = any($3)
       and (t.kind = any($1) or t.bucket < $2)
     order by i.created_at, i.id limit $4
     for no key update of o skip locked`,
    [kinds, buckets, openTenantStatuses, limit],
  );
  for (const { id } of invites) await openHeldInvite(tx, deps, id);
  return invites.length;
}

// Its time starts now and its mail goes out.
async function openHeldInvite(tx: Tx, deps: HeldInviteDeps, inviteId: string): Promise<void> {
  const invite = await lockInvite(tx, inviteId);
  if (!invite.held || invite.status !== 'invited') return;
  const expiresAt = await unholdInvite(tx, inviteId);
  await mailToken(tx, deps, invite, 'invite', await mintToken(tx, invite, 'first'), expiresAt);
  await deps.outbox.wake(tx, wakeOnboarding(inviteId));
}
