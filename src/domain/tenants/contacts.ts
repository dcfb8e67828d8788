import type { Tx } from '../../platform/db';

/** Somebody who is told what happens to a tenant. */
export interface TenantContact {
  readonly userId: string;
  readonly email: string;
  readonly name: string | null;
  readonly locale: string;
}

/** A tenant's owners and admins; where there is none, all of its people. */
export function contactsOf(tx: Tx, tenantId: string): Promise<TenantContact[]> {
  return tx.rows<TenantContact>(
    `with people as (
       select u.id as "userId", u.email::text as email, u.name, u.locale, m.role in ('owner', 'admin') as leads
       from memberships as m join users as u on u.id = m.user_id
       where m.scope = 'tenant' and m.tenant_id = $1 and m.withdrawn_at is null and u.status = 'active')
     select "userId", email, name, locale from people
     where leads or not exists (select 1 from people where leads) order by email limit 50`,
    [tenantId],
  );
}
