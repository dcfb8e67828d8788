import { createPartner } from '../../../src/domain/tenants/partners';
import { withSystem } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { startTestApp } from '../../support/test-app';
import type { TestApp, TestRequest } from '../../support/test-app';
import { person, signedIn } from '../people';
import { newSlug, registryOf } from './registry-world';
import { sql } from '../rows';

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp({ worker: false });
});
afterAll(() => app.stop());

const { create, tenant, read, patch, personOf } = registryOf(() => app);
const partner = () =>
  withSystem(app.deps.db, 'cli', (tx) =>
    createPartner(tx, { slug: newSlug(), name: 'Northwind', actorId: 'system:cli' }),
  );

test('with nothing configured the registry holds acme, active, on plan starter', async () => {
  const { status, body } = await read('00000000-0000-0000-0000-000000000001');
  expect(status).toBe(200);
  expect(body).toMatchObject({ slug: 'acme', status: 'active', plan: 'starter', version: 1 });
});

describe('POST /v1/tenants', () => {
  test('201 makes a trial of 14 days, with audit entry and event', async () => {
    const { status, body, headers } = await create({ sales_owner: 'Mara Lund' });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      name: 'Acme',
      status: 'trial',
      plan: 'starter',
      kind: 'customer',
      partner_id: null,
      sales_owner: 'Mara Lund',
      version: 1,
    });
    expect(headers.get('etag')).toBe('"v1"');
    const days = (Date.parse(body.trial_ends_at) - Date.parse(body.created_at)) / 86_400_000;
    expect(days).toBeCloseTo(14, 3);
    expect(
      await sql(app, 'select action from audit_trail where tenant_id = $1', [body.id]),
    ).toEqual([{ action: 'tenant.created' }]);
    expect(await sql(app, 'select type, data from events where tenant_id = $1', [body.id])).toEqual(
      [
        {
          type: 'tenant.created.v1',
          data: { tenant_id: body.id, slug: body.slug, status: 'trial', plan: 'starter' },
        },
      ],
    );
  });

  test('201 takes plan, kind, partner and days', async () => {
    const { id } = await partner();
    const { body } = await create({ plan: 'scale', kind: 'pilot', partner_id: id, trial_days: 30 });
    expect(body).toMatchObject({ plan: 'scale', kind: 'pilot', partner_id: id });
  });

  test('replays its first answer for the same Idempotency-Key', async () => {
    const slug = newSlug();
    const request = { headers: { 'idempotency-key': newId() } };
    const first = await create({ slug }, request);
    const again = await create({ slug }, request);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.body).toEqual(first.body);
    expect((await create({ slug })).body.code).toBe('slug-taken');
  });

  test.each([
    'ab',
    'A-b-c',
    '-abc',
    'abc-',
    'a--b',
    'xn--bcher-kva',
    'a_b_c',
    'äöü',
    `a${'b'.repeat(40)}`,
  ])('422 for the slug %j', async (slug) => {
    const { status, body } = await create({ slug });
    expect([status, body.errors[0].pointer]).toEqual([422, '/slug']);
  });

  test('422 for what it does not know or cannot take, all at once', async () => {
    const { body } = await create({ colour: 'red', trial_days: 0, kind: 'friend', plan: 'No!' });
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
      '/colour',
      '/kind',
      '/plan',
      '/trial_days',
    ]);
  });

  test.each(['admin', 'console', 'www'])('409 slug-taken for the reserved %s', async (slug) => {
    const { status, body } = await create({ slug });
    expect([status, body.code]).toEqual([409, 'slug-taken']);
  });

  test('409 slug-taken for a slug that has the form of an id, whose ever it is', async () => {
    for (const slug of [(await tenant()).id, newId()]) {
      const { status, body } = await create({ slug });
      expect([status, body.code]).toEqual([409, 'slug-taken']);
    }
  });

  test('409 slug-taken for the slug of a deleted tenant, and of one that had it before', async () => {
    const deleted = await tenant();
    await sql(app, `update tenants set status = 'deleted', deleted_from = 'trial' where id = $1`, [
      deleted.id,
    ]);
    expect((await create({ slug: deleted.slug })).body.code).toBe('slug-taken');
    const renamed = await tenant();
    await patch(renamed.id, 1, { slug: newSlug() });
    expect((await create({ slug: renamed.slug })).body.code).toBe('slug-taken');
  });

  test('of many who want one slug at once a single one gets it', async () => {
    const slug = newSlug();
    const answers = await Promise.all(Array.from({ length: 8 }, () => create({ slug })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(7).fill(409)]);
  });

  test('404 partner-not-found for an unknown partner', async () => {
    const { status, body } = await create({ partner_id: newId() });
    expect([status, body.code]).toEqual([404, 'partner-not-found']);
  });
});

