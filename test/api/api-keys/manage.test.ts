import { withTenant } from '../../../src/platform/db';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { sql } from '../rows';
import {
  actionsOf,
  eventsOf,
  issued,
  machineWith,
  oneOf,
  rotate,
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

const path = (key: { id: string }, deed = ''): string => `/v1/api-keys/${key.id}${deed}`;
const patch = (key: { id: string }, body: unknown, version = 1, extra = {}) =>
  app.call('PATCH', path(key), { body, headers: { 'if-match': `"v${version}"` }, ...extra });

describe('GET /v1/api-keys', () => {
  test('lists a tenant’s keys, newest first, without any secret, by pages and by status', async () => {
    const own = await tenant(app);
    const keys = [];
    for (const name of ['a', 'b', 'c']) keys.push(await issued(app, own, { name }));
    await app.call('POST', path(keys[1], '/block'));
    const first = await app.call('GET', `/v1/api-keys?tenant_id=${own}&limit=2`);
    expect(first.body.items.map(({ name }: { name: string }) => name)).toEqual(['c', 'b']);
    const next = encodeURIComponent(first.body.next_cursor);
    const second = await app.call('GET', `/v1/api-keys?tenant_id=${own}&limit=2&cursor=${next}`);
    expect(second.body.items.map(({ name }: { name: string }) => name)).toEqual(['a']);
    expect(second.body.next_cursor).toBeNull();
    expect(JSON.stringify([first.body, second.body])).not.toMatch(/plaintext|digest/);
    const blocked = await app.call('GET', `/v1/api-keys?tenant_id=${own}&status=blocked`);
    expect(blocked.body.items.map(({ name }: { name: string }) => name)).toEqual(['b']);
    const moved = await app.call('GET', `/v1/api-keys?tenant_id=${acme}&cursor=${next}`);
    expect([moved.status, moved.body.code]).toEqual([422, 'cursor-invalid']);
  });

  test('422 without a tenant, 404 for one that there is not', async () => {
    expect((await app.call('GET', '/v1/api-keys')).body.code).toBe('validation-failed');
    const { status, body } = await app.call(
      'GET',
      '/v1/api-keys?tenant_id=0193f4c2-7a10-7c55-9a3e-51d6f0b7c2aa',
    );
    expect([status, body.code]).toEqual([404, 'tenant-not-found']);
  });
});

describe('a key of another tenant', () => {
  test('is not there for that tenant’s people: 404 on every path, whatever they send', async () => {
    const key = await issued(app, acme);
    const stranger = await oneOf(app, await tenant(app), 'owner');
    const headers = { ...stranger.headers, 'if-match': '"v1"' };
    for (const [method, where, body] of [
      ['GET', path(key), undefined],
      ['PATCH', path(key), { name: 'mine' }],
      ['DELETE', path(key), undefined],
      ['POST', path(key, '/revoke'), {}],
      ['POST', path(key, '/block'), {}],
      ['POST', path(key, '/unblock'), {}],
      ['POST', path(key, '/rotate'), {}],
      ['GET', path(key, '/usage'), undefined],
      ['GET', path(key, '/rotations'), undefined],
    ] as const) {
      const answer = await app.call(method, where, { anonymous: true, headers, body });
      expect([method, where, answer.status, answer.body.code]).toEqual([
        method,
        where,
        404,
        'api-key-not-found',
      ]);
    }
    expect(await statusOfPlaintext(app, key.plaintext)).toBe('active');
  });

  test('is not even seen by a transaction of that tenant', async () => {
    const key = await issued(app, acme);
    const other = await tenant(app);
    const seen = await withTenant(app.deps.db, other, (tx) =>
      tx.rows('select id from api_keys where id = $1', [key.id]),
    );
    expect(seen).toEqual([]);
  });

  test('403 for staff without the permission, and for machines', async () => {
    const key = await issued(app, acme);
    const reader = await machineWith(app, 'keys:read');
    expect((await app.call('GET', path(key), { key: reader })).status).toBe(200);
    for (const [method, where] of [
      ['DELETE', path(key)],
      ['POST', path(key, '/rotate')],
      ['POST', path(key, '/block')],
    ] as const) {
      const answer = await app.call(method, where, { key: reader });
      expect([answer.status, answer.body.code]).toEqual([403, 'forbidden']);
    }
  });
});

describe('PATCH /v1/api-keys/{id}', () => {
  test('changes what is named and nothing else, and the version', async () => {
    const key = await issued(app, acme, { allowed_cidrs: ['10.0.0.0/8'] });
    const { status, body, headers } = await patch(key, {
      name: 'shop 2',
      scopes: ['whoami'],
      rate_limit: 30,
    });
    expect(status).toBe(200);
    expect(headers.get('etag')).toBe('"v2"');
    expect(body).toMatchObject({
      name: 'shop 2',
      scopes: ['whoami'],
      allowed_cidrs: ['10.0.0.0/8'],
      rate_limit: { limit: 30, window_seconds: 60 },
      version: 2,
    });
    const emptied = await patch(key, { allowed_cidrs: [], usage_limit: 7 }, 2);
    expect(emptied.body).toMatchObject({ allowed_cidrs: [], usage_limit: 7 });
    const reset = await patch(key, { usage_limit: null, rate_limit: null }, 3);
    expect(reset.body).toMatchObject({
      usage_limit: null,
      rate_limit: { limit: 6000, window_seconds: 60 },
    });
  });

  test('of a rate is one of the whole rotation family, which is counted as one: windows of two lengths would bound nothing', async () => {
    const own = await tenant(app);
    const key = await issued(app, own);
    const { body: successor } = await rotate(app, key.id);
    const rate = { limit: 100, window_seconds: 61 };
    await patch(successor, { rate_limit: rate });
    const old = await app.call('GET', path(key));
    expect(old.body).toMatchObject({ rate_limit: rate, version: 3 });
    expect(
      (await actionsOf(app, own)).filter((action) => action === 'apikey.changed'),
    ).toHaveLength(2);
    // What is the same already is no change.
    await patch(successor, { rate_limit: rate }, 2);
    expect((await app.call('GET', path(key))).body.version).toBe(3);
  });

  test('428 without If-Match, 412 with a stale one, which names the current', async () => {
    const key = await issued(app, acme);
    const bare = await app.call('PATCH', path(key), { body: { name: 'x' } });
    expect([bare.status, bare.body.code]).toEqual([428, 'precondition-required']);
    await patch(key, { name: 'x' });
    const stale = await patch(key, { name: 'y' });
    expect([stale.status, stale.body.code]).toEqual([412, 'version-stale']);
    expect(stale.headers.get('etag')).toBe('"v2"');
  });

  test('two at once: one of them is stale', async () => {
    const key = await issued(app, acme);
    const both = await Promise.all([patch(key, { name: 'x' }), patch(key, { name: 'y' })]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  test('gives no more than the editor has; what is there already may stay', async () => {
    const key = await issued(app, acme, { scopes: ['products:read'] });
    const bare = await machineWith(app, 'keys:write');
    const kept = await patch(key, { scopes: ['products:read', 'whoami'] }, 1, { key: bare });
    expect([kept.status, kept.body.scopes]).toEqual([200, ['whoami', 'products:read']]);
    const more = await patch(key, { scopes: ['products:read', 'search:read'] }, 2, { key: bare });
    expect([more.status, more.body.code]).toEqual([403, 'scope-too-high']);
    const planned = await patch(key, { scopes: ['orders:write'] }, 2);
    expect([planned.status, planned.body.code]).toEqual([422, 'scope-planned']);
    const unknown = await patch(key, { scopes: ['whoami', 'all'] }, 2);
    expect(unknown.body.errors).toMatchObject([{ pointer: '/scopes/1' }]);
  });

  test('409 above the plan and for a key that is dead; a lowered plan leaves keys as they are', async () => {
    const own = await tenant(app);
    const key = await issued(app, own, { rate_limit: 6000 });
    await sql(app, `update tenants set plan = 'starter' where id = $1`, [own]);
    const kept = await patch(key, { name: 'still fast' });
    expect(kept.body.rate_limit.limit).toBe(6000);
    const more = await patch(key, { rate_limit: 5000 }, 2);
    expect([more.status, more.body.code]).toEqual([409, 'plan-limit-reached']);
    await app.call('DELETE', path(key));
    const dead = await patch(key, { name: 'late' }, 3);
    expect([dead.status, dead.body.code]).toEqual([409, 'api-key-dead']);
  });

  test('tells of a new name once, by an event', async () => {
    const own = await tenant(app);
    const key = await issued(app, own);
    await patch(key, { name: 'new' });
    await patch(key, { name: 'new', scopes: [] }, 2);
    expect((await eventsOf(app, own)).filter((type) => type.includes('renamed'))).toHaveLength(1);
  });

  test('422 for a field that is not to be changed', async () => {
    const key = await issued(app, acme);
    for (const field of ['environment', 'tenant_id', 'role', 'expires_at', 'plaintext']) {
      const { status, body } = await patch(key, { [field]: 'live' });
      expect([field, status, body.errors?.[0]?.pointer]).toEqual([field, 422, `/${field}`]);
    }
  });
});

describe('DELETE /v1/api-keys/{id} and POST /revoke', () => {
  test('end a key for good, and may be repeated, with whatever version', async () => {
    const own = await tenant(app);
    const [one, two] = [await issued(app, own), await issued(app, own)];
    for (const headers of [{}, { 'if-match': '"v1"' }, {}]) {
      expect((await app.call('DELETE', path(one), { headers })).status).toBe(204);
    }
    const revoked = await app.call('POST', path(two, '/revoke'), { body: { reason: 'lost' } });
    expect(revoked.body).toMatchObject({ status: 'revoked', revoked_reason: 'lost' });
    const again = await app.call('POST', path(two, '/revoke'), { body: { reason: 'other' } });
    expect(again.body).toMatchObject({ revoked_reason: 'lost', version: 2 });
    expect(await statusOfPlaintext(app, one.plaintext)).toBe('revoked');
    expect(await eventsOf(app, own)).toEqual([
      'cabinet.apikey.created.v1',
      'cabinet.apikey.created.v1',
      'cabinet.apikey.deleted.v1',
      'cabinet.apikey.revoked.v1',
    ]);
    expect(await actionsOf(app, own)).toEqual([
      'apikey.created',
      'apikey.created',
      'apikey.deleted',
      'apikey.revoked',
    ]);
  });

  test('412 for another version of a key that lives', async () => {
    const key = await issued(app, acme);
    const stale = await app.call('DELETE', path(key), { headers: { 'if-match': '"v7"' } });
    expect([stale.status, stale.body.code]).toEqual([412, 'version-stale']);
    expect(await statusOfPlaintext(app, key.plaintext)).toBe('active');
  });

  test('answer only when the longest lease has run out since their commit, repeats as well', async () => {
    const key = await issued(app, acme);
    await sql(app, 'update verification_settings set max_lease_ms = 300');
    try {
      for (let n = 0; n < 2; n += 1) {
        const { status } = await app.call('DELETE', path(key));
        const [row] = await sql<{ late: boolean }>(
          app,
          `select clock_timestamp() >= revoked_at + interval '350 milliseconds' as late
           from api_keys where id = $1`,
          [key.id],
        );
        expect([status, row?.late]).toEqual([204, true]);
      }
    } finally {
      await sql(app, 'update verification_settings set max_lease_ms = 0');
    }
  });
});

describe('POST /block and /unblock', () => {
  test('refuse a key and let it pass again; each may be repeated', async () => {
    const own = await tenant(app);
    const key = await issued(app, own);
    for (let n = 0; n < 2; n += 1) {
      const { body } = await app.call('POST', path(key, '/block'), { body: { reason: 'odd use' } });
      expect(body).toMatchObject({ status: 'blocked', blocked_reason: 'odd use', version: 2 });
    }
    expect(await statusOfPlaintext(app, key.plaintext)).toBe('blocked');
    for (let n = 0; n < 2; n += 1) {
      const { body } = await app.call('POST', path(key, '/unblock'));
      expect(body).toMatchObject({ status: 'active', blocked_at: null, version: 3 });
    }
    expect((await eventsOf(app, own)).slice(1)).toEqual([
      'apikey.blocked.v1',
      'apikey.unblocked.v1',
    ]);
  });

  test('what staff have blocked the tenant’s own people do not unblock, nor take over', async () => {
    const key = await issued(app, acme);
    const admin = await oneOf(app, acme, 'admin');
    await app.call('POST', path(key, '/block'), { body: { reason: 'abuse' } });
    const taken = await app.call('POST', path(key, '/block'), {
      ...admin,
      body: { reason: 'own' },
    });
    expect(taken.body.blocked_reason).toBe('abuse');
    const refused = await app.call('POST', path(key, '/unblock'), admin);
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden']);
    await app.call('POST', path(key, '/unblock'));
    await app.call('POST', path(key, '/block'), { ...admin, body: {} });
    expect((await app.call('POST', path(key, '/unblock'), admin)).body.status).toBe('active');
  });

  test('409 for a key that is dead', async () => {
    const key = await issued(app, acme);
    await app.call('DELETE', path(key));
    for (const deed of ['/block', '/unblock']) {
      const { status, body } = await app.call('POST', path(key, deed));
      expect([status, body.code]).toEqual([409, 'api-key-dead']);
    }
  });
});

describe('GET /v1/api-keys/{id}/usage', () => {
  test('adds up days and codes, and counts against the limit of the whole family', async () => {
    const key = await issued(app, acme, { usage_limit: 100 });
    const { body: successor } = await rotate(app, key.id);
    await sql(
      app,
      `insert into api_key_usage (key_id, tenant_id, requests, last_used_at, last_ip, cost, day, day_requests, day_cost)
       values ($1, $3, 12, now(), '192.0.2.7', 40, (now() at time zone 'utc')::date, 5, 6),
         ($2, $3, 3, now(), null, 0, (now() at time zone 'utc')::date, 3, 3)`,
      [key.id, successor.id, acme],
    );
    await sql(
      app,
      `insert into api_key_usage_days (key_id, tenant_id, day, code, requests, cost)
       select $1, $2, (now() at time zone 'utc')::date - n, code, requests, requests
       from (values (1, 'VALID', 7), (1, 'SCOPE_DENIED', 2), (0, 'IP_DENIED', 1), (400, 'VALID', 9)) as d (n, code, requests)`,
      [key.id, acme],
    );
    const { body } = await app.call('GET', path(key, '/usage'));
    expect(body).toMatchObject({
      requests: 12,
      last_ip: '192.0.2.7',
      family_cost: 40,
      usage_limit: 100,
      days: [
        { requests: 5, codes: { VALID: 5, IP_DENIED: 1 } },
        { requests: 7, cost: 9, codes: { VALID: 7, SCOPE_DENIED: 2 } },
      ],
    });
    expect(body.days).toHaveLength(2);
    const today = await app.call('GET', path(key, '/usage?days=1'));
    expect(today.body.days).toHaveLength(1);
    const after = await app.call('GET', path(successor, '/usage'));
    expect(after.body).toMatchObject({ requests: 3, family_cost: 40 });
  });

  test('is empty for a key that was never used', async () => {
    const key = await issued(app, acme);
    const { body } = await app.call('GET', path(key, '/usage'));
    expect(body).toMatchObject({ requests: 0, last_used_at: null, last_ip: null, days: [] });
  });
});
