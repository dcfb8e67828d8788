import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { createServiceAccount } from '../../../src/domain/identity/service-accounts';
import { createApiServer } from '../../../src/main/api';
import { startCuttableProxy } from '../cuttable-proxy';
import type { CuttableProxy } from '../cuttable-proxy';
import { codeOf, get, inSystem, issue, post, postPath, serve } from './keys';
import type { ServedApi, TestKey } from './keys';

let proxy: CuttableProxy;
let app: TestApp;
let key: TestKey;
let gateway: string;
/** A process that does not let loopback ask. */
let outside: ServedApi;
beforeAll(async () => {
  proxy = await startCuttableProxy();
  app = await startTestApp({ worker: false, databaseUrl: proxy.through });
  key = await issue(app);
  const account = await inSystem(app, (tx) =>
    createServiceAccount(
      tx,
      app.deps.serviceKeys,
      { actorId: 'system:cli', permissions: 'all' },
      { name: 'gateway', permissions: ['keys:verify'], allowedCidrs: [] },
      { ip: null, userAgent: null },
    ),
  );
  gateway = account.key;
  const env = { ...app.deps.env, VERIFY_ALLOW_CIDRS: ['10.0.0.0/8'] };
  outside = await serve(createApiServer({ ...app.deps, env }));
}, 120_000);
afterAll(async () => {
  await outside.stop();
  await app.stop();
  await proxy.stop();
});

const unavailable = { valid: false, code: 'UNAVAILABLE', retryable: true };

/** Every answer while Postgres is gone says so, within the second that the specification gives. */
async function expectUnavailable(): Promise<void> {
  const began = performance.now();
  const [posted, got] = await Promise.all([post(app, { key: key.key }), get(app, key.key)]);
  expect(posted.status).toBe(200);
  expect(posted.body).toEqual(unavailable);
  expect([got.status, got.body]).toEqual([503, '']);
  expect(got.headers.get('cache-control')).toBe('no-store');
  expect(Number(got.headers.get('retry-after'))).toBeGreaterThan(0);
  // A generous bound for a crowded machine: the answer is not that of any time-out of the pool (5 or 20 s).
  expect(performance.now() - began).toBeLessThan(3_000);
}

const untilGood = () =>
  waitFor(
    'recovery',
    () => codeOf(app, { key: key.key }),
    (code) => code === 'VALID',
  );

describe.each([
  ['is gone', () => proxy.cut()],
  [
    'is silent',
    () => {
      proxy.hang();
      return Promise.resolve();
    },
  ],
])('while Postgres %s', (_, take) => {
  beforeAll(async () => {
    await untilGood();
    await take();
  });
  afterAll(async () => {
    // A connection that hangs is no better once the network is back.
    await proxy.cut().catch(() => undefined);
    await proxy.restore();
  });

  test('no key is good or bad: POST says UNAVAILABLE and GET 503, again and again', async () => {
    for (let n = 0; n < 3; n += 1) await expectUnavailable();
  });

  test('a text that is no key is still told as such', async () => {
    expect(await codeOf(app, { key: 'nonsense' })).toBe('MALFORMED');
  });

  test('a service account that asks from outside is told the same', async () => {
    const answer = await fetch(`${outside.url}${postPath}`, {
      method: 'POST',
      headers: { 'x-api-key': gateway },
      body: JSON.stringify({ key: key.key }),
    });
    expect([answer.status, await answer.json()]).toEqual([200, unavailable]);
  });

  test('and keys are good again by themselves once it is back', async () => {
    await proxy.cut().catch(() => undefined);
    await proxy.restore();
    await untilGood();
    expect((await get(app, key.key)).status).toBe(204);
  });
});

test('one log line says that it ceased, one that it works again, and none names a key', () => {
  const lines = app.logs.filter((line) => /Keys (cannot be|are) verified/.test(line));
  expect(lines.filter((line) => line.includes('cannot be')).length).toBeGreaterThanOrEqual(2);
  expect(lines.length).toBeLessThanOrEqual(12);
  expect(app.logs.join('\n')).not.toContain(key.key);
});
