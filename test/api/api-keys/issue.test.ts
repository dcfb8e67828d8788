import { environmentsOf } from '../../../src/platform/crypto/key-formats';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { sql } from '../rows';
import {
  actionsOf,
  eventsOf,
  issue,
  issued,
  machineWith,
  oneOf,
  statusOfPlaintext,
  tenant,
} from './key-world';

let app: TestApp;
let acme: string;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  acme = await tenant(app);
}, 120_000);
afterAll(() => app.stop());

describe('POST /v1/api-keys answers 201', () => {
  test('with the key, this once: it is found by its digest and stands nowhere', async () => {
    const { status, body, headers } = await issue(app, acme);
    expect(status).toBe(201);
    expect(headers.get('etag')).toBe('"v1"');
    expect(body.plaintext).toMatch(/^ush_live_[0-9A-Za-z]{36}$/);
    expect(body).toMatchObject({
      tenant_id: acme,
      name: 'shop',
      prefix: body.plaintext.slice(0, 17),
      environment: 'live',
      status: 'active',
      scopes: ['products:read'],
      role: null,
      product: null,
      allowed_cidrs: [],
      expires_at: null,
      rotation: null,
      created_by_admin: true,
    });
    expect(await statusOfPlaintext(app, body.plaintext)).toBe('active');
    const rows = await sql<{ row: string }>(
      app,
      'select to_jsonb(k)::text as row from api_keys as k',
    );
    expect(rows.map(({ row }) => row).join()).not.toContain(body.plaintext.slice(20));
    const shown = await app.call('GET', `/v1/api-keys/${body.id}`);
    expect(shown.body).not.toHaveProperty('plaintext');
  });

  test('and tells of it once each: an event and an audit entry', async () => {
    const own = await tenant(app);
    await issued(app, own);
    expect(await eventsOf(app, own)).toEqual(['cabinet.apikey.created.v1']);
    expect(await actionsOf(app, own)).toEqual(['apikey.created']);
  });

  test('with what was asked for: addresses in their one form, limits, product, expiry, test', async () => {
    const { body } = await issue(app, acme, {
      environment: 'test',
      product: 'search',
      scopes: ['search:read', 'whoami', 'search:read'],
      role: 'client',
      expires_at: '2099-01-01T00:00:00Z',
      allowed_cidrs: ['10.1.2.3/8', '::ffff:192.0.2.7', '2001:db8::/32'],
      rate_limit: { limit: 10, window_seconds: 1 },
      usage_limit: 5,
      usage_limit_strict: true,
    });
    expect(body.plaintext).toMatch(/^ush_test_/);
    expect(body).toMatchObject({
      environment: 'test',
      product: 'search',
      scopes: ['whoami', 'search:read'],
      role: 'client',
      expires_at: '2099-01-01T00:00:00.000Z',
      allowed_cidrs: ['10.0.0.0/8', '192.0.2.7/32', '2001:db8::/32'],
      rate_limit: { limit: 10, window_seconds: 1 },
      usage_limit: 5,
      usage_limit_strict: true,
    });
  });

  test('with a rate per minute for a bare number, and the limits of the plan for none', async () => {
    const bare = await issue(app, acme, { rate_limit: 90 });
    expect(bare.body.rate_limit).toEqual({ limit: 90, window_seconds: 60 });
    const starter = await tenant(app, { plan: 'starter' });
    const { body } = await issue(app, starter);
    expect(body.rate_limit).toEqual({ limit: 600, window_seconds: 60 });
    expect(body.usage_limit).toBe(1_000_000);
  });

  test('to one of the tenant’s own people, whose keys are not marked as issued by staff', async () => {
    const client = await oneOf(app, acme, 'client');
    const { status, body } = await issue(app, acme, {}, client);
    expect(status).toBe(201);
    expect(body.created_by_admin).toBe(false);
    expect(body.created_by).toBe(`user:${client.id}`);
  });
});

