import type { InviteCreate, InviteStatus } from '../../contracts/invites';
import { DomainError } from '../../errors/problems';
import { hashToken, newToken } from '../../platform/crypto/tokens';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import * as audit from '../audit/audit-entries';
import { dropMails, enqueueMail } from '../mails/mails';
import { emitEvent } from '../tenants/events';
import type { Tenant } from '../tenants/tenants';
import { freePendingTenant, lockTenant } from '../tenants/tenants';
import type { OnboardingDeps } from './deps';
import { move } from './onboardings';
import { openTenantStatuses } from './onboarding.rules';
import { wakeOnboarding } from './wake';

/** An invite row with what its rules need of its tenant and its onboarding. */
export interface InviteRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly tenant_slug: string;
  readonly tenant_name: string;
  readonly tenant_status: string;
  readonly onboarding_id: string;
  readonly email: string;
  readonly name: string | null;
  readonly role: string;
  readonly locale: string;
  readonly status: InviteStatus;
  readonly invited_by: string;
  readonly inviter_user_id: string | null;
  readonly inviter_name: string | null;
  readonly expires_in_hours: number;
  readonly expires_at: Date;
  readonly lapsed: boolean;
  readonly held: boolean;
  readonly resend_count: number;
  readonly last_sent_at: Date | null;
  readonly since_sent_ms: number | null;
  readonly self_serve: boolean;
  readonly version: number;
}

type Mailing = Pick<OnboardingDeps, 'ring' | 'config'>;
type Waking = Pick<OnboardingDeps, 'ring' | 'config' | 'outbox' | 'metrics'>;

const selectInvite = `
  select i.id, i.tenant_id, t.slug as tenant_slug, t.name as tenant_name, t.status as tenant_status,
    o.id as onboarding_id, i.email, i.name, i.role, i.locale, i.status, i.invited_by, i.inviter_user_id,
    u.name as inviter_name, i.expires_in_hours, i.expires_at,
    (i.status = 'invited' and not i.held and i.expires_at <= now()) as lapsed, i.held, i.resend_count,
    i.last_sent_at, (extract(epoch from now() - i.last_sent_at) * 1000)::float8 as since_sent_ms, i.self_serve,
    i.version
  from invites as i
    join tenants as t on t.id = i.tenant_id
    join onboardings as o on o.invite_id = i.id
    left join users as u on u.id = i.inviter_user_id`;

/** Reads an invite and locks it and its onboarding, so that nothing about it changes meanwhile. */
export async function lockInvite(tx: Tx, inviteId: string): Promise<InviteRow> {
  const invite = await tx.maybe<InviteRow>(`${selectInvite} where i.id = $1 for update of i, o`, [
    inviteId,
  ]);
  if (!invite) throw new DomainError('invite-not-found');
  return invite;
}

/** Refuses a stale If-Match. */
export function checkVersion(invite: InviteRow, expected: number | undefined): void {
  if (expected !== undefined && expected !== invite.version) {
    throw new DomainError('version-stale', {
      extra: { current_etag: `"v${String(invite.version)}"` },
    });
  }
}

/** Writes the invite row; undefined when an open invite of the address stands in the way. */
export async function insertInvite(
  tx: Tx,
  input: Pick<InviteCreate, 'email' | 'name' | 'roles' | 'expires_in_hours'> & {
    readonly tenant: Tenant;
    readonly locale: string;
    readonly actorId: string;
    readonly inviterUserId: string | null;
    readonly held: boolean;
    readonly selfServe: boolean;
    readonly bulk?: { readonly id: string; readonly row: number } | undefined;
  },
): Promise<{ id: string; expires_at: Date } | undefined> {
  return tx.maybe<{ id: string; expires_at: Date }>(
    `insert into invites
       (id, tenant_id, email, name, role, locale, invited_by, inviter_user_id, expires_in_hours, expires_at, held,
        self_serve, bulk_id, bulk_row, last_sent_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $9::int * interval '1 hour', $10, $11, $12, $13,
       case when not $10::boolean then now() end)
     on conflict (tenant_id, email) where status = 'invited' do nothing
     returning id, expires_at`,
    [
      newId(),
      input.tenant.id,
      input.email,
      input.name ?? null,
      input.roles[0],
      input.locale,
      input.actorId,
      input.inviterUserId,
      input.expires_in_hours,
      input.held,
      input.selfServe,
      input.bulk?.id ?? null,
      input.bulk?.row ?? null,
    ],
  );
}

