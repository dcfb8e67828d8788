import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { Tx } from '../../platform/db';
import { membershipsJson } from './memberships';
import type { HeldMembership } from './memberships';

/** A person as operators see them. */
export interface ListedUser {
  readonly id: string;
  readonly email: string;
  readonly name: string | null;
  readonly locale: string;
  readonly status: 'active' | 'deactivated';
  readonly memberships: readonly HeldMembership[];
  readonly mustChangePassword: boolean;
  readonly activatedAt: Date | null;
  readonly deactivatedAt: Date | null;
  readonly lastSeenAt: Date | null;
  readonly createdAt: Date;
  readonly version: number;
}

/** Which people are wanted. */
export interface UserFilter {
  readonly filter: 'all' | 'admins' | 'inactive';
  /** Part of address or name, or an id. */
  readonly q?: string | undefined;
}

const columns = `u.id, u.email::text as email, u.name, u.locale, u.status, ${membershipsJson('u.id')} as memberships,
  u.must_change_password as "mustChangePassword", u.activated_at as "activatedAt",
  u.deactivated_at as "deactivatedAt", u.created_at as "createdAt", u.version,
  (select max(s.last_seen_at) from sessions as s where s.user_id = u.id) as "lastSeenAt"`;

const isAdmin = `exists (select 1 from memberships as m where m.user_id = u.id and m.scope = 'platform'
  and m.role in ('owner', 'admin') and m.withdrawn_at is null)`;
const isFound = `($1::text is null or u.id::text = lower($1) or strpos(u.email::text, lower($1)) > 0
  or strpos(lower(u.name), lower($1)) > 0)`;

/** People, newest first. */
export async function listUsers(
  tx: Tx,
  filter: UserFilter,
  keyset: Keyset,
): Promise<Page<ListedUser>> {
  const [at, id, limit] = keysetParams(keyset);
  const rows = await tx.rows<ListedUser & { position_at: string }>(
    `select ${columns}, ${positionOf('u.created_at')} from users as u
     where ${isFound}
       and case $2 when 'admins' then ${isAdmin} when 'inactive' then u.status = 'deactivated' else true end
       and ($3::timestamptz is null or (u.created_at, u.id) < ($3::timestamptz, $4::uuid))
     order by u.created_at desc, u.id desc limit $5`,
    [filter.q ?? null, filter.filter, at, id, limit],
  );
  return pageOf(rows, keyset, (row) => row.id);
}

/** How many people a search finds, by filter. */
export function countUsers(
  tx: Tx,
  filter: Pick<UserFilter, 'q'>,
): Promise<{ all: number; admins: number; inactive: number }> {
  return tx.one(
    `select count(*)::int as all, count(*) filter (where ${isAdmin})::int as admins,
       count(*) filter (where u.status = 'deactivated')::int as inactive
     from users as u where ${isFound}`,
    [filter.q ?? null],
  );
}

/** A person, or undefined. */
export function findUser(tx: Tx, userId: string): Promise<ListedUser | undefined> {
  return tx.maybe<ListedUser>(`select ${columns} from users as u where u.id = $1`, [userId]);
}
