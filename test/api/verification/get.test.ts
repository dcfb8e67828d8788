import { newKey } from '../../../src/platform/crypto/keys';
import { insertProduct } from '../../domain/api-keys/rows';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { get, getPath, inSystem, issue } from './keys';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false, env: { TRUSTED_PROXIES: '127.0.0.1' } });
  await inSystem(app, (tx) => insertProduct(tx, 'search'));
}, 120_000);
afterAll(() => app.stop());

describe('GET /_internal/auth/api-key/verify', () => {
  test('answers a good key with 204 and whose it is', async () => {
    const key = await issue(app, { scopes: ['a:b', 'c:d'], environment: 'test' });
    const { status, headers, body } = await get(app, key.key, {
      'x-required-scopes': 'a:b, c:d',
      'x-required-environment': 'test',
      'x-required-product': 'anything',
    });
    expect([status, body]).toEqual([204, '']);
    expect(headers.get('x-key-id')).toBe(key.id);
    expect(headers.get('x-tenant-id')).toBe(key.tenantId);
    expect(headers.get('x-scopes')).toBe('a:b c:d');
    expect(headers.get('x-environment')).toBe('test');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  test('takes the key from X-Api-Key as well', async () => {
    const { key } = await issue(app);
    const { status } = await app.call('GET', getPath, {
      anonymous: true,
      headers: { 'x-api-key': key },
    });
    expect(status).toBe(204);
  });

  test('never takes it from the query', async () => {
    const { key } = await issue(app);
    const { status } = await app.call('GET', `${getPath}?key=${key}&api_key=${key}`, {
      anonymous: true,
    });
    expect(status).toBe(401);
  });

  test('answers one and the same 401 for everything that is no good key', async () => {
    const answers = await Promise.all([
      get(app, 'nonsense'),
      get(app, newKey('ush', 'live')),
      get(app, (await issue(app, { revoked: true })).key),
      get(app, (await issue(app, { expiresIn: -1 })).key),
      get(app, (await issue(app, { endsIn: -1 })).key),
      get(app, (await issue(app)).key, { 'x-required-environment': 'test' }),
      app.call('GET', getPath, { anonymous: true }),
      get(app, (await issue(app)).key, { 'x-api-key': newKey('ush', 'live') }),
      get(app, (await issue(app)).key, { 'x-required-environment': 'prod' }),
    ]);
    const seen = answers.map(({ status, headers, body }) => {
      const named = Object.fromEntries(headers);
      delete named['x-request-id'];
      delete named['date'];
      return JSON.stringify({ status, named, body });
    });
    expect(answers[0].status).toBe(401);
    expect(new Set(seen).size).toBe(1);
  });

  test.each([
    ['blocked', { blocked: true }, {}],
    ['ip_denied', { cidrs: ['10.0.0.0/8'] }, { 'x-real-ip': '11.0.0.1' }],
    ['ip_denied', { cidrs: ['10.0.0.0/8'] }, {}],
    ['ip_denied', { cidrs: ['0.0.0.0/0'] }, { 'x-real-ip': '10.0.0.1, 10.0.0.2' }],
    ['product_denied', {}, { 'x-required-product': 'search' }],
    ['scope_denied', { scopes: ['a:b'] }, { 'x-required-scopes': 'c:d' }],
  ])('answers 403 and %s for a key that is %j with %j', async (reason, given, headers) => {
    const answer = await get(app, (await issue(app, given)).key, headers);
    expect([answer.status, answer.headers.get('x-auth-reason')]).toEqual([403, reason]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test('believes a trusted proxy about the client’s address', async () => {
    const { key } = await issue(app, { cidrs: ['10.0.0.0/8', '2001:db8::/32'] });
    for (const address of ['10.9.9.9', '::ffff:10.9.9.9', '2001:db8::1'])
      expect((await get(app, key, { 'x-real-ip': address })).status).toBe(204);
  });

  test('answers RATE_LIMITED with 403, the reason and how long to wait', async () => {
    const { key } = await issue(app, { rateLimit: { limit: 1, seconds: 3_600 } });
    expect((await get(app, key)).status).toBe(204);
    const { status, headers } = await get(app, key);
    expect([status, headers.get('x-auth-reason')]).toEqual([403, 'rate_limited']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('a peer that is no trusted proxy', () => {
  test('is not believed about any address', async () => {
    const strict = await startTestApp({ worker: false });
    try {
      const { key } = await issue(strict, { cidrs: ['10.0.0.0/8'] });
      const { status, headers } = await get(strict, key, { 'x-real-ip': '10.0.0.1' });
      expect([status, headers.get('x-auth-reason')]).toEqual([403, 'ip_denied']);
    } finally {
      await strict.stop();
    }
  });
});
