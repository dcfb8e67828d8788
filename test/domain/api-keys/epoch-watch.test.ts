import { Client } from 'pg';
import { watchEpoch } from '../../../src/domain/api-keys/epoch-watch';
import type { EpochWatch } from '../../../src/domain/api-keys/epoch-watch';
import type { Change } from '../../../src/domain/api-keys/lease-cache';
import { setMaxLease } from '../../../src/platform/barriers';
import { createKeyHasher } from '../../../src/platform/crypto/keys';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { waitFor } from '../../support/wait-for';
import { insertTenant } from '../onboarding/rows';
import { insertEntitlement, insertKey, insertProduct } from './rows';

const hasher = createKeyHasher([{ id: 'p1', key: Buffer.alloc(32, 1) }], 'usher/api-key/v1');
const leaseMs = 300;

let database: TestDatabase;
let db: Database;
let watch: EpochWatch;
let superuser: Client;
/** What the cache was told, in order. */
let told: Change[] = [];
let leaseUntil = -Infinity;
let states: string[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  db = createDatabase({ url: database.appUrl, applicationName: 'test' });
  superuser = new Client({ connectionString: database.superUrl });
  await superuser.connect();
  await setMaxLease(db, 'user:test', leaseMs);
  watch = watchEpoch({
    url: database.appUrl,
    leaseMs,
    cache: {
      remove: (change) => told.push(change),
      renew: (until) => {
        leaseUntil = until;
      },
    },
    onChange: (state) => states.push(state),
  });
  await watch.opened();
});
afterAll(async () => {
  await watch.close();
  await superuser.end();
  await db.close();
  await database.drop();
});

const inSystem = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'cli', fn);
const epoch = async (): Promise<number> =>
  (await inSystem((tx) => tx.one<{ n: number }>('select n::int as n from verification_epoch'))).n;
const untilTold = (change: Change) =>
  waitFor(
    `the change of ${JSON.stringify(change)}`,
    () => Promise.resolve(told),
    (all) => all.some((one) => JSON.stringify(one) === JSON.stringify(change)),
  );
const holds = (): boolean => performance.now() < leaseUntil;

describe('a change is told once it is committed', () => {
  let tenantId: string;
  let keyId: string;
  beforeAll(async () => {
    tenantId = await inSystem((tx) => insertTenant(tx, { status: 'active' }));
    keyId = (await inSystem((tx) => insertKey(tx, hasher, { tenantId }))).id;
  });
  beforeEach(() => {
    told = [];
  });

  const changes: readonly [name: string, about: 'key' | 'tenant' | 'any', (tx: Tx) => unknown][] = [
    [
      'revoked key',
      'key',
      (tx) => tx.run('update api_keys set revoked_at = now() where id = $1', [keyId]),
    ],
    [
      'suspended tenant',
      'tenant',
      (tx) => tx.run(`update tenants set status = 'suspended' where id = $1`, [tenantId]),
    ],
    ['new entitlement', 'tenant', (tx) => insertEntitlement(tx, { tenantId, product: 'search' })],
    [
      'entitlement that is gone',
      'tenant',
      (tx) => tx.run('delete from entitlements where tenant_id = $1', [tenantId]),
    ],
    ['new product', 'any', (tx) => insertProduct(tx, 'orders')],
  ];
  test.each(changes)('%s', async (_, about, change) => {
    const before = await epoch();
    await inSystem(async (tx) => {
      await change(tx);
    });
    await untilTold(about === 'any' ? 'any' : about === 'key' ? { keyId } : { tenantId });
    expect(await epoch()).toBe(before + 1);
    expect(holds()).toBe(true);
  });

  test('one epoch for a transaction, however much it changes, and all are told above a hundred', async () => {
    const ids = await inSystem(async (tx) => {
      const keys: string[] = [];
      for (let n = 0; n < 150; n += 1) keys.push((await insertKey(tx, hasher, { tenantId })).id);
      return keys;
    });
    const before = await epoch();
    await inSystem((tx) =>
      tx.run('update api_keys set blocked_at = now() where id = any($1)', [ids]),
    );
    await untilTold('any');
    expect(await epoch()).toBe(before + 1);
  });

  test('not when it is undone, and not of what no verification reads', async () => {
    const before = await epoch();
    await inSystem(async (tx) => {
      await tx.run('update api_keys set revoked_at = null where id = $1', [keyId]);
      throw new Error('undone');
    }).catch(() => undefined);
    await inSystem((tx) => tx.run(`update api_keys set name = 'x' where id = $1`, [keyId]));
    await inSystem((tx) => tx.run(`update tenants set name = 'x' where id = $1`, [tenantId]));
    expect(await epoch()).toBe(before);
  });
});

test('a change whose notification nobody heard is found by the look at the epoch: all is removed', async () => {
  told = [];
  // As if it had been missed: the epoch moves and nothing is said.
  await superuser.query('update verification_epoch set n = n + 1');
  await untilTold('any');
  expect(holds()).toBe(true);
});

test('notifications that skip an epoch remove everything', async () => {
  told = [];
  await superuser.query(`select pg_notify('usher_verification', $1)`, [
    `${String((await epoch()) + 5)} kx`,
  ]);
  await untilTold('any');
});

test('a lease longer than barriers wait is never held, and one that they wait for is, from an empty cache', async () => {
  await setMaxLease(db, 'user:test', leaseMs - 1);
  await waitFor(
    'the end of the lease',
    () => Promise.resolve(holds()),
    (held) => !held,
  );
  expect(states.at(-1)).toBe('longer than barriers wait');
  told = [];
  await setMaxLease(db, 'user:test', leaseMs);
  await waitFor(
    'the lease',
    () => Promise.resolve(holds()),
    (held) => held,
  );
  expect(told).toContain('any');
});

test('while all verifiers run strict no change moves the epoch', async () => {
  await setMaxLease(db, 'user:test', 0);
  const before = await epoch();
  await inSystem((tx) => insertProduct(tx, 'strict'));
  expect(await epoch()).toBe(before);
  // Raising it does, for whoever looked away meanwhile.
  await setMaxLease(db, 'user:test', leaseMs);
  expect(await epoch()).toBe(before + 1);
  await waitFor(
    'the lease',
    () => Promise.resolve(holds()),
    (held) => held,
  );
});

test('a connection that is lost takes the lease along within its time, and the next one begins empty', async () => {
  await waitFor(
    'the lease',
    () => Promise.resolve(holds()),
    (held) => held,
  );
  told = [];
  states = [];
  await superuser.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'usher-lease' and datname = $1`,
    [database.name],
  );
  await waitFor(
    'the next connection',
    () => Promise.resolve(states),
    (all) => all.includes('held'),
  );
  expect(states).toEqual(['lost', 'held']);
  expect(told).toContain('any');
});

test('the clock of the database is known to within the time of a query', async () => {
  const at = watch.databaseTime(performance.now());
  const { now } = await inSystem((tx) =>
    tx.one<{ now: number }>(`select date_part('epoch', clock_timestamp()) * 1000 as now`),
  );
  // Wide: both ran on a machine that may be busy; hours and time zones would show.
  expect(Math.abs(now - at)).toBeLessThan(5_000);
});
