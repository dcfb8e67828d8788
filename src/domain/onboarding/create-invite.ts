import type { RolloutStage } from '../../contracts/rollout';
import type { InviteRow as InviteRequest } from '../../contracts/invites';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import { emitEvent } from '../tenants/events';
import type { Tenant } from '../tenants/tenants';
import { createPendingTenant, findTenant, lockTenant, slugFrom } from '../tenants/tenants';
import type { OnboardingDeps } from './deps';
import { admits } from './gates.rules';
import { writeInputs } from './inputs';
import {
  activationLink,
  findOpenInvite,
  freeAbandonedTenant,
  insertInvite,
  lockInvite,
  mailToken,
  mintToken,
  resendInvite,
} from './invites';
import { createOnboarding } from './onboardings';
import { openTenantStatuses } from './onboarding.rules';
import { wakeOnboarding } from './wake';

/** Who invites. */
export interface Inviter {
  readonly actorId: string;
  readonly userId: string | null;
  readonly locale?: string | undefined;
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

type Deps = Pick<OnboardingDeps, 'ring' | 'config' | 'outbox' | 'metrics' | 'connectors'>;

/**
 * Invites somebody: tenant, invite, token, onboarding, inputs, mail, audit entry and wake-up in one transaction.
 * @throws DomainError `invite-exists`, `already-member`, `tenant-not-found`, `tenant-not-open`, `slug-taken`,
 *   `partner-not-found`, `blueprint-not-found`
 */
export async function createInvite(
  tx: Tx,
  deps: Deps,
  request: InviteRequest,
  inviter: Inviter,
  options: {
    readonly bulk?: { readonly id: string; readonly row: number } | undefined;
    readonly selfServe?: boolean;
  } = {},
): Promise<CreatedInvite> {
  const tenant = await tenantOf(tx, request, inviter);
  await refuseMember(tx, tenant.id, request.email);
  const blueprint = deps.connectors.blueprintFor({
    plan: tenant.plan,
    kind: tenant.kind,
    ...(request.blueprint === undefined ? {} : { wanted: request.blueprint }),
  });
  const open = await findOpenInvite(tx, deps, tenant.id, request.email);
  if (open) {
    if (request.on_conflict === 'fail') throw inviteExists(open.id);
    const resent = await resendInvite(tx, deps, open, inviter.actorId);
    return {
      inviteId: open.id,
      tenantId: tenant.id,
      onboardingId: open.onboarding_id,
      link: resent.link,
      expiresAt: resent.expiresAt,
      held: false,
    };
  }

  const { stage } = await tx.one<{ stage: RolloutStage }>('select stage from rollout');
  const held = !admits(stage, tenant);
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
  if (request.workspace !== undefined || request.wb_token !== undefined) {
    await writeInputs(
      tx,
      deps.ring,
      { onboardingId, tenantId: tenant.id },
      {
        spreadsheetId: request.workspace?.spreadsheet_id,
        ownerEmail: request.workspace
          ? (request.workspace.owner_email ?? request.email)
          : undefined,
        wbToken: request.wb_token,
      },
    );
  }
  const minted = await mintToken(tx, { id: inserted.id, tenant_id: tenant.id }, 'first');
  if (!held) {
    const invite = await lockInvite(tx, inserted.id);
    await mailToken(tx, deps, invite, 'invite', minted, inserted.expires_at);
  }
  await audit.append(tx, {
    action: 'invite.created',
    crud: 'c',
    actorId: inviter.actorId,
    tenantId: tenant.id,
    targets: [
      { type: 'invite', id: inserted.id },
      { type: 'tenant', id: tenant.id, name: tenant.slug },
    ],
    metadata: { role: request.roles[0] ?? 'client', held, bulk: options.bulk !== undefined },
  });
  await emitEvent(tx, {
    type: 'onboarding.started.v1',
    tenantId: tenant.id,
    data: { invite_id: inserted.id, onboarding_id: onboardingId },
  });
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

function inviteExists(inviteId: string): DomainError {
  return new DomainError('invite-exists', { extra: { invite_id: inviteId } });
}

async function tenantOf(tx: Tx, request: InviteRequest, inviter: Inviter): Promise<Tenant> {
  if (request.tenant_id !== undefined) {
    const tenant = await lockTenant(tx, request.tenant_id);
    if (!openTenantStatuses.includes(tenant.status)) throw new DomainError('tenant-not-open');
    return tenant;
  }
  const wanted = request.tenant;
  if (wanted?.partner_id !== undefined) await requirePartner(tx, wanted.partner_id);
  const slug = wanted?.slug ?? slugFrom(request.email.slice(0, request.email.lastIndexOf('@')));
  const standing = wanted ? await findTenant(tx, slug) : undefined;
  if (standing?.status === 'pending') await handOver(tx, standing, request, inviter);
  return createPendingTenant(tx, {
    slug,
    name: wanted?.name ?? (wanted ? undefined : request.name),
    plan: wanted?.plan,
    kind: wanted?.kind,
    partnerId: wanted?.partner_id,
    actorId: inviter.actorId,
  });
}

// A pending tenant of the same slug either has an invite of this address, which is then the conflict to report, or
// is free by now, or keeps its slug.
async function handOver(
  tx: Tx,
  standing: Tenant,
  request: InviteRequest,
  inviter: Inviter,
): Promise<void> {
  const open = await tx.maybe<{ id: string }>(
    `select id from invites where tenant_id = $1 and email = $2 and status = 'invited' and expires_at > now()`,
    [standing.id, request.email],
  );
  if (open && request.on_conflict === 'fail') throw inviteExists(open.id);
  await freeAbandonedTenant(tx, standing.id, inviter.actorId);
}

async function requirePartner(tx: Tx, partnerId: string): Promise<void> {
  const partner = await tx.maybe(`select 1 from partners where id = $1 and status = 'active'`, [
    partnerId,
  ]);
  if (!partner) throw new DomainError('partner-not-found');
}

async function refuseMember(tx: Tx, tenantId: string, email: string): Promise<void> {
  const member = await tx.maybe<{ user_id: string }>(
    `select m.user_id from memberships as m join users as u on u.id = m.user_id
     where m.tenant_id = $1 and m.withdrawn_at is null and u.email = $2`,
    [tenantId, email],
  );
  if (member) throw new DomainError('already-member', { extra: { user_id: member.user_id } });
}
