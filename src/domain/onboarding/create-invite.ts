import type { InviteRow as InviteRequest } from '../../contracts/invites';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import { emitEvent } from '../tenants/events';
import type { Tenant } from '../tenants/tenants';
import { expireInvite } from './close-invite';
import type { OnboardingDeps } from './deps';
import { isHeld } from './held-invites';
import { writeInputs } from './inputs';
import { mailToken } from './invite-mails';
import { tenantOfInvite } from './invite-tenant';
import { activationLink, mintToken } from './invite-tokens';
import { insertInvite, lockInvite, lockInviteOfAddress } from './invites';
import type { InviteRow } from './invites';
import { createOnboarding } from './onboardings';
import { resendInvite } from './resend-invite';
import { wakeOnboarding } from './wake';

/** Who invites. */
export interface Inviter {
  readonly actorId: string;
  readonly userId: string | null;
  readonly locale?: string | undefined;
}

/** What an invite may be beyond its request. */
export interface InviteOptions {
  /** The bulk request that it is a row of. */
  readonly bulk?: BulkPlace | undefined;
  /** The visitor invited themselves. */
  readonly selfServe?: boolean | undefined;
}

/** A row of a bulk request. */
export interface BulkPlace {
  readonly id: string;
  readonly row: number;
}

/** A created (or resent) invite, with the link that is shown this once. */
export interface CreatedInvite {
  readonly inviteId: string;
  readonly tenantId: string;
  readonly onboardingId: string;
  readonly link: string;
  readonly expiresAt: Date;
  readonly held: boolean;
}

/** What inviting takes. */
export type InvitingDeps = Pick<
  OnboardingDeps,
  'ring' | 'config' | 'outbox' | 'metrics' | 'connectors'
>;

/**
 * Invites somebody: tenant, invite, token, onboarding, inputs, mail, audit entry and wake-up in one transaction.
 * @throws DomainError `invite-exists`, `already-member`, `blueprint-not-found`, what `tenantOfInvite` throws, and
 *   with `on_conflict: resend` what `resendInvite` throws
 */
export async function createInvite(
  tx: Tx,
  deps: InvitingDeps,
  request: InviteRequest,
  inviter: Inviter,
  options: InviteOptions = {},
): Promise<CreatedInvite> {
  const tenant = await tenantOfInvite(tx, deps, request, inviter.actorId);
  await refuseMember(tx, tenant.id, request.email);
  const blueprint = deps.connectors.blueprintFor({
    plan: tenant.plan,
    kind: tenant.kind,
    ...(request.blueprint === undefined ? {} : { wanted: request.blueprint }),
  });
  const open = await openInviteOf(tx, deps, tenant.id, request.email);
  if (open) {
    if (request.on_conflict === 'fail') throw inviteExists(open.id);
    const { link, expiresAt } = await resendInvite(tx, deps, open, inviter.actorId);
    const [inviteId, onboardingId] = [open.id, open.onboarding_id];
    return { inviteId, tenantId: tenant.id, onboardingId, link, expiresAt, held: false };
  }

  const held = await isHeld(tx, tenant);
  const inserted = await insertInvite(tx, {
    ...request,
    tenant,
    locale: request.locale ?? inviter.locale ?? 'en',
    actorId: inviter.actorId,
    inviterUserId: inviter.userId,
    held,
    selfServe: options.selfServe ?? false,
    bulk: options.bulk,
  });
  // Lost a race of two creates for the same address: the other one stands.
  if (!inserted) throw new DomainError('invite-exists');
  const onboardingId = await createOnboarding(tx, {
    inviteId: inserted.id,
    tenantId: tenant.id,
    blueprint,
    actor: inviter.actorId,
  });
  await keepInputs(tx, deps, { onboardingId, tenantId: tenant.id }, request);
  const minted = await mintToken(tx, { id: inserted.id, tenant_id: tenant.id }, 'first');
  if (!held) {
    const invite = await lockInvite(tx, inserted.id);
    await mailToken(tx, deps, invite, 'invite', minted, inserted.expires_at);
  }
  await record(
    tx,
    tenant,
    { ...options, inviteId: inserted.id, onboardingId, held },
    request,
    inviter,
  );
  await deps.outbox.wake(tx, wakeOnboarding(inserted.id));
  tx.afterCommit(() => {
    deps.metrics.invites.inc({ status: 'created' });
  });
  return {
    inviteId: inserted.id,
    tenantId: tenant.id,
    onboardingId,
    link: activationLink(deps, minted.token),
    expiresAt: inserted.expires_at,
    held,
  };
}

// One whose time is over is closed on the way, so that a new one can take its place.
async function openInviteOf(
  tx: Tx,
  deps: InvitingDeps,
  tenantId: string,
  email: string,
): Promise<InviteRow | undefined> {
  const invite = await lockInviteOfAddress(tx, tenantId, email);
  if (!invite?.lapsed) return invite;
  await expireInvite(tx, deps, invite);
  return undefined;
}

function inviteExists(inviteId: string): DomainError {
  return new DomainError('invite-exists', { extra: { invite_id: inviteId } });
}

async function keepInputs(
  tx: Tx,
  deps: InvitingDeps,
  owner: { readonly onboardingId: string; readonly tenantId: string },
  { workspace, wb_token: wbToken, email }: InviteRequest,
): Promise<void> {
  if (workspace === undefined && wbToken === undefined) return;
  await writeInputs(tx, deps.ring, owner, {
    spreadsheetId: workspace?.spreadsheet_id,
    ownerEmail: workspace ? (workspace.owner_email ?? email) : undefined,
    wbToken,
  });
}

async function record(
  tx: Tx,
  tenant: Tenant,
  made: InviteOptions & {
    readonly inviteId: string;
    readonly onboardingId: string;
    readonly held: boolean;
  },
  request: InviteRequest,
  inviter: Inviter,
): Promise<void> {
  await audit.append(tx, {
    action: 'invite.created',
    crud: 'c',
    actorId: inviter.actorId,
    tenantId: tenant.id,
    targets: [
      { type: 'invite', id: made.inviteId },
      { type: 'tenant', id: tenant.id, name: tenant.slug },
    ],
    metadata: {
      role: request.roles[0] ?? 'client',
      held: made.held,
      bulk: made.bulk !== undefined,
    },
  });
  await emitEvent(tx, {
    type: 'onboarding.started.v1',
    tenantId: tenant.id,
    data: { invite_id: made.inviteId, onboarding_id: made.onboardingId },
  });
}

async function refuseMember(tx: Tx, tenantId: string, email: string): Promise<void> {
  const member = await tx.maybe<{ user_id: string }>(
    `select m.user_id from memberships as m join users as u on u.id = m.user_id
     where m.tenant_id = $1 and m.withdrawn_at is null and u.email = $2`,
    [tenantId, email],
  );
  if (member) throw new DomainError('already-member', { extra: { user_id: member.user_id } });
}
