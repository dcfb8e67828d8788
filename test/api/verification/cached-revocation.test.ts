import { startDeafProxy } from '../../../bench/deaf-proxy';
import type { DeafProxy } from '../../../bench/deaf-proxy';
import { createApiServer } from '../../../src/main/api';
import { migrateUp } from '../../../src/main/migrate';
import { openBarrier, setMaxLease } from '../../../src/platform/barriers';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database } from '../../../src/platform/db';
import { startPostgres } from '../../../src/servers/postgres';
import type { PostgresServer } from '../../../src/servers/postgres';
import { newStateFolder, removeStateFolder } from '../../servers/state-folder';
import { buildSources } from '../../support/start-servers';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { whileFrozen } from './backends';
import { codeOf, issue, serve } from './keys';
import type { ServedApi, TestKey } from './keys';
import { lateness, startProber } from './probe';
import type { Prober } from './probe';

const leaseMs = 500;

let stateDir: string;
let postgres: PostgresServer;
let proxy: DeafProxy;
let app: TestApp;
/** A second process. */
let second: ServedApi;
/** As an operator's process reaches Postgres: past the proxy. */
let db: Database;
beforeAll(async () => {
  await buildSources();
  stateDir = newStateFolder();
  postgres = await startPostgres({ stateDir, tuning: 'test' });
  await migrateUp(postgres.ownerUrl);
  proxy = await startDeafProxy(postgres.appUrl);
  db = createDatabase({ url: postgres.appUrl, applicationName: 'test', onError: () => undefined });
  await setMaxLease(db, 'user:test', leaseMs);
  app = await startTestApp({
    worker: false,
    databaseUrl: () => proxy.url,
    env: { KEYS_CACHE: 'lease', KEYS_LEASE_MS: String(leaseMs) },
  });
  second = await serve(createApiServer(app.deps));
}, 120_000);
afterAll(async () => {
  await second.stop();
  await app.stop();
  await db.close();
  await proxy.stop();
  await postgres.stop();
  removeStateFolder(stateDir);
});

const urls = (): string[] => [app.url, second.url];

/** Begins to ask both processes for a key and waits until both remember it. */
async function asking(key: TestKey): Promise<Prober> {
  const prober = startProber(urls(), key.key, 3);
  await prober.until('VALID');
  const enough = prober.probes.length + 50;
  await waitFor(
    'answers of both processes',
    () => Promise.resolve(prober.probes.length),
    (n) => n > enough,
  );
  return prober;
}

/** Revokes a key as every order does: one transaction, then the barrier. Resolves with both moments. */
async function revoke(key: TestKey): Promise<{ committed: number; passed: number }> {
  const barrier = await withSystem(db, 'cli', async (tx) => {
    const opened = await openBarrier(tx);
    await tx.run('update api_keys set revoked_at = now() where id = $1', [key.id]);
    return opened;
  });
  const committed = performance.now();
  await barrier.passed();
  return { committed, passed: performance.now() };
}

/** No request that was sent so long after the commit was accepted, and none that was sent after the barrier. */
function expectBound(
  { probes }: Prober,
  { committed, passed }: { committed: number; passed: number },
): void {
  expect(probes.filter(({ code }) => code === 'VALID').length).toBeGreaterThan(50);
  expect(lateness(probes, committed)).toBeLessThanOrEqual(leaseMs);
  expect(lateness(probes, passed)).toBe(-1);
}

describe('a key that is revoked is accepted for a lease at most, and never after the barrier,', () => {
  test.each([1, 2])('under load (%i)', async () => {
    const key = await issue(app);
    const prober = await asking(key);
    const moments = await revoke(key);
    await prober.until('REVOKED');
    await prober.stop();
    expectBound(prober, moments);
  });

  test.each([1, 2])('with every notification lost (%i)', async () => {
    const key = await issue(app);
    const prober = await asking(key);
    proxy.setDeaf(true);
    const moments = await revoke(key).finally(() => {
      proxy.setDeaf(false);
    });
    await prober.stop();
    expectBound(prober, moments);
  });

  test('with the listener frozen', async () => {
    const key = await issue(app);
    const prober = await asking(key);
    const moments = await whileFrozen(inUsher(postgres.superUrl), 'usher-lease', () => revoke(key));
    await prober.until('REVOKED');
    await prober.stop();
    expectBound(prober, moments);
    await untilWell();
  });

  test('with Postgres killed at once after it and started again', async () => {
    const key = await issue(app);
    const prober = await asking(key);
    const revoked = revoke(key);
    await waitFor(
      'the commit',
      () =>
        inSystem((tx) =>
          tx.rows('select 1 from api_keys where id = $1 and revoked_at is not null', [key.id]),
        ),
      (rows) => rows.length === 1,
    );
    process.kill(postgres.pid, 'SIGKILL');
    const moments = await revoked;
    await prober.until('UNAVAILABLE');
    await postgres.exited;
    await restart();
    await prober.until('REVOKED');
    await prober.stop();
    expectBound(prober, moments);
    expect(await codeOf(app, { key: key.key })).toBe('REVOKED');
    await untilWell();
  });
});

test('a good key is unavailable a lease after Postgres is gone, and good again by itself', async () => {
  const key = await issue(app);
  const prober = await asking(key);
  process.kill(postgres.pid, 'SIGKILL');
  await postgres.exited;
  const gone = performance.now();
  await prober.until('UNAVAILABLE');
  await waitFor(
    'the end of the lease',
    () => Promise.resolve(performance.now() - gone),
    (ms) => ms > 2 * leaseMs,
  );
  await restart();
  await prober.until('VALID');
  await prober.stop();
  const { probes } = prober;
  const back = probes.find(({ code, sentAt }) => code === 'VALID' && sentAt > gone + 2 * leaseMs);
  const between = probes.filter(
    ({ sentAt, answeredAt }) => sentAt > gone + leaseMs && answeredAt < (back?.sentAt ?? 0),
  );
  expect(between.length).toBeGreaterThan(0);
  expect(new Set(between.map(({ code }) => code))).toEqual(new Set(['UNAVAILABLE']));
});

const inSystem = <T>(fn: Parameters<typeof withSystem<T>>[2]): Promise<T> =>
  withSystem(db, 'cli', fn);

function inUsher(url: string): string {
  const changed = new URL(url);
  changed.pathname = new URL(postgres.appUrl).pathname;
  return changed.href;
}

async function restart(): Promise<void> {
  await postgres.stop();
  postgres = await startPostgres({ stateDir, tuning: 'test' });
}

/** Keys are issued and verified again. */
async function untilWell(): Promise<void> {
  const key = await waitFor(
    'a key',
    () => issue(app).catch(() => undefined),
    (issued) => issued !== undefined,
  );
  await waitFor(
    'good answers',
    () => codeOf(app, { key: key?.key }),
    (code) => code === 'VALID',
  );
}
