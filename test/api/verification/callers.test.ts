import { createApiServer } from '../../../src/main/api';
import { createServiceAccount } from '../../../src/domain/identity/service-accounts';
import { newKey } from '../../../src/platform/crypto/keys';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { getPath, inSystem, issue, postPath, serve, verdicts } from './keys';
import type { ServedApi, TestKey } from './keys';

let app: TestApp;
let key: TestKey;
let allowed: string;

async function accountKey(permissions: string[], allowedCidrs: string[] = []): Promise<string> {
  const account = await inSystem(app, (tx) =>
    createServiceAccount(
      tx,
      app.deps.serviceKeys,
      { actorId: 'system:cli', permissions: 'all' },
      { name: 'gateway', permissions, allowedCidrs },
      { ip: null, userAgent: null },
    ),
  );
  return account.key;
}

beforeAll(async () => {
  // A deployment whose main address does not let everybody verify: this test comes from loopback.
  app = await startTestApp({ worker: false, env: { VERIFY_ALLOW_CIDRS: '10.0.0.0/8' } });
  key = await issue(app);
  allowed = await accountKey(['keys:verify']);
}, 120_000);
afterAll(() => app.stop());

describe('a peer outside of VERIFY_ALLOW_CIDRS', () => {
  test('gets 401 on both routes, for a good key as for none, without a look-up', async () => {
    const before = await verdicts(app);
    const good = { authorization: `Bearer ${key.key}` };
    for (const headers of [{}, good]) {
      const got = await app.call('GET', getPath, { anonymous: true, headers });
      expect([got.status, got.body]).toEqual([401, '']);
      const posted = await app.call('POST', postPath, {
        anonymous: true,
        headers,
        body: { key: key.key },
      });
      expect([posted.status, posted.body.code]).toEqual([401, 'unauthenticated']);
      expect(posted.body.detail).toContain('keys:verify');
      expect(posted.headers.get('www-authenticate')).toBe('Bearer realm="usher"');
    }
    expect(await verdicts(app)).toBe(before);
  });

  test('cannot make itself a peer by saying so', async () => {
    const headers = {
      'x-real-ip': '10.0.0.1',
      'x-forwarded-for': '10.0.0.1',
      authorization: `Bearer ${key.key}`,
    };
    expect((await app.call('GET', getPath, { anonymous: true, headers })).status).toBe(401);
  });

  test('may ask by POST as a service account with keys:verify, and by GET not even then', async () => {
    for (const headers of [{ 'x-api-key': allowed }, { authorization: `Bearer ${allowed}` }]) {
      const { body } = await app.call('POST', postPath, {
        anonymous: true,
        headers,
        body: { key: key.key },
      });
      expect(body.code).toBe('VALID');
    }
    const got = await app.call('GET', getPath, {
      anonymous: true,
      headers: { 'x-api-key': allowed },
    });
    expect(got.status).toBe(401);
  });

  test('may not ask as a service account without it, from elsewhere, unknown or ambiguous', async () => {
    const without = await accountKey(['keys:read']);
    const elsewhere = await accountKey(['keys:verify'], ['10.0.0.0/8']);
    const cases: Record<string, string>[] = [
      { 'x-api-key': without },
      { 'x-api-key': elsewhere },
      { 'x-api-key': newKey('ush', 'live') },
      { 'x-api-key': key.key },
      { 'x-api-key': allowed, authorization: `Bearer ${without}` },
    ];
    for (const headers of cases) {
      const { status } = await app.call('POST', postPath, {
        anonymous: true,
        headers,
        body: { key: key.key },
      });
      expect(status).toBe(401);
    }
  });
});

describe('outside dev with no VERIFY_ALLOW_CIDRS', () => {
  let served: ServedApi;
  beforeAll(async () => {
    const { deps } = app;
    const env = { ...deps.env, APP_ENV: 'prod' as const, VERIFY_ALLOW_CIDRS: [] };
    served = await serve(createApiServer({ ...deps, env }));
  }, 60_000);
  afterAll(() => served.stop());

  const ask = (url: string, headers: Record<string, string> = {}) =>
    fetch(`${url}${postPath}`, { method: 'POST', headers, body: JSON.stringify({ key: key.key }) });

  test('the main address answers service accounts only', async () => {
    const { url: main } = served;
    expect((await ask(main)).status).toBe(401);
    expect(await (await ask(main, { 'x-api-key': allowed })).json()).toMatchObject({
      code: 'VALID',
    });
    const got = await fetch(`${main}${getPath}`, {
      headers: { authorization: `Bearer ${key.key}` },
    });
    expect(got.status).toBe(401);
  });

  test('VERIFY_ADDR answers whoever reaches it, and nothing but verifications', async () => {
    const { verifyUrl: own = '' } = served;
    expect(await (await ask(own)).json()).toMatchObject({ code: 'VALID' });
    const got = await fetch(`${own}${getPath}`, {
      headers: { authorization: `Bearer ${key.key}` },
    });
    expect(got.status).toBe(204);
    for (const path of ['/healthz', '/me', '/metrics']) {
      const other = await fetch(`${own}${path}`);
      expect([other.status, ((await other.json()) as { code: string }).code]).toEqual([
        404,
        'not-found',
      ]);
    }
  });
});

test('in dev loopback may ask, unless VERIFY_ALLOW_CIDRS says otherwise', async () => {
  const env = { ...app.deps.env, VERIFY_ALLOW_CIDRS: [] };
  const served = await serve(createApiServer({ ...app.deps, env }));
  try {
    expect(served.verifyUrl).toBeUndefined();
    const answer = await fetch(`${served.url}${postPath}`, {
      method: 'POST',
      body: JSON.stringify({ key: key.key }),
    });
    expect(await answer.json()).toMatchObject({ code: 'VALID' });
  } finally {
    await served.stop();
  }
});