describe('POST /v1/api-keys with an Idempotency-Key', () => {
  test('answers the same key again, plaintext and all, and issues one', async () => {
    const own = await tenant(app);
    const headers = { 'idempotency-key': 'issue-once' };
    const first = await issue(app, own, {}, { headers });
    const again = await issue(app, own, {}, { headers });
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.body).toEqual(first.body);
    const listed = await app.call('GET', `/v1/api-keys?tenant_id=${own}`);
    expect(listed.body.items).toHaveLength(1);
  });

  test('keeps the plaintext sealed, ten minutes long; later it is null and says so', async () => {
    const own = await tenant(app);
    const headers = { 'idempotency-key': 'issue-late' };
    const first = await issue(app, own, {}, { headers });
    const rows = await sql<{ row: string }>(
      app,
      'select to_jsonb(k)::text as row from idempotency_keys as k',
    );
    expect(rows.map(({ row }) => row).join()).not.toContain(first.body.plaintext.slice(20));
    await sql(app, `update idempotency_keys set once_expires_at = now() - interval '1 second'`);
    const again = await issue(app, own, {}, { headers });
    expect(again.body).toEqual({ ...first.body, plaintext: null, secret_expired: true });
  });

  test('422 for another body', async () => {
    const headers = { 'idempotency-key': 'issue-other' };
    await issue(app, acme, {}, { headers });
    const { status, body } = await issue(app, acme, { name: 'other' }, { headers });
    expect([status, body.code]).toEqual([422, 'idempotency-key-reused']);
  });
});

describe('POST /v1/api-keys answers 422', () => {
  test.each([
    ['/scopes/1', { scopes: ['whoami', 'everything'] }],
    ['/scopes', { scopes: undefined }],
    ['/name', { name: ' ' }],
    ['/environment', { environment: 'prod' }],
    ['/allowed_cidrs/0', { allowed_cidrs: ['10.0.0.0/33'] }],
    ['/rate_limit', { rate_limit: 0 }],
    ['/usage_limit', { usage_limit: -1 }],
    ['/expires_at', { expires_at: '2020-01-01T00:00:00Z' }],
    ['/role', { role: 'operator' }],
    ['/plaintext', { plaintext: 'ush_live_mine' }],
    ['/tenant_id', { tenant_id: 'acme' }],
  ])('with a pointer to %s', async (pointer, body) => {
    const answer = await issue(app, acme, body);
    expect([answer.status, answer.body.code]).toEqual([422, 'validation-failed']);
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toContain(
      pointer,
    );
  });

  test.each(['orders:write', 'credentials:read', 'credentials:write'])(
    'with a code of its own for the planned scope %s',
    async (scope) => {
      const { status, body } = await issue(app, acme, { scopes: ['whoami', scope] });
      expect([status, body.code]).toEqual([422, 'scope-planned']);
      expect(body.scopes).toEqual([scope]);
    },
  );
});

describe('POST /v1/api-keys answers 403 and 404', () => {
  test('to a role or a scope above the issuer’s', async () => {
    const client = await oneOf(app, acme, 'client');
    const high = await issue(app, acme, { role: 'admin' }, client);
    expect([high.status, high.body.code]).toEqual([403, 'role-too-high']);
    const admin = await oneOf(app, acme, 'admin');
    expect((await issue(app, acme, { role: 'admin' }, admin)).status).toBe(201);
    expect((await issue(app, acme, { role: 'owner' }, admin)).body.code).toBe('role-too-high');

    const bare = await machineWith(app, 'keys:create');
    const scoped = await issue(app, acme, { scopes: ['products:read'] }, { key: bare });
    expect([scoped.status, scoped.body.code]).toEqual([403, 'scope-too-high']);
    expect(scoped.body.scopes).toEqual(['products:read']);
    expect((await issue(app, acme, { scopes: ['whoami'] }, { key: bare })).status).toBe(201);
    const role = await issue(app, acme, { scopes: [], role: 'client' }, { key: bare });
    expect([role.status, role.body.code]).toEqual([403, 'role-too-high']);
  });

  test('to who may not, and of another tenant nothing is learned', async () => {
    const support = await app.keyFor('support');
    expect((await issue(app, acme, {}, { key: support })).body.code).toBe('forbidden');
    const stranger = await oneOf(app, await tenant(app), 'owner');
    const { status, body } = await issue(app, acme, {}, stranger);
    expect([status, body.code]).toEqual([403, 'forbidden']);
    const nowhere = await issue(app, '0193f4c2-7a10-7c55-9a3e-51d6f0b7c2aa');
    expect([nowhere.status, nowhere.body.code]).toEqual([404, 'tenant-not-found']);
    expect((await issue(app, acme, {}, { anonymous: true })).status).toBe(401);
  });
});

