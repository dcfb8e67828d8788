import { setTimeout as sleep } from 'node:timers/promises';
import { Pool, types } from 'pg';
import type { PoolClient } from 'pg';
import { statementsOf } from '../../src/platform/statements';
import type { Statements } from '../../src/platform/statements';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';

let database: TestDatabase;
let pool: Pool;
let client: PoolClient;
let statements: Statements;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = new Pool({ connectionString: database.ownerUrl });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  client = await pool.connect();
  client.on('error', () => undefined);
  statements = statementsOf(client);
  await statements.ask('create temporary table if not exists things (id int primary key)', []);
  await statements.ask('truncate things', []);
});
afterEach(() => {
  client.release(true);
});

const insert = (id: unknown) => statements.ask('insert into things values ($1)', [id]);
const ids = async () =>
  (await statements.ask('select id from things order by id', [])).rows.map(({ id }) => id);

describe('statements of one connection', () => {
  test('answer what pg itself answers, the first time and every time after', async () => {
    const text = `select $1::text as t, $2::int as i, $3::bytea as b, $4::timestamptz as at, $5::jsonb as j,
      $6::text[] as list, $7::bool as yes, null::int as nothing, 12345678901::int8 as big, 1.5::numeric as n,
      'infinity'::float8 as f`;
    const params = [
      'ä"\\',
      -7,
      Buffer.from([0, 255]),
      new Date(0),
      '{"a":[1,null]}',
      ['x', 'y,z'],
      true,
    ];
    const { rows } = await client.query(text, params);
    for (let time = 0; time < 3; time += 1)
      expect((await statements.ask(text, params)).rows).toEqual(rows);
  });

  test('tell how many rows they touched', async () => {
    const counts = await Promise.all([
      insert(1),
      insert(2),
      statements.ask('update things set id = id + 10', []),
      statements.ask('select id from things', []),
      statements.ask('delete from things where id = $1', [99]),
    ]);
    expect(counts.map(({ count }) => count)).toEqual([1, 1, 2, 2, 0]);
  });

  test('are sent in one message when they are asked for in one go, and in order', async () => {
    const written: number[] = [];
    const sync = jest.spyOn(
      (client as unknown as { connection: { sync(): void } }).connection,
      'sync',
    );
    const later = Promise.resolve().then(() => insert(3));
    await Promise.all([insert(1).then(() => written.push(1)), insert(2), later]);
    written.push(2);
    expect(sync).toHaveBeenCalledTimes(1);
    expect(written).toEqual([1, 2]);
    expect(await ids()).toEqual([1, 2, 3]);
  });

  test('behind one that fails do not run; its cause is heard first, and all of them work afterwards', async () => {
    const together = Promise.all([
      insert(1),
      insert(1),
      insert(2),
      statements.ask('select 41 + $1::int as n', [1]),
    ]);
    await expect(together).rejects.toMatchObject({ code: '23505', constraint: 'things_pkey' });
    // Outside of a transaction one message is one: the first is undone as well.
    expect(await ids()).toEqual([]);
    const each = await Promise.allSettled([
      statements.ask('select 1 / $1::int', [0]),
      statements.ask('select 42 as never_prepared', []),
    ]);
    expect(each).toMatchObject([
      { reason: { code: '22012' } },
      { reason: { code: '25P02', message: 'A statement before it failed' } },
    ]);
    expect((await statements.ask('select 42 as never_prepared', [])).rows).toEqual([
      { never_prepared: 42 },
    ]);
    expect((await statements.ask('select 1 / $1::int as n', [1])).rows).toEqual([{ n: 1 }]);
    expect((await statements.ask('select 41 + $1::int as n', [1])).rows).toEqual([{ n: 42 }]);
    await insert(1);
    expect(await ids()).toEqual([1]);
  });

  test('that cannot be parsed fail each time they are asked for, and nothing else does', async () => {
    for (let time = 0; time < 2; time += 1)
      await expect(statements.ask('selec 1', [])).rejects.toMatchObject({ code: '42601' });
    expect(await ids()).toEqual([]);
  });

  test('wait for those that are under way', async () => {
    const slow = statements.ask('select pg_sleep(0.05)', []);
    await sleep(5);
    const [, , found] = await Promise.all([slow, insert(1), ids()]);
    expect(found).toEqual([1]);
  });

  test('bring their rows as texts where that is asked for', async () => {
    const text = 'select $1::int as n, null as nothing, array[1, 2] as list';
    expect(await statements.askForTexts(text, [7])).toEqual([['7', null, '{1,2}']]);
    expect((await statements.ask(text, [7])).rows).toEqual([{ n: 7, nothing: null, list: [1, 2] }]);
    expect(await statements.askForTexts(text, [8])).toEqual([['8', null, '{1,2}']]);
  });

  test('whose value cannot be read fail alone', async () => {
    const type = types.builtins.INT4;
    const own = types.getTypeParser(type, 'text') as (text: string) => number;
    await insert(1);
    types.setTypeParser(type, () => {
      throw new Error('unreadable');
    });
    const [unreadable, next] = await Promise.allSettled([
      statements.ask('select id, 1::int8 as never_described from things', []),
      statements.ask('select 2::int8 as good', []),
    ]).finally(() => types.setTypeParser(type, own));
    expect(unreadable).toMatchObject({ reason: { message: 'unreadable' } });
    expect(next).toMatchObject({ status: 'fulfilled' });
    expect(await ids()).toEqual([1]);
  });

  test('fail, all of them, when the connection is lost', async () => {
    const { rows } = await statements.ask('select pg_backend_pid() as pid', []);
    const each = Promise.allSettled([
      statements.ask('select pg_sleep(5)', []),
      statements.ask('select 1', []),
    ]);
    await sleep(20);
    await pool.query('select pg_terminate_backend($1)', [rows[0]?.['pid']]);
    expect((await each).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(statements.ask('select 1', [])).rejects.toThrow();
  });
});
