import { Client } from 'pg';
import { columnsRead } from '../../../src/domain/api-keys/key-facts';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

let database: TestDatabase;
let client: Client;
beforeAll(async () => {
  database = await createTestDatabase();
  client = new Client({ connectionString: database.superUrl });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();

/** Columns by table whose change is written into the log. */
async function watched(): Promise<Record<string, string[]>> {
  const { rows } = await client.query<{ table: string; columns: string[] }>(
    `select c.relname as table,
       (select array_agg(a.attname::text) from pg_attribute as a
        where a.attrelid = c.oid and a.attnum = any(t.tgattr::int2[])) as columns
     from pg_trigger as t join pg_class as c on c.oid = t.tgrelid
     where t.tgname = 'verification_changes'`,
  );
  return Object.fromEntries(rows.map(({ table, columns }) => [table, sorted(columns)]));
}

/** Columns that the functions of a verification name after one of their aliases. */
async function readBy(name: string, aliases: Readonly<Record<string, string>>): Promise<string[]> {
  const { rows } = await client.query<{ body: string }>(
    'select prosrc as body from pg_proc where proname = $1',
    [name],
  );
  const body = rows[0]?.body ?? '';
  return Object.entries(aliases).flatMap(([alias, table]) =>
    [...body.matchAll(new RegExp(`\\b${alias}\\.([a-z_]+)`, 'g'))].map(
      ([, column]) => `${table}.${String(column)}`,
    ),
  );
}

test('a change of every column that a verification reads is written into the log, and of no other', async () => {
  const triggers = await watched();
  for (const [table, columns] of Object.entries(columnsRead))
    expect([table, triggers[table]]).toEqual([table, sorted(columns)]);
  expect(Object.keys(triggers).sort()).toEqual(sorted(Object.keys(columnsRead)));
});

test('the query reads no column that is not listed', async () => {
  const listed = sorted(
    Object.entries(columnsRead).flatMap(([table, columns]) =>
      columns.map((column) => `${table}.${column}`),
    ),
  );
  const { rows } = await client.query<{ expression: string }>(
    `select pg_get_expr(d.adbin, d.adrelid) as expression from pg_attrdef as d
     join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
     where d.adrelid = 'api_keys'::regclass and a.attname = 'facts'`,
  );
  const inFacts = [...(rows[0]?.expression ?? '').matchAll(/[(,] ?([a-z_]+)(?=[,)])/g)].map(
    ([, column]) => `api_keys.${String(column)}`,
  );
  expect(inFacts.length).toBe(14);
  const read = [
    ...(await readBy('find_api_keys', { k: 'api_keys', t: 'tenants', p: 'products' })),
    ...(await readBy('find_api_keys', { e: 'entitlements' })),
    ...(await readBy('key_rotation_facts', { r: 'key_rotations' })),
    ...inFacts,
  ];
  // Made of listed columns; names that the query gives itself.
  const own = ['api_keys.facts', 'entitlements.live', 'entitlements.until'];
  expect(sorted(read.filter((name) => !own.includes(name)))).toEqual(listed);
});
