import { Client } from 'pg';
import { createDatabase } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import { hasLaggingStandbys } from '../../src/platform/standbys';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { waitFor } from '../support/wait-for';

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

test('a server alone has none, and one whose commits wait for nobody has one as soon as it follows', async () => {
  expect(await hasLaggingStandbys(db)).toBe(false);
  const config = { connectionString: database.superUrl, replication: 'database' };
  const standby = new Client(config);
  await standby.connect();
  expect(await hasLaggingStandbys(db)).toBe(true);
  await standby.end();
  await waitFor(
    'its end',
    () => hasLaggingStandbys(db),
    (lagging) => !lagging,
  );
});
