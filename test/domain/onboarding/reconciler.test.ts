import { wakeUndriven } from '../../../src/domain/onboarding/reconciler';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { createOutbox } from '../../../src/platform/outbox';
import type { Outbox } from '../../../src/platform/outbox';
import { notWokenLately } from '../../../src/platform/woken-lately';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { insertJob } from './rows';

let home: TestDatabase;
let db: Database;
let outbox: Outbox;
let names: string[];
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'cli', fn);

// An onboarding and a token rotation that nobody drives.
beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'reconciler-test', max: 2 });
  outbox = createOutbox({
    db,
    deliver: () => Promise.resolve({ ok: true }),
    fastPath: false,
    onError: () => undefined,
  });
  const rotation = newId();
  const { inviteId } = await act(async (tx) => {
    const job = await insertJob(tx, { createdAgo: 26 * 60 });
    await tx.run(
      `insert into token_rotations (id, tenant_id, onboarding_id, reason, requested_by, fingerprint, created_at)
       values ($1, $2, $3, 'the test wants it', 'user:test', '', now() - interval '16 minutes')`,
      [rotation, job.tenantId, job.id],
    );
    return job;
  });
  names = [`onboarding/${inviteId}`, `token-rotation/${rotation}`];
});
beforeEach(() => act((tx) => tx.run('delete from outbox')));
afterAll(async () => {
  await db.close();
  await home.drop();
});

const round = async (): Promise<string[]> => {
  const before = await act((tx) => tx.rows<{ id: string }>('select id from outbox'));
  await wakeUndriven({ db, outbox }, 25);
  const rows = await act((tx) =>
    tx.rows<{ aggregate: string }>('select aggregate from outbox where not id = any($1::uuid[])', [
      before.map(({ id }) => id),
    ]),
  );
  return rows.map(({ aggregate }) => aggregate).sort();
};
const turn = (what: string): Promise<number> => act((tx) => tx.run(`update outbox set ${what}`));

test('what is being woken is not woken again', async () => {
  expect(await round()).toEqual(names);
  expect(await round()).toEqual([]);
});

test.each(['delivered_at', 'dead_at'])(
  'what was woken a moment ago and has not looked yet is left alone for five minutes after %s',
  async (column) => {
    expect(await round()).toEqual(names);
    await turn(`${column} = now() - interval '4 minutes 50 seconds'`);
    expect(await round()).toEqual([]);
    await turn(`${column} = now() - interval '5 minutes 1 second'`);
    expect(await round()).toEqual(names);
  },
);

test('a look at the wake-ups of a workflow reads its own, however many were delivered', async () => {
  const plan = await act(async (tx) => {
    await tx.run(
      `insert into outbox (id, aggregate, n, workflow_type, workflow_id, input, delivered_at)
       select gen_random_uuid(), 'other/' || n, 1, 'other', 'other/' || n, '{}', now()
       from generate_series(1, 20000) as n`,
    );
    return tx.rows<Record<string, string>>(
      `explain select id from onboardings as o where ${notWokenLately(`'onboarding/' || o.invite_id`)} limit 200`,
    );
  });
  expect(JSON.stringify(plan)).toContain('outbox_aggregate_n_key');
});
