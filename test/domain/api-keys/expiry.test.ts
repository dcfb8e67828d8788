import { tellExpired } from '../../../src/domain/api-keys/request-rotation';
import { createKeyHasher } from '../../../src/platform/crypto/keys';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database } from '../../../src/platform/db';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { insertTenant } from '../onboarding/rows';
import { insertKey } from './rows';

const hasher = createKeyHasher([{ id: 'p1', key: Buffer.alloc(32, 1) }], 'usher/api-key/v1');

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

test('the expiry of a key is told and audited once, and not of one that had ended before', async () => {
  const [expired] = await withSystem(db, 'cli', async (tx) => {
    const tenantId = await insertTenant(tx, { status: 'active' });
    return [
      await insertKey(tx, hasher, { tenantId, expiresIn: -1 }),
      await insertKey(tx, hasher, { tenantId, expiresIn: -1, endsIn: -60 }),
      await insertKey(tx, hasher, { tenantId, expiresIn: 60 }),
    ] as const;
  });
  expect(await tellExpired({ db })).toBe(2);
  expect(await tellExpired({ db })).toBe(0);
  const told = await withSystem(db, 'cli', (tx) =>
    tx.rows(
      `select data->>'key_id' as id, data->>'reason' as reason from events where type = 'apikey.expired.v1'`,
    ),
  );
  expect(told).toEqual([{ id: expired.id, reason: 'expired' }]);
  const audited = await withSystem(db, 'cli', (tx) =>
    tx.rows(`select targets->0->>'id' as id from audit_trail where action = 'apikey.expired'`),
  );
  expect(audited).toEqual([{ id: expired.id }]);
});
