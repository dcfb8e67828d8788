import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, withSystem } from '../../src/platform/db';
import type { Database, Tx } from '../../src/platform/db';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';

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

const write = (tx: Tx, key: string) =>
  tx.run(
    `insert into system_state (key, value) values ($1, '0')
     on conflict (key) do update set value = to_jsonb((system_state.value)::text::int + 1)`,
    [key],
  );
const values = () =>
  withSystem(db, 'cli', (tx) =>
    tx.rows(`select key, value from system_state where key in ('left', 'right') order by key`),
  );

describe('a transaction', () => {
  test('that is the victim of a deadlock is begun anew: both sides come through, each once', async () => {
    await withSystem(db, 'cli', async (tx) => {
      await write(tx, 'left');
      await write(tx, 'right');
    });
    const committed: string[] = [];
    let begins = 0;
    const inOrder = (first: string, second: string) =>
      withSystem(db, 'cli', async (tx) => {
        begins += 1;
        tx.afterCommit(() => committed.push(first));
        await write(tx, first);
        await sleep(100);
        await write(tx, second);
      });
    await Promise.all([inOrder('left', 'right'), inOrder('right', 'left')]);
    // Two and the victim's second; on a crowded machine there may be another victim.
    expect(begins).toBeGreaterThanOrEqual(3);
    expect(await values()).toEqual([
      { key: 'left', value: 2 },
      { key: 'right', value: 2 },
    ]);
    expect(committed.sort()).toEqual(['left', 'right']);
  });

  test('that fails in any other way is undone and not begun anew', async () => {
    let begins = 0;
    const failing = withSystem(db, 'cli', async (tx) => {
      begins += 1;
      await write(tx, 'left');
      await tx.run('select 1 / 0');
    });
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    expect([begins, await values()]).toEqual([
      1,
      [
        { key: 'left', value: 2 },
        { key: 'right', value: 2 },
      ],
    ]);
  });

  test('that fails before it has begun tells why and writes nothing', async () => {
    const early = Promise.reject(new Error('at once'));
    await expect(withSystem(db, 'cli', () => early)).rejects.toThrow('at once');
    const together = withSystem(db, 'cli', (tx) => Promise.all([write(tx, 'early'), early]));
    await expect(together).rejects.toThrow('at once');
    expect(
      await withSystem(db, 'cli', (tx) =>
        tx.rows(`select 1 from system_state where key = 'early'`),
      ),
    ).toEqual([]);
  });

  test('writes nothing of a neighbour that asked for more in the moment in which it failed', async () => {
    const seen = async (): Promise<unknown> =>
      withSystem(db, 'cli', (tx) =>
        tx.rows(`select key from system_state where key like 'neighbour%'`),
      );
    for (const late of [0, 1, 2, 3]) {
      const both = withSystem(db, 'cli', (tx) =>
        Promise.all([
          (async () => {
            await tx.one('select 1 as n');
            await write(tx, `neighbour-${String(late)}`);
          })(),
          (async () => {
            await tx.one('select 2 as n');
            for (let turn = 0; turn < late; turn += 1) await Promise.resolve();
            throw new Error('the other one failed');
          })(),
        ]),
      );
      await expect(both).rejects.toThrow('the other one failed');
    }
    expect(await seen()).toEqual([]);
  });

  test('writes nothing that still waited for its turn when it failed', async () => {
    const both = withSystem(db, 'cli', (tx) =>
      Promise.all([
        tx.run('select pg_sleep(0.1)'),
        sleep(20).then(() => write(tx, 'waiting')),
        sleep(40).then(() => Promise.reject(new Error('the other one failed'))),
      ]),
    );
    await expect(both).rejects.toThrow('the other one failed');
    await sleep(50);
    expect(
      await withSystem(db, 'cli', (tx) =>
        tx.rows(`select key from system_state where key = 'waiting'`),
      ),
    ).toEqual([]);
  });
});
