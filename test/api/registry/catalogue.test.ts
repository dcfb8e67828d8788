import { newId } from '../../../src/platform/ids';
import { startTestApp } from '../../support/test-app';
import type { TestApp, TestRequest } from '../../support/test-app';
import { person, signedIn } from '../people';
import { sql } from '../rows';

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp({ worker: false });
});
afterAll(() => app.stop());

const day = 86_400_000;
const inDays = (days: number): string => new Date(Date.now() + days * day).toISOString();
const tenant = async (): Promise<string> => {
  const { body } = await app.call('POST', '/v1/tenants', {
    body: { slug: `t-${newId().slice(-12)}`, name: 'Acme' },
  });
  return body.id;
};
const personIn = async (id: string, role: 'owner' | 'admin' | 'client'): Promise<TestRequest> => ({
  anonymous: true,
  headers: await signedIn(app, await person(app, { tenants: [{ id, role }] })),
});
const ask = (
  what: 'request' | 'trial-request',
  tenantId: string,
  body: Record<string, unknown> = {},
  request: TestRequest = {},
) =>
  app.call('POST', `/v1/catalog/${what}`, {
    body: { tenant_id: tenantId, product: 'insights', ...body },
    ...request,
  });
const put = (tenantId: string, body: Record<string, unknown>, request: TestRequest = {}) =>
  app.call('PUT', '/v1/entitlements', {
    body: { tenant_id: tenantId, product: 'insights', status: 'active', limits: {}, ...body },
    ...request,
  });
const entitlements = async (tenantId: string, request: TestRequest = {}) =>
  (await app.call('GET', `/v1/entitlements?tenant_id=${tenantId}`, request)).body.items;

describe('GET /v1/catalog', () => {
  test('200 lists what the file brought in, to operators and to a tenant’s people', async () => {
    const client = await personIn(await tenant(), 'client');
    for (const request of [{}, client]) {
      const { status, body } = await app.call('GET', '/v1/catalog', request);
      expect(status).toBe(200);
      expect(body.items.map(({ product }: { product: string }) => product).sort()).toEqual([
        'bulk-export',
        'insights',
        'repricing',
      ]);
      expect(Object.keys(body.items[0]).sort()).toEqual([
        'description',
        'name',
        'product',
        'trial_days',
      ]);
    }
  });

  test('403 for somebody who belongs to nothing', async () => {
    const nobody = { anonymous: true, headers: await signedIn(app, await person(app)) };
    expect((await app.call('GET', '/v1/catalog', nobody)).status).toBe(403);
  });
});

describe('PUT /v1/catalog/{product}', () => {
  test('200 adds and changes a product; one that is not requestable is listed no more', async () => {
    const path = '/v1/catalog/forecasts';
    const body = { name: 'Forecasts', description: 'Next month', trial_days: 7 };
    const added = await app.call('PUT', path, { body });
    expect(added.body).toMatchObject({ product: 'forecasts', trial_days: 7, version: 1 });
    expect((await app.call('PUT', path, { body })).body.version).toBe(1);
    const hidden = await app.call('PUT', path, {
      body: { ...body, requestable: false },
      headers: { 'if-match': '"v1"' },
    });
    expect(hidden.body).toMatchObject({ requestable: false, version: 2 });
    const stale = await app.call('PUT', path, { body, headers: { 'if-match': '"v1"' } });
    expect(stale.status).toBe(412);
    const { body: list } = await app.call('GET', '/v1/catalog');
    expect(list.items.map(({ product }: { product: string }) => product)).not.toContain(
      'forecasts',
    );
    expect((await ask('request', await tenant(), { product: 'forecasts' })).body.code).toBe(
      'product-not-found',
    );
  });
});

