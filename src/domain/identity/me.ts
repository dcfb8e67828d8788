import { withSystem } from '../../platform/db';
import type { Database } from '../../platform/db';
import type { CallerMembership, UserCaller } from './callers';
import { permissionsOf } from './roles.rules';

/** What a signed-in person is told of themselves beyond what the request already carries. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly name: string | null;
  readonly locale: string;
  /** The partner that they belong to, if any. */
  readonly partner: { readonly id: string; readonly slug: string; readonly name: string } | null;
}

/** Reads the person of a caller; undefined when the account went away meanwhile. */
export function describePerson(db: Database, caller: UserCaller): Promise<Person | undefined> {
  const partnerId = caller.memberships.find(({ scope }) => scope === 'partner')?.partnerId ?? null;
  return withSystem(
    db,
    'identity',
    (tx) =>
      tx.maybe<Person>(
        `select u.id, u.email::text as email, u.name, u.locale,
           (select json_build_object('id', p.id, 'slug', p.slug, 'name', p.name)
            from partners as p where p.id = $2) as partner
         from users as u where u.id = $1`,
        [caller.userId, partnerId],
      ),
    { readOnly: true },
  );
}

/** A membership with what its role allows where it holds. */
export function membershipRights(
  membership: CallerMembership,
): CallerMembership & { readonly permissions: readonly string[] } {
  return { ...membership, permissions: permissionsOf(membership.scope, membership.role) };
}
