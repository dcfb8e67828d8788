import type { InviteCreate, InviteStatus } from '../../contracts/invites';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { noteSubject } from '../../platform/request-context';
import { statusOf } from '../tenants/tenants';
import type { Tenant } from '../tenants/tenants';

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

const selectInvite = `
  select i.id, i.tenant_id, t.slug as tenant_slug, t.name as tenant_name, ${statusOf('t')} as tenant_status,
    o.id as onboarding_id, i.email, i.name, i.role, i.locale, i.status, i.invited_by, i.inviter_user_id,
    u.name as inviter_name, i.expires_in_hours, i.expires_at,
    (i.status = 'invited' and not i.held and i.expires_at <= now()) as lapsed, i.held, i.resend_count,
    i.last_sent_at, (extract(epoch from now() - i.last_sent_at) * 1000)::float8 as since_sent_ms, i.self_serve,
    i.version
  from invites as i
    join tenants as t on t.id = i.tenant_id
    join onboardings as o on o.invite_id = i.id
    left join users as u on u.id = i.inviter_user_id`;

/**
 * Reads an invite and locks it and its onboarding, so that nothing about it changes meanwhile. The onboarding comes
 * first, as in its workflow, and in a statement of its own, since a row that was waited for would bring the old rows
 * of the joined tables with it.
 */
export async function lockInvite(tx: Tx, inviteId: string): Promise<InviteRow> {
  const [, invite] = await Promise.all([
    tx.run('select 1 from onboardings where invite_id = $1 for no key update', [inviteId]),
    tx.maybe<InviteRow>(`${selectInvite} where i.id = $1 for no key update of i`, [inviteId]),
  ]);
  if (!invite) throw new DomainError('invite-not-found');
  noteSubject({ tenantId: invite.tenant_id, onboardingId: invite.onboarding_id });
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

/** The invite of an address in a tenant that nobody closed yet, locked; its time may be over. */
export async function lockInviteOfAddress(
  tx: Tx,
  tenantId: string,
  email: string,
): Promise<InviteRow | undefined> {
  const open = await tx.maybe<{ id: string }>(
    `select id from invites where tenant_id = $1 and email = $2 and status = 'invited'`,
    [tenantId, email],
  );
  const invite = open && (await lockInvite(tx, open.id));
  return invite?.status === 'invited' ? invite : undefined;
}

/**
 * The invite that a row of a bulk batch made before, if it did. The row is this transaction's until it ends, so that
 * a batch that is sent twice at once makes it once.
 */
export async function findBulkInvite(
  tx: Tx,
  place: { readonly id: string; readonly row: number },
): Promise<{ id: string; tenantId: string; email: string } | undefined> {
  await tx.run('select pg_advisory_xact_lock(hashtextextended($1, $2))', [place.id, place.row]);
  return tx.maybe<{ id: string; tenantId: string; email: string }>(
    `select id, tenant_id as "tenantId", email::text as email from invites
     where bulk_id = $1 and bulk_row = $2`,
    [place.id, place.row],
  );
}

/** Opens an invite anew for a new link: its time runs from now on, and its one reminder is due again. */
export function reopenInvite(
  tx: Tx,
  inviteId: string,
): Promise<{ expiresAt: Date; resendCount: number }> {
  return tx.one<{ expiresAt: Date; resendCount: number }>(
    `update invites set status = 'invited', resend_count = resend_count + 1, last_sent_at = now(), reminded_at = null,
       expires_at = now() + expires_in_hours * interval '1 hour', version = version + 1, updated_at = now()
     where id = $1 returning expires_at as "expiresAt", resend_count as "resendCount"`,
    [inviteId],
  );
}

/** Writes how an invite ended without an accept. */
export async function setInviteStatus(
  tx: Tx,
  inviteId: string,
  status: 'expired' | 'revoked' | 'declined',
): Promise<void> {
  await tx.run(
    'update invites set status = $2, version = version + 1, updated_at = now() where id = $1',
    [inviteId, status],
  );
}

/** Keeps why somebody declined; null when they gave no reason. */
export async function noteDeclineReason(
  tx: Tx,
  inviteId: string,
  reason: string | undefined,
): Promise<void> {
  await tx.run('update invites set declined_reason = $2 where id = $1', [inviteId, reason ?? null]);
}

/** Takes an invite out of the wait for its roll-out stage: its time starts now. */
export async function unholdInvite(tx: Tx, inviteId: string): Promise<Date> {
  const { expires_at: expiresAt } = await tx.one<{ expires_at: Date }>(
    `update invites set held = false, expires_at = now() + expires_in_hours * interval '1 hour',
       last_sent_at = now(), version = version + 1, updated_at = now()
     where id = $1 returning expires_at`,
    [inviteId],
  );
  return expiresAt;
}

/** Marks that a person was at the link; once. A page view does not tell: programs open links as well. */
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
