import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import { dropMails } from '../mails/mails';
import { emitEvent } from '../tenants/events';
import { freePendingTenant } from '../tenants/tenant-changes';
import { lockTenant } from '../tenants/tenants';
import type { OnboardingDeps } from './deps';
import { tellInviter } from './invite-mails';
import { noteDeclineReason, setInviteStatus } from './invites';
import type { InviteRow } from './invites';
import { move } from './onboardings';
import { wakeOnboarding } from './wake';

type Deps = Pick<OnboardingDeps, 'ring' | 'config' | 'outbox' | 'metrics'>;

/** Withdraws an open invite; a pending tenant that nobody else was invited to is freed. */
export async function revokeInvite(
  tx: Tx,
  deps: Deps,
  invite: InviteRow,
  actorId: string,
): Promise<void> {
  if (invite.status !== 'invited' && invite.status !== 'expired') {
    throw new DomainError('invite-not-open', { extra: { invite_status: invite.status } });
  }
  await closeInvite(tx, deps, invite, { status: 'revoked', actorId, action: 'invite.revoked' });
}

/** Records that the invited person does not want to join, and tells the inviter. */
export async function declineInvite(
  tx: Tx,
  deps: Deps,
  invite: InviteRow,
  input: { readonly reason: string | undefined; readonly sourceIp: string },
): Promise<void> {
  await noteDeclineReason(tx, invite.id, input.reason);
  await closeInvite(tx, deps, invite, {
    status: 'declined',
    actorId: 'anonymous',
    action: 'invite.declined',
    sourceIp: input.sourceIp,
  });
  await tellInviter(tx, deps, invite, 'invite-declined', {
    reason: input.reason ?? null,
    declined_at: new Date().toISOString(),
  });
}

/** Closes an invite whose time is over. */
export async function expireInvite(tx: Tx, deps: Deps, invite: InviteRow): Promise<void> {
  await closeInvite(tx, deps, invite, {
    status: 'expired',
    actorId: 'system:expiry',
    action: 'invite.expired',
  });
}

async function closeInvite(
  tx: Tx,
  deps: Deps,
  invite: InviteRow,
  to: {
    readonly status: 'expired' | 'revoked' | 'declined';
    readonly actorId: string;
    readonly action: 'invite.revoked' | 'invite.declined' | 'invite.expired';
    readonly sourceIp?: string;
  },
): Promise<void> {
  await setInviteStatus(tx, invite.id, to.status);
  await move(tx, {
    onboardingId: invite.onboarding_id,
    from: ['invited', 'expired'],
    to: to.status,
    transitionId: `${to.status}:${String(invite.resend_count)}`,
    type: to.action,
    actor: to.actorId,
    set: { sql: 'ended_at = now()' },
  });
  await dropMails(tx, invite.id, ['invite', 'invite-reminder']);
  await audit.append(tx, {
    action: to.action,
    crud: 'u',
    actorId: to.actorId,
    tenantId: invite.tenant_id,
    targets: [{ type: 'invite', id: invite.id }],
    ...(to.sourceIp ? { sourceIp: to.sourceIp } : {}),
  });
  await emitEvent(tx, {
    type: `onboarding.${to.status}.v1`,
    tenantId: invite.tenant_id,
    data: { invite_id: invite.id, onboarding_id: invite.onboarding_id },
  });
  if (to.status !== 'expired') await freeAbandonedTenant(tx, invite.tenant_id, to.actorId);
  await deps.outbox.wake(tx, wakeOnboarding(invite.id));
  tx.afterCommit(() => {
    deps.metrics.invites.inc({ status: to.status });
  });
}

/** An invite that keeps its pending tenant: neither withdrawn, nor declined, nor over for 30 days. */
const isWanted = `not (status in ('revoked', 'declined')
  or (status in ('expired', 'invited') and not held and expires_at < now() - interval '30 days'))`;

/**
 * Frees a pending tenant whose every invite is revoked, declined, or expired for 30 days; one with any other invite
 * or onboarding stays.
 */
export async function freeAbandonedTenant(
  tx: Tx,
  tenantId: string,
  actorId: string,
): Promise<boolean> {
  await lockTenant(tx, tenantId);
  const wanted = await tx.maybe(
    `select 1 from invites where tenant_id = $1 and ${isWanted} limit 1`,
    [tenantId],
  );
  return wanted ? false : freePendingTenant(tx, tenantId, actorId);
}

/**
 * Pending tenants to be freed, for the reconciler. Those that are still wanted are left out here already: they stay
 * for long, and enough of them would fill every batch.
 */
export async function abandonedTenants(tx: Tx, limit: number): Promise<string[]> {
  const rows = await tx.rows<{ id: string }>(
    `select t.id from tenants as t
     where t.status = 'pending'
       and exists (select 1 from invites where tenant_id = t.id and status = 'expired'
         and expires_at < now() - interval '30 days')
       and not exists (select 1 from invites where tenant_id = t.id and ${isWanted})
     limit $1`,
    [limit],
  );
  return rows.map((row) => row.id);
}
