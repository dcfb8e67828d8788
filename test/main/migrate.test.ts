import { Client } from 'pg';
import { migrateUp, migrationStatus } from '../../src/main/migrate';
import { migrationNames } from '../../src/main/migration-files';
import { createEmptyDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';

let database: TestDatabase;
beforeEach(async () => {
  database = await createEmptyDatabase();
}, 120_000);
afterEach(() => database.drop());

async function asOwner(sql: string): Promise<void> {
  const client = new Client({ connectionString: database.ownerUrl });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

describe('migrate', () => {
  test('of several at once lets one work; the others wait and find the schema current', async () => {
    const ran = await Promise.all([1, 2, 3].map(() => migrateUp(database.ownerUrl)));
    expect(ran.map(({ length }) => length).sort((a, b) => a - b)).toEqual([
      0,
      0,
      migrationNames().length,
    ]);
  });

  test('goes on where one was killed, whose lock nobody released', async () => {
    await migrateUp(database.ownerUrl);
    const [last] = migrationNames().slice(-1);
    await asOwner(`update migrations_lock set is_locked = 1`);
    expect(await migrateUp(database.ownerUrl)).toEqual([]);
    expect((await migrationStatus(database.ownerUrl)).done).toContain(last);
  });

  test('tells why it could not begin', async () => {
    const nowhere = new URL(database.ownerUrl);
    nowhere.port = '1';
    await expect(migrateUp(nowhere.href)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
