import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { createApiServer } from '../../../src/main/api';
import { openBarrier } from '../../../src/platform/barriers';
import { withSystem } from '../../../src/platform/db';
import type { Tx } from '../../../src/platform/db';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { codeAt, codeOf, inSystem, issue, serve, whileLocked } from './keys';
import type { ServedApi, TestKey } from './keys';
import { lateness, startProber } from './probe';

let app: TestApp;
let second: ServedApi;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  second = await serve(createApiServer(app.deps));
}, 120_000);
afterAll(async () => {
  await second.stop();
  await app.stop();
});

/** What ends a key at once, each by one statement. */
const endings: readonly [
  name: string,
  code: string,
  end: (tx: Tx, key: TestKey) => Promise<number>,
][] = [
  [
    'revoked',
    'REVOKED',
    (tx, { id }) => tx.run('update api_keys set revoked_at = now() where id = $1', [id]),
  ],
  [
    'blocked',
    'BLOCKED',
    (tx, { id }) => tx.run('update api_keys set blocked_at = now() where id = $1', [id]),
  ],
  [
    'ended by its rotation',
    'ROTATED',
    (tx, { id }) => tx.run('update api_keys set ends_at = now() where id = $1', [id]),
  ],
  [
    'of a suspended tenant',
    'TENANT_INACTIVE',
    (tx, { tenantId }) =>
      tx.run(`update tenants set status = 'suspended' where id = $1`, [tenantId]),
  ],
];

describe.each(endings)('a key that is %s', (_, code, end) => {
  test('is refused at every process in every request that is sent after the commit', async () => {
    for (let n = 0; n < 5; n += 1) {
      const key = await issue(app);
      const prober = startProber([app.url, second.url], key.key, 3);
      await prober.until('VALID');
      const barrier = await withSystem(app.deps.db, 'cli', async (tx) => {
        const opened = await openBarrier(tx);
        await end(tx, key);
        return opened;
      });
      const committed = performance.now();
      await barrier.passed();
      await prober.until(code);
      await prober.stop();
      expect(prober.probes.filter((probe) => probe.code === 'VALID').length).toBeGreaterThan(0);
      expect(lateness(prober.probes, committed)).toBe(-1);
    }
  });
});

/** What goes on beside, again and again. */
const disturbances: readonly [
  name: string,
  once: (client: Client, other: TestKey) => Promise<unknown>,
][] = [
  [
    'connections that read the log are ended',
    (client) =>
      client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'usher-changes'`,
      ),
  ],
  [
    'others change keys in transactions that take their time',
    async (client, { id }) => {
      await client.query('begin');
      await client.query('update api_keys set blocked_at = now() where id = $1', [id]);
      await sleep(Math.random() * 20);
      await client.query(Math.random() < 0.5 ? 'commit' : 'rollback');
    },
  ],
  [
    'the log is swept',
    async (client) => {
      await client.query(`update verification_changes set at = at - interval '10 minutes'`);
      await client.query('select sweep_verification_changes(1000)');
    },
  ],
];

test.each(disturbances)(
  'a key that is known and revoked is refused at once while %s',
  async (_, once) => {
    const others = [await issue(app), await issue(app), await issue(app)];
    const state = { stopped: false };
    const disturbing = others.map(async (other) => {
      const client = new Client({ connectionString: app.database.superUrl });
      await client.connect();
      while (!state.stopped) {
        await once(client, other);
        await sleep(Math.random() * 20);
      }
      await client.end();
    });
    try {
      for (let n = 0; n < 10; n += 1) {
        const key = await issue(app);
        const prober = startProber([app.url, second.url], key.key, 3);
        await prober.until('VALID');
        await waitFor(
          'answers',
          () => Promise.resolve(prober.probes.length),
          (answers) => answers > 20,
        );
        await inSystem(app, (tx) =>
          tx.run('update api_keys set revoked_at = now() where id = $1', [key.id]),
        );
        const committed = performance.now();
        await prober.until('REVOKED');
        await sleep(20);
        await prober.stop();
        expect(lateness(prober.probes, committed)).toBe(-1);
      }
    } finally {
      state.stopped = true;
      await Promise.all(disturbing);
    }
  },
);

test('with KEYS_CACHE_ENTRIES=0 every key is read each time', async () => {
  const env = { ...app.deps.env, KEYS_CACHE_ENTRIES: 0 };
  const reading = await serve(createApiServer({ ...app.deps, env }));
  const { key } = await issue(app);
  const ask = (): Promise<string> => codeAt(reading.url, { key });
  for (let n = 0; n < 3; n += 1) expect(await ask()).toBe('VALID');
  await whileLocked(app, ['api_keys'], async () => {
    expect(await ask()).toBe('UNAVAILABLE');
  });
  await reading.stop();
});

test('a key that is unblocked, or whose tenant is resumed, is good again at once', async () => {
  const key = await issue(app, { blocked: true });
  expect(await codeOf(app, { key: key.key })).toBe('BLOCKED');
  await inSystem(app, (tx) =>
    tx.run('update api_keys set blocked_at = null where id = $1', [key.id]),
  );
  expect(await codeOf(app, { key: key.key })).toBe('VALID');
});
