import { Client } from 'pg';
import type { Change } from '../../../src/domain/api-keys/known-keys';
import { holdLease } from '../../../src/domain/api-keys/lease';
import type { Lease } from '../../../src/domain/api-keys/lease';
import { setMaxLease } from '../../../src/platform/barriers';
import { createKeyHasher } from '../../../src/platform/crypto/keys';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { waitFor } from '../../support/wait-for';
import { insertTenant } from '../onboarding/rows';
import { insertKey, insertProduct } from './rows';

const hasher = createKeyHasher([{ id: 'p1', key: Buffer.alloc(32, 1) }], 'usher/api-key/v1');
const leaseMs = 300;

let database: TestDatabase;
let db: Database;
let lease: Lease;
let superuser: Client;
/** What was to be removed, in order. */
let told: Change[] = [];
let states: string[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  db = createDatabase({ url: database.appUrl, applicationName: 'test' });
  superuser = new Client({ connectionString: database.superUrl });
  await superuser.connect();
  await setMaxLease(db, 'user:test', leaseMs);
  lease = holdLease({
    url: database.appUrl,
    leaseMs,
    keys: { remove: (change) => told.push(change) },
    onChange: (state) => states.push(state),
  });
  await lease.opened();
});
afterAll(async () => {
  await lease.close();
  await superuser.end();
  await db.close();
  await database.drop();
});

const inSystem = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'cli', fn);
const untilTold = (change: Change) =>
  waitFor(
    `the change of ${JSON.stringify(change)}`,
    () => Promise.resolve(told),
    (all) => all.some((one) => JSON.stringify(one) === JSON.stringify(change)),
  );
const holds = (): boolean => lease.holds(performance.now());
const untilHolds = (wanted: boolean) =>
  waitFor(
    wanted ? 'the lease' : 'the end of the lease',
    () => Promise.resolve(holds()),
    (held) => held === wanted,
  );
const revokedAgain = 'update api_keys set revoked_at = now() where id = $1';

describe('a change', () => {
  let keyId: string;
  beforeAll(async () => {
    const tenantId = await inSystem((tx) => insertTenant(tx, { status: 'active' }));
    keyId = (await inSystem((tx) => insertKey(tx, hasher, { tenantId }))).id;
  });
  beforeEach(() => {
    told = [];
  });

  test('is told once it is committed', async () => {
    await inSystem((tx) => tx.run(revokedAgain, [keyId]));
    await untilTold({ keyId });
    expect(holds()).toBe(true);
  });

  test('of which no notification came is found by the next look', async () => {
    // As the trigger does it while nobody holds a lease: it says nothing.
    await superuser.query('begin');
    await superuser.query(`insert into verification_changes (about) values ($1)`, [`k${keyId}`]);
    await superuser.query('commit');
    await untilTold({ keyId });
    expect(holds()).toBe(true);
  });

  test('that is told before any look is removed at once', async () => {
    await superuser.query(`select pg_notify('usher_verification', $1)`, [`k${keyId}`]);
    await untilTold({ keyId });
  });
});

test('a lease longer than barriers wait is never held, and one that they wait for is', async () => {
  await setMaxLease(db, 'user:test', leaseMs - 1);
  await untilHolds(false);
  expect(states.at(-1)).toBe('longer than barriers wait');
  await setMaxLease(db, 'user:test', leaseMs);
  await untilHolds(true);
});

test('while nobody may hold one no change is notified, and whoever holds one later has missed none', async () => {
  await setMaxLease(db, 'user:test', 0);
  const heard: string[] = [];
  superuser.on('notification', ({ payload }) => heard.push(payload ?? ''));
  await superuser.query('listen usher_verification');
  told = [];
  await inSystem((tx) => insertProduct(tx, 'strict'));
  await untilTold('any');
  await superuser.query('unlisten usher_verification');
  expect(heard).toEqual([]);
  await setMaxLease(db, 'user:test', leaseMs);
  await untilHolds(true);
});

test('a connection that is lost takes the lease along within its time, and the next one begins empty', async () => {
  await untilHolds(true);
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
  const at = lease.databaseTime(performance.now());
  const { now } = await inSystem((tx) =>
    tx.one<{ now: number }>(`select date_part('epoch', clock_timestamp()) * 1000 as now`),
  );
  // Wide: both ran on a machine that may be busy; hours and time zones would show.
  expect(Math.abs(now - at)).toBeLessThan(5_000);
});