describe('POST /v1/catalog/request', () => {
  test('201 tells the operators; 409 request-open until it is decided', async () => {
    const id = await tenant();
    const client = await personIn(id, 'client');
    const { status, body } = await ask('request', id, { note: 'From May on' }, client);
    expect([status, body.status, body.product, body.note]).toEqual([
      201,
      'open',
      'insights',
      'From May on',
    ]);
    const mails = await sql(
      app,
      `select to_email, data->>'note' as note from mails where tenant_id = $1 and kind = 'catalog-request'`,
      [id],
    );
    expect(mails).toEqual([{ to_email: 'operators@usher.localhost', note: 'From May on' }]);
    const again = await ask('request', id);
    expect([again.status, again.body.code]).toEqual([409, 'request-open']);
    await put(id, { status: 'active' });
    const { body: list } = await app.call('GET', `/v1/catalog/requests?tenant_id=${id}`);
    expect(list.items).toMatchObject([{ id: body.id, status: 'granted' }]);
    expect((await ask('request', id)).body.code).toBe('already-entitled');
  });

  test('201 for half a surrogate pair in the note, which becomes U+FFFD', async () => {
    const { status, body } = await ask('request', await tenant(), { note: 'From \udfff on' });
    expect([status, body.note]).toEqual([201, 'From \ufffd on']);
  });

  test('a declined request may be made again', async () => {
    const id = await tenant();
    const { body } = await ask('request', id);
    const decline = () =>
      app.call('POST', `/v1/catalog/requests/${body.id}/decline`, { body: { reason: 'Not yet' } });
    expect((await decline()).body).toMatchObject({ status: 'declined', decided_reason: 'Not yet' });
    expect((await decline()).body.code).toBe('request-decided');
    expect((await ask('request', id)).status).toBe(201);
    const open = await app.call('GET', `/v1/catalog/requests?status=open&tenant_id=${id}`);
    expect(open.body.items).toHaveLength(1);
    const unknown = await app.call('POST', `/v1/catalog/requests/${newId()}/decline`, {
      body: { reason: 'x' },
    });
    expect(unknown.body.code).toBe('request-not-found');
  });

  test('404 for an unknown product, 403 for another tenant’s people, 409 for a closed tenant', async () => {
    const [id, other] = [await tenant(), await tenant()];
    expect((await ask('request', id, { product: 'nothing' })).status).toBe(404);
    expect((await ask('request', id, {}, await personIn(other, 'owner'))).status).toBe(403);
    expect((await ask('request', newId())).body.code).toBe('tenant-not-found');
    await app.call('POST', `/tenants/${id}/suspend`, { body: { reason: 'x' } });
    for (const what of ['request', 'trial-request'] as const) {
      expect((await ask(what, id)).body.code).toBe('tenant-not-open');
    }
  });
});