/** The open invite of an address in a tenant, locked; one whose time is over is closed on the way. */
export async function findOpenInvite(
  tx: Tx,
  deps: Waking,
  tenantId: string,
  email: string,
): Promise<InviteRow | undefined> {
  const invite = await tx.maybe<InviteRow>(
    `${selectInvite} where i.tenant_id = $1 and i.email = $2 and i.status = 'invited' for update of i, o`,
    [tenantId, email],
  );
  if (!invite?.lapsed) return invite;
  await expireInvite(tx, deps, invite);
  return undefined;
}

/** The invite that a row of a bulk batch made before, if it did. */
export function findBulkInvite(
  tx: Tx,
  bulkId: string,
  row: number,
): Promise<{ id: string; tenant_id: string } | undefined> {
  return tx.maybe<{ id: string; tenant_id: string }>(
    'select id, tenant_id from invites where bulk_id = $1 and bulk_row = $2',
    [bulkId, row],
  );
}

/** Mints a token for an invite; only its hash is stored. Returns the plaintext for the mail or the answer. */
export async function mintToken(
  tx: Tx,
  invite: { readonly id: string; readonly tenant_id: string },
  purpose: 'first' | 'resend' | 'reminder',
): Promise<{ id: string; token: string }> {
  const [id, token] = [newId(), newToken()];
  if (purpose === 'resend') {
    await tx.run(
      'update invite_tokens set superseded_at = now() where invite_id = $1 and superseded_at is null',
      [invite.id],
    );
  }
  await tx.run(
    'insert into invite_tokens (id, invite_id, tenant_id, token_hash, purpose) values ($1, $2, $3, $4, $5)',
    [id, invite.id, invite.tenant_id, hashToken(token), purpose],
  );
  return { id, token };
}

