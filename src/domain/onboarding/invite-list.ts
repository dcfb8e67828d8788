import type { InviteStatus } from '../../contracts/invites';
import { DomainError } from '../../errors/problems';
import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { Tx } from '../../platform/db';
import { isUuid } from '../../platform/ids';
import { noteSubject } from '../../platform/request-context';

/** An invite as lists and its own page show it. */
export interface InviteShown {
  readonly id: string;
  readonly email: string;
  readonly name: string | null;
  readonly role: string;
  readonly locale: string;
  readonly status: InviteStatus;
  readonly tenantId: string;
  readonly tenantSlug: string;
  readonly onboardingId: string;
  readonly invitedBy: string;
  readonly expiresAt: Date;
  readonly acceptedAt: Date | null;
  readonly openedAt: Date | null;
  readonly lastSentAt: Date | null;
  readonly resendCount: number;
  readonly held: boolean;
  readonly mailStatus: string | null;
  readonly createdAt: Date;
  readonly version: number;
}

/** Which invites a list shows; every given filter must hold. */
export interface InviteFilter {
  readonly status?: InviteStatus | undefined;
  readonly state?: InviteStatus | undefined;
  /** Id or slug. */
  readonly tenant?: string | undefined;
  readonly inviter?: string | undefined;
  /** Part of the address. */
  readonly email?: string | undefined;
  readonly expiring_before?: string | undefined;
  readonly never_opened?: boolean | undefined;
  readonly bounced?: boolean | undefined;
}

// An invite ends at its time, whoever has noticed, so that no list shows a dead one as open.
const statusNow = `case when i.status = 'invited' and not i.held and i.expires_at <= now() then 'expired'
  else i.status end`;

const mailNow = `(select m.status from mails as m where m.invite_id = i.id and m.kind in ('invite', 'invite-reminder')
  order by m.created_at desc limit 1)`;

const select = `
  select i.id, i.email::text as email, i.name, i.role, i.locale, ${statusNow} as status,
    i.tenant_id as "tenantId", t.slug as "tenantSlug", o.id as "onboardingId", i.invited_by as "invitedBy",
    i.expires_at as "expiresAt", i.accepted_at as "acceptedAt", i.opened_at as "openedAt",
    i.last_sent_at as "lastSentAt", i.resend_count as "resendCount", i.held, ${mailNow} as "mailStatus",
    i.created_at as "createdAt", i.version, ${positionOf('i.created_at')}
  from invites as i
    join tenants as t on t.id = i.tenant_id
    join onboardings as o on o.invite_id = i.id`;

/** One invite. @throws DomainError `invite-not-found` */
export async function readInvite(tx: Tx, inviteId: string): Promise<InviteShown> {
  const invite = await tx.maybe<InviteShown>(`${select} where i.id = $1`, [inviteId]);
  if (!invite) throw new DomainError('invite-not-found');
  noteSubject({ tenantId: invite.tenantId, onboardingId: invite.onboardingId });
  return invite;
}

type Condition = (value: string, add: (param: unknown) => string) => string;

const conditions: Readonly<Record<keyof InviteFilter, Condition>> = {
  status: (value, add) => `${statusNow} = ${add(value)}`,
  state: (value, add) => `${statusNow} = ${add(value)}`,
  tenant: (value, add) => `t.${isUuid(value) ? 'id' : 'slug'} = ${add(value.toLowerCase())}`,
  inviter: (value, add) => {
    const n = add(value);
    return `(i.invited_by = ${n} or split_part(i.invited_by, ':', 2) = ${n})`;
  },
  email: (value, add) => `i.email::text ilike ${add(`%${value.replace(/[\\%_]/g, '\\$&')}%`)}`,
  expiring_before: (value, add) =>
    `(${statusNow} = 'invited' and not i.held and i.expires_at < ${add(new Date(value))})`,
  never_opened: (value) => `i.opened_at is ${value === 'true' ? '' : 'not '}null`,
  bounced: (value) =>
    `coalesce(${mailNow} = 'bounced', false) = ${value === 'true' ? 'true' : 'false'}`,
};

/** Invites, newest first. */
export async function listInvites(
  tx: Tx,
  filter: InviteFilter,
  keyset: Keyset,
): Promise<Page<InviteShown>> {
  const params: unknown[] = keysetParams(keyset);
  const add = (param: unknown): string => `$${String(params.push(param))}`;
  const where = (Object.keys(conditions) as (keyof InviteFilter)[]).flatMap((name) => {
    const value = filter[name];
    return value === undefined ? [] : [`and ${conditions[name](String(value), add)}`];
  });
  const rows = await tx.rows<InviteShown & { position_at: string }>(
    `${select}
     where ($1::timestamptz is null or (i.created_at, i.id) < ($1::timestamptz, $2::uuid)) ${where.join(' ')}
     order by i.created_at desc, i.id desc limit $3`,
    params,
  );
  return pageOf(rows, keyset, (row) => row.id);
}