describe('POST /v1/catalog/trial-request', () => {
  test('201 gives 14 days at once, to the tenant’s own client as well', async () => {
    const id = await tenant();
    const client = await personIn(id, 'client');
    const { status, body } = await ask('trial-request', id, {}, client);
    expect([status, body.status]).toEqual([201, 'trial']);
    expect((Date.parse(body.expires_at) - Date.parse(body.started_at)) / day).toBeCloseTo(14, 3);
    expect(await entitlements(id, client)).toMatchObject([
      {
        product: 'insights',
        status: 'trial',
        source: 'trial',
        expires_at: body.expires_at,
        version: 1,
      },
    ]);
    const woken = await sql(app, 'select workflow_type from outbox where workflow_id = $1', [
      `product-trial/${body.id}`,
    ]);
    expect(woken).toEqual([{ workflow_type: 'productTrial' }]);
  });

  test('409 trial-used the second time, whoever asks, at the same time or years later', async () => {
    const id = await tenant();
    const answers = await Promise.all([1, 2, 3, 4].map(() => ask('trial-request', id)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
    await sql(
      app,
      `update entitlements set expires_at = now() - interval '1 year' where tenant_id = $1`,
      [id],
    );
    const { status, body } = await ask('trial-request', id);
    expect([status, body.code]).toEqual([409, 'trial-used']);
    expect((await ask('trial-request', id, { product: 'repricing' })).status).toBe(201);
    expect((await ask('trial-request', await tenant())).status).toBe(201);
  });

  test('replays for the same Idempotency-Key', async () => {
    const id = await tenant();
    const headers = { 'idempotency-key': newId() };
    const first = await ask('trial-request', id, {}, { headers });
    expect((await ask('trial-request', id, {}, { headers })).body).toEqual(first.body);
  });
});

describe('PUT /v1/entitlements', () => {
  test('200 grants, changes, and counts the version up only where something changes', async () => {
    const id = await tenant();
    const granted = await put(id, { limits: { seats: 5, export: true, region: 'eu' } });
    expect(granted.body).toMatchObject({
      status: 'active',
      limits: { seats: 5, export: true, region: 'eu' },
      source: 'manual',
      expires_at: null,
      version: 1,
    });
    const same = await put(id, { limits: { region: 'eu', export: true, seats: 5 } });
    expect(same.body.version).toBe(1);
    const changed = await put(id, { expires_at: inDays(30) });
    expect([changed.body.version, changed.headers.get('etag')]).toEqual([2, '"v2"']);
    const stale = await put(id, { status: 'expired' }, { headers: { 'if-match': '"v1"' } });
    expect([stale.status, stale.headers.get('etag')]).toEqual([412, '"v2"']);
    await put(id, { status: 'expired' });
    const events = await sql(
      app,
      `select type from events where tenant_id = $1 and type like 'entitlement.%' order by seq`,
      [id],
    );
    expect(events).toEqual([
      { type: 'entitlement.granted.v1' },
      { type: 'entitlement.changed.v1' },
      { type: 'entitlement.expired.v1' },
    ]);
  });

  test('200 for half a surrogate pair in a limit, which becomes U+FFFD', async () => {
    const { status, body } = await put(await tenant(), { limits: { region: '\ud800' } });
    expect([status, body.limits]).toEqual([200, { region: '\ufffd' }]);
  });

  test('extends a trial once', async () => {
    const id = await tenant();
    await ask('trial-request', id);
    const longer = await put(id, { status: 'trial', expires_at: inDays(28) });
    expect(longer.body).toMatchObject({ status: 'trial', version: 2 });
    const again = await put(id, { status: 'trial', expires_at: inDays(42) });
    expect([again.status, again.body.code]).toEqual([409, 'trial-extended']);
    const shorter = await put(id, { status: 'trial', expires_at: inDays(20) });
    expect(shorter.status).toBe(200);
    expect((await put(id, { status: 'active' })).status).toBe(200);
  });

  test('extends a trial that is over as well, once', async () => {
    const id = await tenant();
    await ask('trial-request', id);
    await sql(
      app,
      `update entitlements set expires_at = now() - interval '1 day' where tenant_id = $1`,
      [id],
    );
    expect((await entitlements(id))[0].status).toBe('expired');
    expect((await put(id, { status: 'trial', expires_at: inDays(7) })).body.status).toBe('trial');
    expect((await put(id, { status: 'trial', expires_at: inDays(9) })).status).toBe(409);
  });

  test.each([
    ['withdrawn', { status: 'expired' }],
    ['withdrawn, with a far end', { status: 'expired', expires_at: inDays(900) }],
    ['granted', { status: 'active' }],
    ['granted to a far end', { status: 'active', expires_at: inDays(900) }],
  ])('extends a trial that was %s before its end by giving it back, once', async (_name, over) => {
    const id = await tenant();
    await ask('trial-request', id);
    await put(id, over);
    const back = await put(id, { status: 'trial', expires_at: inDays(60) });
    expect([back.status, back.body.status]).toEqual([200, 'trial']);
    await put(id, over);
    const again = await put(id, { status: 'trial', expires_at: inDays(5) });
    expect([again.status, again.body.code]).toEqual([409, 'trial-extended']);
    expect((await put(id, { status: 'active' })).status).toBe(200);
  });

  test('counts a trial that an operator begins as the one there is', async () => {
    const id = await tenant();
    await put(id, { status: 'trial', expires_at: inDays(5) });
    expect((await ask('trial-request', id)).body.code).toBe('trial-used');
  });

  test('404, 409, 403 and 422 where it cannot be', async () => {
    const id = await tenant();
    expect((await put(newId(), {})).body.code).toBe('tenant-not-found');
    expect((await put(id, { product: 'nothing' })).body.code).toBe('product-not-found');
    expect((await put(id, {}, await personIn(id, 'owner'))).status).toBe(403);
    for (const wrong of [
      { status: 'trial' },
      { expires_at: '2020-01-01T00:00:00Z' },
      { status: 'gone' },
      { limits: { 'not a name': 1 } },
      { limits: { nested: {} } },
      { colour: 'red' },
    ]) {
      expect([wrong, (await put(id, wrong)).status]).toEqual([wrong, 422]);
    }
    await app.call('DELETE', `/tenants/${id}`);
    expect((await put(id, {})).body.code).toBe('tenant-not-open');
  });
});

describe('GET /v1/entitlements', () => {
  test('200 pages through what a tenant may use; an end is true at read time', async () => {
    const id = await tenant();
    for (const product of ['insights', 'repricing', 'bulk-export']) {
      await put(id, { product, expires_at: inDays(1) });
    }
    await sql(
      app,
      `update entitlements set expires_at = now() where tenant_id = $1 and product = 'repricing'`,
      [id],
    );
    const seen: Record<string, string> = {};
    let cursor: string | null = '';
    while (cursor !== null) {
      const more: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { body } = await app.call('GET', `/v1/entitlements?tenant_id=${id}&limit=1${more}`);
      for (const item of body.items) seen[item.product] = item.status;
      cursor = body.next_cursor;
    }
    expect(seen).toEqual({ insights: 'active', repricing: 'expired', 'bulk-export': 'active' });
  });

  test('422 without a tenant, 404 for an unknown one, 403 for another tenant’s people', async () => {
    const [id, other] = [await tenant(), await tenant()];
    expect((await app.call('GET', '/v1/entitlements')).status).toBe(422);
    expect((await app.call('GET', `/v1/entitlements?tenant_id=${newId()}`)).status).toBe(404);
    const stranger = await personIn(other, 'owner');
    const { status } = await app.call('GET', `/v1/entitlements?tenant_id=${id}`, stranger);
    expect(status).toBe(403);
  });
});
