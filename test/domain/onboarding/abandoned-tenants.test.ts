import { abandonedTenants, freeAbandonedTenant } from '../../../src/domain/onboarding/close-invite';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { insertJob, insertTenant } from './rows';
import type { GivenJob } from './rows';

let home: TestDatabase;
let db: Database;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'reconciler', fn);

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'abandoned-test', max: 2 });
});
afterAll(async () => {
  await db.close();
  await home.drop();
});

const days = (n: number): number => n * 24 * 60;
const over: GivenJob = { state: 'expired', inviteStatus: 'expired', expiresIn: -days(31) };
const others: Record<string, GivenJob> = {
  open: {},
  held: { held: true, expiresIn: -days(31) },
  accepted: { inviteStatus: 'accepted', state: 'active', activatedAgo: 1, expiresIn: -days(31) },
  'expired a moment ago': { ...over, expiresIn: -days(29) },
};

/** A pending tenant with an invite that is over for long, and these beside it. */
const pending = (tx: Tx, beside: readonly GivenJob[]): Promise<string> =>
  insertTenant(tx).then(async (tenantId) => {
    for (const given of [over, ...beside]) await insertJob(tx, { ...given, tenantId });
    return tenantId;
  });

test('any number of tenants that somebody may still join keeps no other from being freed', async () => {
  const free = await act(async (tx) => {
    for (const given of Object.values(others))
      for (let n = 0; n < 3; n += 1) await pending(tx, [given]);
    return pending(tx, [{ state: 'revoked', inviteStatus: 'revoked' }]);
  });
  expect(await act((tx) => abandonedTenants(tx, 1))).toEqual([free]);
  expect(await act((tx) => abandonedTenants(tx, 50))).toEqual([free]);
  expect(await act((tx) => freeAbandonedTenant(tx, free, 'system:reconciler'))).toBe(true);
  expect(await act((tx) => abandonedTenants(tx, 50))).toEqual([]);
});

test.each(Object.entries(others))(
  'a tenant with an invite that is %s is not among the abandoned, and is not freed',
  async (_name, given) => {
    const tenantId = await act((tx) => pending(tx, [given]));
    expect(await act((tx) => abandonedTenants(tx, 50))).not.toContain(tenantId);
    expect(await act((tx) => freeAbandonedTenant(tx, tenantId, 'system:reconciler'))).toBe(false);
  },
);
