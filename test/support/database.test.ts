import { Client } from 'pg';
import { createEmptyDatabase, createTestDatabase } from './database';
import type { TestDatabase } from './database';

async function ask<R extends object>(url: string, sql: string): Promise<R[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('a test database', () => {
  let first: TestDatabase;
  let second: TestDatabase;
  let empty: TestDatabase;
  beforeAll(async () => {
    [first, second, empty] = await Promise.all([
      createTestDatabase(),
      createTestDatabase(),
      createEmptyDatabase(),
    ]);
  });
  afterAll(() => Promise.all([first.drop(), second.drop(), empty.drop()]));

  test('has the tables and the roles of production, and is nobody else’s', async () => {
    await ask(first.ownerUrl, 'create table mark (n int); grant select on mark to usher_app');
    expect(
      await ask(first.appUrl, 'select current_user::text as who, count(*)::int as n from mark'),
    ).toEqual([{ who: 'usher_app', n: 0 }]);
    expect(await ask(first.appUrl, 'select count(*)::int as n from invites')).toEqual([{ n: 0 }]);
    await expect(ask(second.appUrl, 'select n from mark')).rejects.toThrow('does not exist');
    expect(await ask(first.sequencerUrl, 'select current_user::text as who')).toEqual([
      { who: 'usher_sequencer' },
    ]);
  });

  test('without tables has none', async () => {
    expect(
      await ask(
        empty.ownerUrl,
        `select count(*)::int as n from pg_tables where schemaname = 'public'`,
      ),
    ).toEqual([{ n: 0 }]);
  });
});
