import { setTimeout as sleep } from 'node:timers/promises';
import { newKey } from '../../../src/platform/crypto/keys';
import { setMaxLease } from '../../../src/platform/barriers';
import { createApiServer } from '../../../src/main/api';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { insertEntitlement, insertProduct } from '../../domain/api-keys/rows';
import { whileFrozen } from './backends';
import { activeTenant, codeAt, codeOf, endings, get, inSystem, issue, post, serve } from './keys';
import type { ServedApi } from './keys';

/** Long enough that a process on a crowded machine does not lose it. */
const leaseMs = 2_000;

let app: TestApp;
/** A second process on the same database. */
let second: ServedApi;
beforeAll(async () => {
  app = await startTestApp({
    worker: false,
    env: { KEYS_CACHE: 'lease', KEYS_LEASE_MS: String(leaseMs), KEYS_CACHE_ENTRIES: '1000' },
  });
  await setMaxLease(app.deps.db, 'user:test', leaseMs);
  second = await serve(createApiServer(app.deps));
}, 120_000);
afterAll(async () => {
  await second.stop();
  await app.stop();
});

const times = (n: number): number[] => Array.from({ length: n }, (_, index) => index);

/** The same for a key that is to be asked about while nobody can look: both have looked since that first use. */
async function rememberedForGood(key: string, asked: object = {}): Promise<void> {
  await remembered(key, asked);
  await sleep(leaseMs / 2);
  await remembered(key, asked);
}

/** Verifies a key until both processes remember it and its first use, which makes everybody forget it once, is noted. */
async function remembered(key: string, asked: object = {}): Promise<void> {
  await until('VALID', { key, ...asked });
  await waitFor(
    'the first use in the row',
    () =>
      inSystem(app, (tx) =>
        tx.rows('select 1 from api_keys where first_used_at is not null and prefix = $1', [
          key.slice(0, 17),
        ]),
      ),
    (rows) => rows.length === 1,
  );
  for (let n = 0; n < 3; n += 1) await until('VALID', { key, ...asked });
}

const atSecond = (body: unknown): Promise<string> => codeAt(second.url, body);
const until = (code: string, body: unknown) =>
  waitFor(
    code,
    async () => [await codeOf(app, body), await atSecond(body)],
    (codes) => codes.every((one) => one === code),
  );

test('a key that is remembered is verified without a look-up, for what it is good for; all else is asked', async () => {
  const { key } = await issue(app, { scopes: ['a:b', 'c:d'], cidrs: ['10.0.0.0/8'] });
  const other = await issue(app);
  const asked = { key, ip: '10.1.2.3', scopes: ['a:b'] };
  const first = await post(app, asked);
  await rememberedForGood(key, { ip: asked.ip });
  await whileFrozen(app.database.superUrl, 'usher-verify', async () => {
    const answers = await Promise.all(times(50).map(() => post(app, asked)));
    for (const { body } of answers) expect(body).toEqual(first.body);
    const denied = [
      { ...asked, scopes: ['x:y'] },
      { key: other.key },
      { key: newKey('ush', 'live') },
    ];
    // At once: connections that stay silent are soon replaced.
    const codes = await Promise.all(denied.map((body) => codeOf(app, body)));
    expect(codes).toEqual(denied.map(() => 'UNAVAILABLE'));
  });
  await until('VALID', { key: other.key });
  for (const [code, body] of [
    ['SCOPE_DENIED', { ...asked, scopes: ['x:y'] }],
    ['IP_DENIED', { ...asked, ip: '11.0.0.1' }],
    ['IP_DENIED', { key }],
    ['WRONG_ENVIRONMENT', { ...asked, environment: 'test' }],
    ['NOT_FOUND', { ...asked, tenant_id: other.tenantId }],
  ] as const)
    expect([code, await codeOf(app, body)]).toEqual([code, code]);
});

test('GET is answered from memory as well, and neither is once the lease has run out', async () => {
  const { key } = await issue(app, { scopes: ['a:b'] });
  await rememberedForGood(key);
  const { superUrl } = app.database;
  await whileFrozen(superUrl, 'usher-verify', async () => {
    const { status, headers } = await get(app, key, { 'x-required-scopes': 'a:b' });
    expect([status, headers.get('x-scopes')]).toEqual([204, 'a:b']);
    await whileFrozen(superUrl, 'usher-lease', async () => {
      await waitFor(
        'the end of the lease',
        () => codeOf(app, { key }),
        (code) => code === 'UNAVAILABLE',
      );
      expect((await get(app, key)).status).toBe(503);
    });
  });
  await until('VALID', { key });
});

test('whatever ends a key or changes what it is good for is seen by every process by itself', async () => {
  const tenantId = await activeTenant(app);
  const { key, id } = await issue(app, { tenantId, scopes: ['a:b'] });
  const change = (sql: string): Promise<number> => inSystem(app, (tx) => tx.run(sql, [id]));
  for (const [code, end, undo] of endings) {
    const asked = { key, scopes: ['a:b'] };
    await remembered(key);
    await change(`update api_keys set ${end} where id = $1`);
    await until(code, asked);
    await change(`update api_keys set ${undo} where id = $1`);
    await until('VALID', asked);
  }
  await remembered(key);
  await inSystem(app, (tx) =>
    tx.run(`update tenants set status = 'suspended' where id = $1`, [tenantId]),
  );
  await until('TENANT_INACTIVE', { key });
});

