import type { TenantRole } from '../../contracts/identity';
import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { Tx } from '../../platform/db';
import { endCustomerSessions } from '../identity/sessions';
import { statusOf } from './tenants';
import { openStatuses } from './tenants.rules';

/** A person with a role in a tenant. */
export interface Member {
  readonly userId: string;
  readonly email: string;
  readonly name: string | null;
  readonly status: 'active' | 'deactivated';
  readonly role: TenantRole;
  readonly since: Date;
  readonly lastSeenAt: Date | null;
}

/** The people of a tenant, those who joined last first. */
export async function listMembers(tx: Tx, tenantId: string, keyset: Keyset): Promise<Page<Member>> {
  const rows = await tx.rows<Member & { position_at: string; membershipId: string }>(
    `select m.id as "membershipId", u.id as "userId", u.email::text as email, u.name, u.status, m.role,
       m.created_at as since,
       (select max(s.last_seen_at) from sessions as s where s.user_id = u.id) as "lastSeenAt",
       ${positionOf('m.created_at')}
     from memberships as m join users as u on u.id = m.user_id
     where m.tenant_id = $4 and m.scope = 'tenant' and m.withdrawn_at is null
       and ($1::timestamptz is null or (m.created_at, m.id) < ($1::timestamptz, $2::uuid))
     order by m.created_at desc, m.id desc limit $3`,
    [...keysetParams(keyset), tenantId],
  );
  return pageOf(rows, keyset, (row) => row.membershipId);
}

/** Ends the sessions of a closed tenant's people who are in no open one. */
export async function endSessionsIn(tx: Tx, tenantId: string): Promise<void> {
  const people = await tx.rows<{ user_id: string }>(
    `select m.user_id from memberships as m
     where m.tenant_id = $1 and m.withdrawn_at is null and not exists (
       select 1 from memberships as o join tenants as t on t.id = o.tenant_id
       where o.user_id = m.user_id and o.tenant_id <> $1 and o.withdrawn_at is null
         and ${statusOf('t')} = any($2))`,
    [tenantId, openStatuses],
  );
  await endCustomerSessions(
    tx,
    people.map(({ user_id: id }) => id),
  );
}
