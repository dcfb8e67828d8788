import type { Tx } from '../../platform/db';

/** How people see a person. */
export interface PersonLabel {
  readonly id: string;
  readonly name: string | null;
  readonly email: string;
}

/**
 * Names and addresses of people by their ids.
 * @param ofTenant only those who have (or had) a role in this tenant; null for all
 */
export async function peopleLabels(
  tx: Tx,
  userIds: readonly string[],
  ofTenant: string | null,
): Promise<Map<string, PersonLabel>> {
  if (userIds.length === 0) return new Map();
  const rows = await tx.rows<PersonLabel>(
    `select u.id, u.name, u.email::text as email from users as u
     where u.id = any($1::uuid[]) and ($2::uuid is null or exists (
       select 1 from memberships as m where m.user_id = u.id and m.tenant_id = $2))`,
    [userIds, ofTenant],
  );
  return new Map(rows.map((person) => [person.id, person]));
}

/** Ids of people who have a text in their e-mail address, at most so many. */
export async function userIdsByEmail(
  tx: Tx,
  part: string,
  ofTenant: string | null,
  limit: number,
): Promise<string[]> {
  const rows = await tx.rows<{ id: string }>(
    `select u.id from users as u
     where position(lower($1) in lower(u.email::text)) > 0 and ($2::uuid is null or exists (
       select 1 from memberships as m where m.user_id = u.id and m.tenant_id = $2))
     order by u.id limit $3`,
    [part, ofTenant, limit],
  );
  return rows.map(({ id }) => id);
}
