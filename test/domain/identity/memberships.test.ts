import { createAccount, deactivateAccount } from '../../../src/domain/identity/accounts';
import {
  addPlatformRoles,
  grantTenantRole,
  membershipsOf,
  stillHolds,
  withdrawMembershipsOf,
} from '../../../src/domain/identity/memberships';
import { makeOwner } from '../../../src/domain/identity/platform-roles';
import { createDatabase, withSystem, withTenant } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDatabase({ url: database.appUrl, applicationName: 'test' });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const system = <T>(fn: (tx: Tx) => Promise<T>) => withSystem(db, 'identity', fn);
const nowhere = { ip: null, userAgent: null };

async function tenant(partnerId: string | null = null): Promise<string> {
  const id = newId();
  await system((tx) =>
    tx.run(
      `insert into tenants (id, slug, name, status, bucket, partner_id) values ($1, $2, 'Acme', 'active', 1, $3)`,
      [id, `t-${id}`, partnerId],
    ),
  );
  return id;
}
const account = () => system((tx) => createAccount(tx, { email: `${newId()}@people.example` }));
const rolesIn = async (userId: string) =>
  (await system((tx) => membershipsOf(tx, userId))).map(({ scope, role }) => `${scope} ${role}`);

describe('a role in a tenant', () => {
  test('is given once, and the higher one wins', async () => {
    const [userId, tenantId] = [await account(), await tenant()];
    for (const role of ['client', 'client', 'admin', 'client']) {
      await withTenant(db, tenantId, (tx) =>
        grantTenantRole(tx, { userId, tenantId, role, onboardingId: newId() }),
      );
    }
    expect(await rolesIn(userId)).toEqual(['tenant admin']);
  });

  test('that an onboarding gave is withdrawn with it, others stay', async () => {
    const [userId, first, second] = [await account(), await tenant(), await tenant()];
    const [mine, other] = [newId(), newId()];
    await system((tx) =>
      grantTenantRole(tx, { userId, tenantId: first, role: 'client', onboardingId: mine }),
    );
    await system((tx) =>
      grantTenantRole(tx, { userId, tenantId: second, role: 'client', onboardingId: other }),
    );
    expect(await system((tx) => withdrawMembershipsOf(tx, mine))).toBe(1);
    expect(
      (await system((tx) => membershipsOf(tx, userId))).map(({ tenantId }) => tenantId),
    ).toEqual([second]);
  });

  test('is seen from any transaction by its own look-up, and by queries only within its tenant', async () => {
    const [userId, tenantId, elsewhere] = [await account(), await tenant(), await tenant()];
    await system((tx) =>
      grantTenantRole(tx, { userId, tenantId, role: 'client', onboardingId: newId() }),
    );
    await withTenant(db, elsewhere, async (tx) => {
      expect(await membershipsOf(tx, userId)).toHaveLength(1);
      expect(await tx.rows('select id from memberships where user_id = $1', [userId])).toEqual([]);
    });
  });

  test('of a partner is a membership of the tenant’s partner', async () => {
    const [userId, partnerId] = [await account(), newId()];
    await system((tx) =>
      tx.run(`insert into partners (id, slug, name) values ($1, 'reseller', 'Reseller')`, [
        partnerId,
      ]),
    );
    const grant = { userId, role: 'partner', onboardingId: newId() };
    const tenantId = await tenant(partnerId);
    await system((tx) => grantTenantRole(tx, { ...grant, tenantId }));
    await system((tx) => grantTenantRole(tx, { ...grant, tenantId }));
    expect(await rolesIn(userId)).toEqual(['partner partner']);
    const orphan = await tenant();
    await expect(
      system((tx) => grantTenantRole(tx, { ...grant, tenantId: orphan })),
    ).rejects.toMatchObject({ code: 'partner-not-found' });
  });
});

describe('whether an actor still holds a permission', () => {
  test('is judged on the roles of this moment, from any transaction', async () => {
    const [userId, tenantId] = [await account(), await tenant()];
    const holds = () =>
      withTenant(db, tenantId, (tx) => stillHolds(tx, `user:${userId}`, 'invites:create'));
    expect(await holds()).toBe(false);
    await system((tx) => addPlatformRoles(tx, userId, ['operator'], 'local'));
    expect(await holds()).toBe(true);
    await system((tx) => deactivateAccount(tx, userId, 'user:test', nowhere));
    expect(await holds()).toBe(false);
  });

  test('is judged on the service account, and ends with its revocation', async () => {
    const id = newId();
    await system((tx) =>
      tx.run(
        `insert into service_accounts (id, name, prefix, key_digest, pepper_id, permissions, created_by)
         values ($1, 'robot', 'ush_live_', $2, 'p1', '{invites:create}', 'user:x')`,
        [id, Buffer.from(id)],
      ),
    );
    const holds = (permission: string) =>
      system((tx) => stillHolds(tx, `service:${id}`, permission));
    expect(await holds('invites:create')).toBe(true);
    expect(await holds('invites:read')).toBe(false);
    await system((tx) =>
      tx.run('update service_accounts set revoked_at = now() where id = $1', [id]),
    );
    expect(await holds('invites:create')).toBe(false);
  });

  test('is no for nobody and yes for the machinery', async () => {
    const holds = (actor: string) => system((tx) => stillHolds(tx, actor, 'invites:create'));
    expect(await holds('anonymous')).toBe(false);
    expect(await holds(`user:${newId()}`)).toBe(false);
    expect(await holds('system:cli')).toBe(true);
  });
});

describe('an account', () => {
  test('exists once per address, in any case and form', async () => {
    await system((tx) => createAccount(tx, { email: 'Zoë@People.example'.normalize('NFD') }));
    await expect(
      system((tx) => createAccount(tx, { email: 'zoë@people.EXAMPLE'.normalize('NFC') })),
    ).rejects.toMatchObject({ code: 'user-exists' });
  });

  test('of the last owner cannot be deactivated, of another one it can', async () => {
    const off = (userId: string) =>
      system((tx) => deactivateAccount(tx, userId, 'user:test', nowhere));
    const owner = async () => {
      const userId = await account();
      await system((tx) => makeOwner(tx, userId));
      return userId;
    };
    const first = await owner();
    await expect(off(first)).rejects.toMatchObject({ code: 'last-owner' });
    const second = await owner();
    const both = await Promise.allSettled([off(first), off(second)]);
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