describe('POST /v1/api-keys answers 409', () => {
  test('plan-limit-reached beyond the keys of a plan; dead and ended ones do not count', async () => {
    const starter = await tenant(app, { plan: 'starter' });
    const keys = [];
    for (let n = 0; n < 5; n += 1) keys.push(await issued(app, starter));
    const sixth = await issue(app, starter);
    expect([sixth.status, sixth.body.code]).toEqual([409, 'plan-limit-reached']);
    expect(sixth.body).toMatchObject({ of: 'keys', limit: 5 });
    await app.call('DELETE', `/v1/api-keys/${keys[0].id}`);
    expect((await issue(app, starter)).status).toBe(201);
    await sql(app, `update api_keys set expires_at = now() - interval '1 second' where id = $1`, [
      keys[1].id,
    ]);
    expect((await issue(app, starter)).status).toBe(201);
    await app.call('POST', `/v1/api-keys/${keys[2].id}/block`);
    expect((await issue(app, starter)).body.code).toBe('plan-limit-reached');
  });

  test('plan-limit-reached also when many are issued at once: five of twelve get through', async () => {
    const starter = await tenant(app, { plan: 'starter' });
    const answers = await Promise.all(Array.from({ length: 12 }, () => issue(app, starter)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(5);
    expect(answers.filter(({ body }) => body.code === 'plan-limit-reached')).toHaveLength(7);
  });

  test('plan-limit-reached above the rate or the usage of a plan', async () => {
    const starter = await tenant(app, { plan: 'starter' });
    for (const [of, body] of [
      ['rate_limit', { rate_limit: 601 }],
      ['rate_limit', { rate_limit: { limit: 11, window_seconds: 1 } }],
      ['usage_limit', { usage_limit: 1_000_001 }],
    ] as const) {
      const answer = await issue(app, starter, body);
      expect([answer.status, answer.body.code, answer.body.of]).toEqual([
        409,
        'plan-limit-reached',
        of,
      ]);
    }
    expect((await issue(app, starter, { rate_limit: 600, usage_limit: 1_000_000 })).status).toBe(
      201,
    );
  });

  test.each(['suspended', 'frozen', 'archived', 'deleted', 'purging'])(
    'tenant-without-keys while the tenant is %s',
    async (status) => {
      const { status: code, body } = await issue(app, await tenant(app, { status }));
      expect([code, body.code, body.status]).toEqual([409, 'tenant-without-keys', 409]);
    },
  );
});

describe('GET /v1/api-keys/scopes', () => {
  test('tells active scopes from planned ones', async () => {
    const { body } = await app.call('GET', '/v1/api-keys/scopes');
    const named = (status: string): string[] =>
      body.items
        .filter((item: { status: string }) => item.status === status)
        .map(({ scope }: { scope: string }) => scope);
    expect(named('active')).toEqual(['whoami', 'products:read', 'search:read']);
    expect(named('planned')).toEqual(['orders:write', 'credentials:read', 'credentials:write']);
  });
});

describe('KEYS_FORMAT', () => {
  test.each([
    ['trk', /^trk_live_[0-9A-Za-z]{22}$/],
    ['bp', /^bp_[A-Za-z0-9_-]{22}$/],
  ] as const)('%s issues keys of that form, which are found like others', async (format, form) => {
    const own = await startTestApp({ worker: false, env: { KEYS_FORMAT: format } });
    try {
      const id = await tenant(own);
      const { body } = await issue(own, id);
      expect(body.plaintext).toMatch(form);
      expect(await statusOfPlaintext(own, body.plaintext)).toBe('active');
      const other = await issue(own, id, { environment: 'test' });
      if (environmentsOf(format).includes('test'))
        expect(other.body.plaintext).toMatch(/^trk_test_/);
      else expect([other.status, other.body.code]).toEqual([422, 'environment-not-issued']);
    } finally {
      await own.stop();
    }
  });
});
