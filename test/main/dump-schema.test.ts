import { Client } from 'pg';
import { dumpSchema } from '../../src/main/dump-schema';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';

describe('the dump of the schema', () => {
  let one: TestDatabase;
  let other: TestDatabase;
  beforeAll(async () => {
    [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  });
  afterAll(() => Promise.all([one.drop(), other.drop()]));

  test('is the same for two databases with the same schema', async () => {
    const dump = await dumpSchema(one.ownerUrl);
    expect(dump).toContain('create table invites (');
    expect(await dumpSchema(other.ownerUrl)).toBe(dump);
  });

  test.each([
    [
      'a column',
      'alter table invites add surplus int not null default 3',
      'surplus integer default 3 not null',
    ],
    [
      'a constraint',
      'alter table invites add constraint surplus_check check (surplus > 0)',
      'constraint surplus_check CHECK',
    ],
    [
      'an index',
      'create index surplus_index on invites (surplus) where surplus > 1',
      'CREATE INDEX surplus_index',
    ],
    [
      'a policy',
      'create policy surplus_policy on invites for select to usher_app using (false)',
      'create policy surplus_policy on invites',
    ],
    [
      'a grant',
      'grant select on invites to usher_sequencer',
      'grant select on table invites to usher_sequencer',
    ],
    [
      'a view',
      'create view surplus_view with (security_invoker = true) as select id from invites',
      'create view surplus_view with (security_invoker=true)',
    ],
    [
      'a function',
      `create function surplus() returns int language sql as 'select 1'`,
      'FUNCTION public.surplus()',
    ],
    [
      'a partition',
      'create table surplus_parts (at date) partition by range (at)',
      'partition by RANGE (at)',
    ],
    [
      'row-level security',
      'create table surplus_rows (n int); alter table surplus_rows enable row level security',
      'alter table surplus_rows enable row level security;',
    ],
  ])('shows %s', async (_what, sql, line) => {
    const before = await dumpSchema(one.ownerUrl);
    const client = new Client({ connectionString: one.ownerUrl });
    await client.connect();
    await client.query(sql).finally(() => client.end());
    expect(before).not.toContain(line);
    expect(await dumpSchema(one.ownerUrl)).toContain(line);
  });
});
