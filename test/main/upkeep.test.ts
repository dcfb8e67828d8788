import type { Deps } from '../../src/main/deps';
import { reconcile } from '../../src/main/upkeep';
import { createKeyHasher } from '../../src/platform/crypto/keys';
import { createKeyRing } from '../../src/platform/crypto/sealing';
import { createDatabase, withSystem } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import { createLog } from '../../src/platform/log';
import { createOutbox } from '../../src/platform/outbox';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { insertKey } from '../domain/api-keys/rows';
import { insertJob, insertTenant } from '../domain/onboarding/rows';

let home: TestDatabase;
let db: Database;
let round: () => Promise<boolean | number>;

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'upkeep-test', max: 4 });
  const outbox = createOutbox({
    db,
    deliver: () => Promise.resolve({ ok: true }),
    fastPath: true,
    onError: () => undefined,
  });
  round = async () => {
    const more = await reconcile({
      db,
      outbox,
      ring: createKeyRing([{ id: 'k1', key: Buffer.alloc(32, 1) }]),
      log: createLog({ level: 'silent', process: 'test' }),
      config: {} as Deps['config'],
      env: { DRIVE_WITHIN_HOURS: 25 },
    });
    await outbox.settle();
    return more;
  };
});
afterAll(async () => {
  await db.close();
  await home.drop();
});

const woken = async (): Promise<{ all: number; apart: number }> =>
  withSystem(db, 'cli', (tx) =>
    tx.one('select count(*)::int as all, count(distinct aggregate)::int as apart from outbox'),
  );

test('a crowd that nobody drives is woken a batch a second, and nobody twice while no worker looks', async () => {
  await withSystem(db, 'cli', async (tx) => {
    for (let n = 0; n < 250; n += 1) await insertJob(tx, { createdAgo: 26 * 60 });
  });
  expect(await round()).toBe(1_000);
  expect(await woken()).toEqual({ all: 200, apart: 200 });
  expect(await round()).toBe(false);
  expect(await woken()).toEqual({ all: 250, apart: 250 });
  expect(await round()).toBe(false);
  expect(await woken()).toEqual({ all: 250, apart: 250 });
});

test('nobody of any kind is woken again within five minutes, whose run has not looked yet', async () => {
  await withSystem(db, 'cli', async (tx) => {
    const long = `now() - interval '26 hours'`;
    await tx.run('delete from outbox');
    await tx.run('update onboardings set driven_at = now()');
    await insertJob(tx, { createdAgo: 26 * 60 });
    const tenantId = await insertTenant(tx, { status: 'trial' });
    await tx.run(`update tenants set updated_at = ${long} where id = $1`, [tenantId]);
    await tx.run(
      `insert into products (product, name, description) values ('search', 'Search', '')`,
    );
    await tx.run(
      `insert into product_trials (id, tenant_id, product, requested_by, started_at)
       values (gen_random_uuid(), $1, 'search', 'user:test', ${long})`,
      [tenantId],
    );
    const hasher = createKeyHasher([{ id: 'p1', key: Buffer.alloc(32, 1) }], 'usher/api-key/v1');
    const { id } = await insertKey(tx, hasher, { tenantId });
    await tx.run(
      `insert into key_rotations (id, tenant_id, family_id, old_key_id, state, reason, requested_by, created_at)
       values (gen_random_uuid(), $1, $2, $2, 'requested', 'scheduled', 'system:test', ${long})`,
      [tenantId, id],
    );
  });
  const kinds = () =>
    withSystem(db, 'cli', (tx) =>
      tx.rows(
        `select split_part(aggregate, '/', 1) as kind, count(*)::int as woken from outbox group by 1 order by 1`,
      ),
    );
  const each = (woken: number) =>
    ['api-key-rotation', 'onboarding', 'product-trial', 'tenant-lifecycle'].map((kind) => ({
      kind,
      woken,
    }));
  await round();
  expect(await kinds()).toEqual(each(1));
  await round();
  expect(await kinds()).toEqual(each(1));
  await withSystem(db, 'cli', (tx) =>
    tx.run(`update outbox set delivered_at = delivered_at - interval '6 minutes'`),
  );
  await round();
  expect(await kinds()).toEqual(each(2));
});

test('what needs no workflow goes on at once', async () => {
  await withSystem(db, 'cli', async (tx) => {
    await tx.run(`update outbox set delivered_at = now() - interval '25 hours'`);
    for (const table of ['onboardings', 'product_trials', 'key_rotations', 'tenant_lifecycles'])
      await tx.run(`update ${table} set driven_at = now()`);
    await tx.run('update tenants set updated_at = now()');
    await tx.run(
      `insert into outbox (id, aggregate, n, workflow_type, workflow_id, input, delivered_at)
       select gen_random_uuid(), 'gone', n, 'gone', 'gone', '{}', now() - interval '2 days'
       from generate_series(1, 1000) as n`,
    );
  });
  expect(await round()).toBe(true);
  expect(await round()).toBe(false);
});