test('a product that comes into the catalogue, and an entitlement to it, count for remembered keys', async () => {
  const tenantId = await activeTenant(app);
  const { key } = await issue(app, { tenantId });
  const asked = { key, product: 'orders' };
  await until('VALID', asked);
  await inSystem(app, (tx) => insertProduct(tx, 'orders'));
  await until('PRODUCT_DENIED', asked);
  await inSystem(app, (tx) => insertEntitlement(tx, { tenantId, product: 'orders' }));
  await until('VALID', asked);
});

test.each([
  ['its own end', 'EXPIRED', { expiresIn: 8 }],
  ['the end of its rotation', 'ROTATED', { endsIn: 8 }],
])('a remembered key ends at %s without any change', async (_, code, given) => {
  const { key } = await issue(app, given);
  await remembered(key);
  const { end } = await inSystem(app, (tx) =>
    tx.one<{ end: number }>(
      `select date_part('epoch', least(expires_at, ends_at)) * 1000 as end from api_keys
       order by created_at desc, id desc limit 1`,
    ),
  );
  await until(code, { key });
  const { now } = await inSystem(app, (tx) =>
    tx.one<{ now: number }>(`select date_part('epoch', clock_timestamp()) * 1000 as now`),
  );
  expect(now).toBeGreaterThanOrEqual(end);
});

test('a trial that ends ends remembered keys, and so does an entitlement', async () => {
  const tenantId = await activeTenant(app);
  const { key } = await issue(app, { tenantId });
  await inSystem(app, async (tx) => {
    await insertProduct(tx, 'search');
    await insertEntitlement(tx, { tenantId, product: 'search', status: 'trial', expiresIn: 2 });
    await tx.run(
      `update tenants set status = 'trial', trial_ends_at = now() + interval '4 seconds' where id = $1`,
      [tenantId],
    );
  });
  await until('VALID', { key, product: 'search' });
  await until('PRODUCT_DENIED', { key, product: 'search' });
  await until('VALID', { key });
  await until('TENANT_INACTIVE', { key });
});

describe('limits of remembered keys', () => {
  test('that are strict are exact under a crowd at two processes', async () => {
    const { key, id } = await issue(app, { usageLimit: 50, usageLimitStrict: true });
    const codes = await Promise.all(
      times(120).map((n) => (n % 2 ? codeOf(app, { key }) : atSecond({ key }))),
    );
    expect(codes.filter((code) => code === 'VALID').length).toBe(50);
    const { cost } = await inSystem(app, (tx) =>
      tx.one<{ cost: number }>('select cost::int as cost from api_key_usage where key_id = $1', [
        id,
      ]),
    );
    expect(cost).toBe(50);
  });

  test('are never overrun by requests that come one after the other, and count down', async () => {
    const { key } = await issue(app, { rateLimit: { limit: 100, seconds: 3_600 } });
    const left: number[] = [];
    let last = '';
    while (last !== 'RATE_LIMITED') {
      const { body } = await post(app, { key, cost: 3 });
      last = body.code as string;
      if (last === 'VALID') left.push(body.rate_limit.remaining as number);
    }
    expect(left.length).toBe(33);
    expect(left.at(-1)).toBe(1);
  });

  test('learn what the other process has handed in', async () => {
    const { key } = await issue(app, { rateLimit: { limit: 30_000, seconds: 86_400 } });
    await remembered(key);
    for (let n = 0; n < 2; n += 1) expect(await atSecond({ key, cost: 10_000 })).toBe('VALID');
    await waitFor(
      'the count of both',
      async () => (await post(app, { key, cost: 0 })).body.rate_limit.remaining as number,
      (remaining) => remaining < 10_000,
    );
    expect(await codeOf(app, { key, cost: 10_000 })).toBe('RATE_LIMITED');
    expect(await codeOf(app, { key, cost: 9_000 })).toBe('VALID');
  });
});

test('a process whose lease is longer than barriers wait verifies strictly', async () => {
  const { key, id } = await issue(app);
  await remembered(key);
  const words = (): number =>
    app.logs.filter((line) => line.includes('bin/usher lease set')).length;
  const before = words();
  await setMaxLease(app.deps.db, 'user:test', leaseMs - 1);
  await waitFor(
    'the word of it from both',
    () => Promise.resolve(words()),
    (n) => n === before + 2,
  );
  await inSystem(app, (tx) => tx.run('update api_keys set revoked_at = now() where id = $1', [id]));
  expect([await codeOf(app, { key }), await atSecond({ key })]).toEqual(['REVOKED', 'REVOKED']);
  await setMaxLease(app.deps.db, 'user:test', leaseMs);
});
