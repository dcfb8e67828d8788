import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import * as audit from '../audit/audit-entries';
import { createAccount, findAccountByEmail, lockAccount } from './accounts';
import { userCaller } from './callers';
import type { RequestSource, UserCaller } from './callers';
import { membershipsJson, membershipsOf } from './memberships';
import type { HeldMembership } from './memberships';
import { mayLink } from './oidc.rules';
import type { Assertion } from './oidc.rules';
import { syncIssuerRoles } from './platform-roles';

interface KnownPerson {
  readonly userId: string;
  readonly active: boolean;
  readonly groupsAsOf: Date | null;
  readonly memberships: HeldMembership[];
}

/**
 * The person behind a checked bearer token, read on the primary for every request. Writes only for a token that is
 * newer than the last one seen: then roles follow its groups.
 * @throws DomainError `account-link-refused`, `user-deactivated`, `forbidden` for somebody who has nothing here
 */
export async function personOfToken(
  db: Database,
  assertion: Assertion,
  source: RequestSource,
): Promise<UserCaller> {
  const known = await find(db, assertion);
  if (known && !known.active) throw new DomainError('user-deactivated');
  const person =
    known && isCurrent(known, assertion) ? known : await settleAndRead(db, assertion, source);
  return userCaller(
    {
      userId: person.userId,
      sessionId: null,
      surface: assertion.surface,
      authenticatedAt: assertion.authTime,
      mustChangePassword: false,
    },
    person.memberships,
  );
}

function find(db: Database, assertion: Assertion): Promise<KnownPerson | undefined> {
  return withSystem(
    db,
    'identity',
    (tx) =>
      tx.maybe<KnownPerson>(
        `select u.id as "userId", u.status = 'active' as active, i.groups_as_of as "groupsAsOf",
           ${membershipsJson('u.id')} as memberships
         from user_identities as i join users as u on u.id = i.user_id
         where i.issuer = $1 and i.subject = $2`,
        [assertion.issuer, assertion.subject],
      ),
    { readOnly: true },
  );
}

/** Whether what is stored says the same as the token, or something newer. */
function isCurrent({ groupsAsOf, memberships }: KnownPerson, assertion: Assertion): boolean {
  if (assertion.surface !== 'operator') return true;
  const issued = assertion.issuedAt.getTime();
  const asOf = groupsAsOf?.getTime() ?? Number.NEGATIVE_INFINITY;
  if (issued !== asOf) return issued < asOf;
  const origin = `oidc:${assertion.issuerName}`;
  const held = memberships.filter((one) => one.origin === origin).map(({ role }) => role);
  return (
    held.length === assertion.roles.length && assertion.roles.every((role) => held.includes(role))
  );
}

async function settleAndRead(
  db: Database,
  assertion: Assertion,
  source: RequestSource,
): Promise<Pick<KnownPerson, 'userId' | 'memberships'>> {
  return withSystem(db, 'identity', async (tx) => {
    const userId = await settlePerson(tx, assertion, source);
    return { userId, memberships: await membershipsOf(tx, userId) };
  });
}

/**
 * Finds the account of an identity by (iss, sub); links or creates it the first time; brings its roles in line with
 * the issuer's groups.
 * @param invitedEmail the address of the open invite that the person is about to accept: for it an account may be
 *   created without any role
 * @returns the account's id
 * @throws DomainError `account-link-refused`, `user-deactivated`, `forbidden` for somebody who has nothing here
 */
export async function settlePerson(
  tx: Tx,
  assertion: Assertion,
  source: RequestSource,
  invitedEmail?: string,
): Promise<string> {
  const key = [assertion.issuer, assertion.subject] as const;
  // Two first requests of one person must not make two accounts.
  await tx.run('select pg_advisory_xact_lock(hashtextextended($1, 1))', [key.join('\n')]);
  const identity = await tx.maybe<{ userId: string; groupsAsOf: Date | null }>(
    `select user_id as "userId", groups_as_of as "groupsAsOf" from user_identities
     where issuer = $1 and subject = $2`,
    key,
  );
  const userId = identity?.userId ?? (await linkOrCreate(tx, assertion, source, invitedEmail));
  const account = await lockAccount(tx, userId);
  if (account?.status !== 'active') throw new DomainError('user-deactivated');

  const seen = identity?.groupsAsOf ?? null;
  if (assertion.surface === 'operator' && (seen === null || seen <= assertion.issuedAt)) {
    await syncIssuerRoles(tx, userId, assertion.issuerName, assertion.roles, source);
    await tx.run(
      'update user_identities set groups_as_of = $3 where issuer = $1 and subject = $2',
      [...key, assertion.issuedAt],
    );
  }
  return userId;
}

async function linkOrCreate(
  tx: Tx,
  assertion: Assertion,
  source: RequestSource,
  invitedEmail: string | undefined,
): Promise<string> {
  const existing =
    assertion.email === null ? undefined : await findAccountByEmail(tx, assertion.email);
  const userId = existing?.id ?? (await createFor(tx, assertion, source, invitedEmail));
  if (existing) {
    await lockAccount(tx, existing.id);
    const { linked, staff } = await tx.one<{ linked: boolean; staff: boolean }>(
      `select exists (select 1 from user_identities where user_id = $1) as linked,
         exists (select 1 from find_memberships($1) where scope = 'platform') as staff`,
      [existing.id],
    );
    const active = existing.status === 'active';
    if (!mayLink(assertion, { active, staff: staff || existing.staff, linked })) {
      throw new DomainError('account-link-refused');
    }
  }
  await tx.run('insert into user_identities (issuer, subject, user_id) values ($1, $2, $3)', [
    assertion.issuer,
    assertion.subject,
    userId,
  ]);
  await record(tx, 'user.identity_linked', 'u', userId, assertion, source);
  return userId;
}

// Without a role by its groups or an invite to accept, nobody gets an account by just signing in somewhere.
async function createFor(
  tx: Tx,
  assertion: Assertion,
  source: RequestSource,
  invitedEmail: string | undefined,
): Promise<string> {
  const invited = assertion.emailProven && assertion.email === invitedEmail?.toLowerCase();
  if (assertion.roles.length === 0 && !invited) {
    throw new DomainError('forbidden', {
      detail: 'This identity has no account here; ask for an invite.',
    });
  }
  const userId = await createAccount(tx, {
    // An address that is not proven belongs to nobody: stored, it would take the place of its true owner.
    email:
      assertion.emailProven && assertion.email !== null
        ? assertion.email
        : `${newId()}@address-unknown.invalid`,
    name: assertion.name,
    staff: assertion.roles.length > 0,
  });
  await record(tx, 'user.created', 'c', userId, assertion, source);
  return userId;
}

async function record(
  tx: Tx,
  action: 'user.created' | 'user.identity_linked',
  crud: 'c' | 'u',
  userId: string,
  assertion: Assertion,
  source: RequestSource,
): Promise<void> {
  await audit.append(tx, {
    action,
    crud,
    actorId: `user:${userId}`,
    targets: [{ type: 'user', id: userId }],
    metadata: { issuer: assertion.issuerName, surface: assertion.surface },
    sourceIp: source.ip,
    userAgent: source.userAgent,
  });
}
