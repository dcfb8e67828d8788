import { randomBytes } from 'node:crypto';
import type { PlatformRole, TenantRole } from '../../src/contracts/identity';
import { createAccount, markStaff } from '../../src/domain/identity/accounts';
import { addPlatformRoles, grantTenantRole } from '../../src/domain/identity/memberships';
import { withSystem } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import type { IdentityApp } from './identity-app';

/** A password that any account of a test may have. */
export const password = 'velvet anchor meadow glacier';

// One hash for all: argon2id takes its time, and no test cares for the salt.
const hashes = new WeakMap<IdentityApp, Promise<string>>();

/** A person with an account. */
export interface TestPerson {
  readonly id: string;
  readonly email: string;
}

/** What a person is, beyond having an account and the password above. */
export interface PersonWish {
  readonly email?: string;
  readonly roles?: readonly PlatformRole[];
  readonly tenants?: readonly { readonly id: string; readonly role: TenantRole }[];
  readonly password?: null;
}

/** Creates an account with roles. */
export async function createPerson(app: IdentityApp, wish: PersonWish = {}): Promise<TestPerson> {
  const hash = hashes.get(app) ?? app.passwords.hash(password);
  hashes.set(app, hash);
  const passwordHash = wish.password === null ? null : await hash;
  const email = wish.email ?? `p${randomBytes(4).toString('hex')}@people.example`;
  const id = await withSystem(app.db, 'identity', async (tx) => {
    await tx.run(`set local application_name = 'test'`);
    const userId = await createAccount(tx, { email, name: 'Mila Kern', passwordHash });
    await addPlatformRoles(tx, userId, wish.roles ?? [], 'local');
    if (wish.roles?.length) await markStaff(tx, userId);
    for (const { id: tenantId, role } of wish.tenants ?? []) {
      await grantTenantRole(tx, { userId, tenantId, role, onboardingId: newId() });
    }
    return userId;
  });
  return { id, email };
}

/** Creates an active tenant. */
export async function createTenant(
  app: IdentityApp,
  over: { readonly slug?: string; readonly name?: string; readonly partnerId?: string } = {},
): Promise<{ id: string; slug: string }> {
  const [id, slug] = [newId(), over.slug ?? `t-${randomBytes(4).toString('hex')}`];
  await withSystem(app.db, 'identity', (tx) =>
    tx.run(
      `insert into tenants (id, slug, name, status, bucket, partner_id) values ($1, $2, $3, 'active', 1, $4)`,
      [id, slug, over.name ?? 'Nordlicht GmbH', over.partnerId ?? null],
    ),
  );
  return { id, slug };
}

/** Signs a person in with their password; returns the session token. */
export async function signIn(app: IdentityApp, person: TestPerson): Promise<string> {
  const answer = await app.ask('POST', '/auth/login', { body: { email: person.email, password } });
  if (!answer.session) throw new Error(`The sign-in answered ${String(answer.status)}`);
  return answer.session;
}

/** Lets time go by for a session, as its row sees it. */
export async function age(app: IdentityApp, interval: string): Promise<void> {
  await app.db.pool.query(
    `update sessions set created_at = created_at - $1::interval, last_seen_at = last_seen_at - $1::interval,
       expires_at = expires_at - $1::interval, authenticated_at = authenticated_at - $1::interval`,
    [interval],
  );
}

/** Audit entries so far, as `action outcome actor`, oldest first. */
export async function auditTrail(app: IdentityApp, action?: string): Promise<string[]> {
  const rows = await withSystem(app.db, 'identity', (tx) =>
    tx.rows<{ line: string }>(
      `select action || ' ' || outcome || ' ' || actor_id as line from audit_trail
       where $1::text is null or action = $1 order by seq`,
      [action ?? null],
    ),
  );
  return rows.map(({ line }) => line);
}