/** Puts the mail with a token's link beside it; the workflow of the invite sends it. */
export async function mailToken(
  tx: Tx,
  deps: Mailing,
  invite: InviteRow,
  kind: 'invite' | 'invite-reminder',
  minted: { readonly id: string; readonly token: string },
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

/** The link that a token opens. */
export function activationLink(
  deps: { readonly config: { readonly PUBLIC_URL: string } },
  token: string,
): string {
  return `${deps.config.PUBLIC_URL}/invite/${token}`;
}

/**
 * Sends a new link: older tokens end, the time runs anew. Works for expired invites as well.
 * @throws DomainError `invite-not-open`, `tenant-not-open`, `resend-too-soon`, `resend-limit-reached`, `invite-exists`
 */
export async function resendInvite(
  tx: Tx,
  deps: Waking,
  invite: InviteRow,
  actorId: string,
): Promise<{ expiresAt: Date; resendCount: number; link: string }> {
  if (invite.status !== 'invited' && invite.status !== 'expired') {
    throw new DomainError('invite-not-open', { extra: { status: invite.status } });
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
  const { expires_at: expiresAt, resend_count: resendCount } = await tx.one<{
    expires_at: Date;
    resend_count: number;
  }>(
    `update invites set status = 'invited', resend_count = resend_count + 1, last_sent_at = now(), reminded_at = null,
       expires_at = now() + expires_in_hours * interval '1 hour', version = version + 1, updated_at = now()
     where id = $1 returning expires_at, resend_count`,
    [invite.id],
  );
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

/** Withdraws an open invite; a pending tenant that nobody else was invited to is freed. */
export async function revokeInvite(
  tx: Tx,
  deps: Waking,
  invite: InviteRow,
  actorId: string,
): Promise<void> {
  if (invite.status !== 'invited' && invite.status !== 'expired') {
    throw new DomainError('invite-not-open', { extra: { status: invite.status } });
  }
  await closeInvite(tx, deps, invite, { status: 'revoked', actorId, action: 'invite.revoked' });
}

/** Records that the invited person does not want to join, and tells the inviter. */
export async function declineInvite(
  tx: Tx,
  deps: Waking,
  invite: InviteRow,
  input: { readonly reason: string | undefined; readonly sourceIp: string },
): Promise<void> {
  await tx.run('update invites set declined_reason = $2 where id = $1', [
    invite.id,
    input.reason ?? null,
  ]);
  await closeInvite(tx, deps, invite, {
    status: 'declined',
    actorId: 'anonymous',
    action: 'invite.declined',
    sourceIp: input.sourceIp,
  });
  await tellInviter(tx, deps, invite, 'invite-declined');
}

/** Closes an invite whose time is over. */
export async function expireInvite(tx: Tx, deps: Waking, invite: InviteRow): Promise<void> {
  await closeInvite(tx, deps, invite, {
    status: 'expired',
    actorId: 'system:expiry',
    action: 'invite.expired',
  });
}

async function closeInvite(
  tx: Tx,
  deps: Waking,
  invite: InviteRow,
  to: {
    readonly status: 'expired' | 'revoked' | 'declined';
    readonly actorId: string;
    readonly action: string;
    readonly sourceIp?: string;
  },
): Promise<void> {
  await tx.run(
    'update invites set status = $2, version = version + 1, updated_at = now() where id = $1',
    [invite.id, to.status],
  );
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
    `select 1 from invites where tenant_id = $1
       and not (status in ('revoked', 'declined')
         or (status in ('expired', 'invited') and not held and expires_at < now() - interval '30 days'))
     limit 1`,
    [tenantId],
  );
  return wanted ? false : freePendingTenant(tx, tenantId, actorId);
}

/** Pending tenants that may be free, for the daily sweep. */
export async function abandonedTenants(tx: Tx, limit: number): Promise<string[]> {
  const rows = await tx.rows<{ tenant_id: string }>(
    `select distinct i.tenant_id from invites as i join tenants as t on t.id = i.tenant_id
     where t.status = 'pending' and i.status = 'expired' and i.expires_at < now() - interval '30 days' limit $1`,
    [limit],
  );
  return rows.map((row) => row.tenant_id);
}

/** Writes the inviter of an invite that something happened to it. Invites of service accounts go to the operators. */
export async function tellInviter(
  tx: Tx,
  deps: Mailing,
  invite: InviteRow,
  kind: 'invite-declined' | 'new-link-requested',
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
      },
    });
  }
}

/** Marks that somebody looked at the link; a page view, so it never fails anything. */
export async function markOpened(tx: Tx, inviteId: string): Promise<void> {
  await tx.run('update invites set opened_at = now() where id = $1 and opened_at is null', [
    inviteId,
  ]);
}

/** Marks an invite as accepted, with what was agreed to. */
export async function markAccepted(
  tx: Tx,
  inviteId: string,
  terms: { readonly version: string; readonly ip: string },
): Promise<void> {
  await tx.run(
    `update invites set status = 'accepted', accepted_at = now(), terms_version = $2, terms_accepted_at = now(),
       terms_ip = $3, version = version + 1, updated_at = now()
     where id = $1`,
    [inviteId, terms.version, terms.ip],
  );
}

/** Marks that the one reminder before expiry is on its way. */
export async function markReminded(tx: Tx, inviteId: string): Promise<void> {
  await tx.run('update invites set reminded_at = now() where id = $1', [inviteId]);
}

/** Opens an invite that waited for its roll-out stage: its time starts now and its mail goes out. */
export async function openHeldInvite(tx: Tx, deps: Waking, inviteId: string): Promise<void> {
  const invite = await lockInvite(tx, inviteId);
  if (!invite.held || invite.status !== 'invited') return;
  const { expires_at: expiresAt } = await tx.one<{ expires_at: Date }>(
    `update invites set held = false, expires_at = now() + expires_in_hours * interval '1 hour',
       last_sent_at = now(), version = version + 1, updated_at = now()
     where id = $1 returning expires_at`,
    [inviteId],
  );
  await mailToken(tx, deps, invite, 'invite', await mintToken(tx, invite, 'first'), expiresAt);
  await deps.outbox.wake(tx, wakeOnboarding(inviteId));
}
