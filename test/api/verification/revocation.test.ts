import { createApiServer } from '../../../src/main/api';
import { openBarrier } from '../../../src/platform/barriers';
import { withSystem } from '../../../src/platform/db';
import type { Tx } from '../../../src/platform/db';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { codeOf, inSystem, issue, serve } from './keys';
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

test('a key that is unblocked, or whose tenant is resumed, is good again at once', async () => {
  const key = await issue(app, { blocked: true });
  expect(await codeOf(app, { key: key.key })).toBe('BLOCKED');
  await inSystem(app, (tx) =>
    tx.run('update api_keys set blocked_at = null where id = $1', [key.id]),
  );
  expect(await codeOf(app, { key: key.key })).toBe('VALID');
});