describe('GET /v1/tenants/{id} and /v1/tenants/by-slug/{slug}', () => {
  test('200 with the ETag, by either name', async () => {
    const { id, slug } = await tenant();
    for (const path of [id, id.toUpperCase(), `by-slug/${slug}`]) {
      const answer = await app.call('GET', `/v1/tenants/${path}`);
      expect([answer.status, answer.body.id, answer.headers.get('etag')]).toEqual([
        200,
        id,
        '"v1"',
      ]);
    }
  });

  test('404 for an unknown tenant', async () => {
    for (const path of [newId(), 'by-slug/nobody-here']) {
      const { status, body } = await app.call('GET', `/v1/tenants/${path}`);
      expect([status, body.code]).toEqual([404, 'tenant-not-found']);
    }
  });

  test('301 from an old slug to the new one, also two renames later', async () => {
    const { id, slug } = await tenant();
    const [second, third] = [newSlug(), newSlug()];
    await patch(id, 1, { slug: second });
    await patch(id, 2, { slug: third });
    for (const old of [slug, second]) {
      const answer = await app.call('GET', `/v1/tenants/by-slug/${old}`);
      expect([answer.status, answer.headers.get('location')]).toEqual([
        301,
        `/v1/tenants/by-slug/${third}`,
      ]);
    }
    expect((await app.call('GET', `/v1/tenants/by-slug/${third}`)).body.id).toBe(id);
  });

  test('shows a tenant to its own people and to its partner’s, and to nobody else', async () => {
    const { id: partnerId } = await partner();
    const mine = await tenant({ partner_id: partnerId });
    const other = await tenant();
    const client = await personOf([{ id: mine.id, role: 'client' }]);
    const reseller = await person(app);
    await sql(
      app,
      `insert into memberships (id, user_id, scope, partner_id, role) values ($1, $2, 'partner', $3, 'partner')`,
      [newId(), reseller.id, partnerId],
    );
    const partners: TestRequest = { anonymous: true, headers: await signedIn(app, reseller) };
    for (const who of [client, partners]) {
      expect((await read(mine.id, who)).body.id).toBe(mine.id);
      expect((await app.call('GET', `/v1/tenants/by-slug/${mine.slug}`, who)).status).toBe(200);
      for (const path of [other.id, newId(), `by-slug/${other.slug}`, 'by-slug/nobody']) {
        const { status, body } = await app.call('GET', `/v1/tenants/${path}`, who);
        expect([path, status, body.code]).toEqual([path, 403, 'forbidden']);
      }
    }
  });
});

describe('POST /v1/tenants/{id}/activate and /cancel', () => {
  const post = (id: string, action: string, request: TestRequest = {}) =>
    app.call('POST', `/v1/tenants/${id}/${action}`, request);

  test('200 from trial to active to frozen', async () => {
    const { id } = await tenant();
    const activated = await post(id, 'activate');
    expect([activated.status, activated.body.status]).toEqual([200, 'active']);
    expect(activated.body.activated_at).not.toBeNull();
    const cancelled = await post(id, 'cancel');
    expect(cancelled.body).toMatchObject({ status: 'frozen', frozen: { reason: 'cancelled' } });
    const events = await sql(app, 'select type from events where tenant_id = $1 order by seq', [
      id,
    ]);
    expect(events).toEqual([
      { type: 'tenant.created.v1' },
      { type: 'tenant.activated.v1' },
      { type: 'tenant.cancelled.v1' },
    ]);
  });

  test('409 invalid-transition from everywhere else, with from and to', async () => {
    for (const status of [
      'pending',
      'active',
      'suspended',
      'frozen',
      'archived',
      'deleted',
      'purging',
    ]) {
      const { id } = await tenant();
      await sql(app, 'update tenants set status = $2 where id = $1', [id, status]);
      const { body } = await post(id, 'activate');
      expect([body.code, body.from, body.to]).toEqual(['invalid-transition', status, 'active']);
      if (status === 'active') continue;
      const cancel = await post(id, 'cancel');
      expect([cancel.status, cancel.body.from, cancel.body.to]).toEqual([409, status, 'frozen']);
    }
    const { id } = await tenant();
    expect((await post(id, 'cancel')).body).toMatchObject({ from: 'trial', to: 'frozen' });
  });

  test('404 for an unknown tenant, 412 for a stale If-Match, 403 for the tenant’s own owner', async () => {
    expect((await post(newId(), 'activate')).status).toBe(404);
    const { id } = await tenant();
    expect((await post(id, 'activate', { headers: { 'if-match': '"v7"' } })).status).toBe(412);
    const owner = await personOf([{ id, role: 'owner' }]);
    expect((await post(id, 'activate', owner)).status).toBe(403);
    expect((await post(id, 'cancel', { key: await app.keyFor('support') })).status).toBe(403);
  });

  test('replays for the same Idempotency-Key', async () => {
    const { id } = await tenant();
    const headers = { 'idempotency-key': newId() };
    const first = await post(id, 'activate', { headers });
    expect((await post(id, 'activate', { headers })).body).toEqual(first.body);
    expect((await post(id, 'activate')).status).toBe(409);
  });
});

test('a tenant whose trial is over reads as frozen, to its people as well', async () => {
  const { id } = await tenant();
  const client = await personOf([{ id, role: 'client' }]);
  await sql(app, `update tenants set trial_ends_at = now() where id = $1`, [id]);
  for (const who of [{}, client]) {
    expect((await read(id, who)).body).toMatchObject({
      status: 'frozen',
      frozen: { reason: 'trial-ended' },
    });
  }
  const owner = await personOf([{ id, role: 'owner' }]);
  expect((await patch(id, 1, { name: 'x' }, owner)).status).toBe(403);
});
