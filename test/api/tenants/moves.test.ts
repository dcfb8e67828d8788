import { withSystem } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { insertTenant } from '../../domain/onboarding/rows';
import { atBarrier } from '../../support/at-barrier';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp, TestRequest } from '../../support/test-app';
import { openRows } from '../../workflows/rows';
import type { Rows } from '../../workflows/rows';
import { machine, person, signedIn } from '../people';
import { sql } from '../rows';

let app: TestApp;
let rows: Rows;

// No worker and no Temporal: what a request does to a tenant needs neither.
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  rows = await openRows(app);
});
afterAll(async () => {
  await rows.close();
  await app.stop();
});

const tenantIn = async (status: string): Promise<{ id: string; slug: string }> => {
  const slug = `t-${newId().slice(-12)}`;
  const id = await withSystem(app.deps.db, 'cli', async (tx) => {
    const tenantId = await insertTenant(tx, { slug, status });
    await tx.run(
      `update tenants set former_status = case when status = 'suspended' then 'active' end,
         deleted_from = case when status = 'deleted' then 'frozen' end,
         deleted_at = case when status = 'deleted' then now() end,
         purge_at = case when status = 'deleted' then now() + interval '30 days' end,
         trial_ends_at = case when status = 'trial' then now() + interval '14 days' end where id = $1`,
      [tenantId],
    );
    return tenantId;
  });
  return { id, slug };
};
const act = (slug: string, action: string, request: TestRequest = {}): Promise<TestAnswer> =>
  action === 'delete'
    ? app.call('DELETE', `/tenants/${slug}`, request)
    : app.call('POST', `/tenants/${slug}/${action}`, { body: { reason: 'The test' }, ...request });
const statuses = [
  'pending',
  'trial',
  'active',
  'suspended',
  'frozen',
  'archived',
  'deleted',
  'purging',
];

const possible: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  suspend: { pending: 'suspended', trial: 'suspended', active: 'suspended' },
  resume: { suspended: 'active' },
  archive: { frozen: 'archived' },
  restore: { frozen: 'active', archived: 'active', deleted: 'frozen' },
  delete: Object.fromEntries(
    statuses.filter((one) => one !== 'purging').map((one) => [one, 'deleted']),
  ),
};

describe.each(Object.entries(possible))('%s', (action, targets) => {
  test.each(statuses)('of a tenant that is %s', async (status) => {
    const { id, slug } = await tenantIn(status);
    const { status: answered, body } = await act(slug, action);
    const to = targets[status];
    if (to === undefined) {
      expect([answered, body.code, body.from]).toEqual([409, 'invalid-transition', status]);
      expect(typeof body.to).toBe('string');
    } else {
      expect([answered, body.id, body.status]).toEqual([200, id, to]);
      const woken = await sql(app, 'select input from outbox where workflow_id = $1', [
        `tenant-lifecycle/${id}`,
      ]);
      expect(woken).toEqual(status === to ? [] : [{ input: { tenantId: id } }]);
    }
  });

  test('answers 404 for an unknown tenant, 412 for a stale If-Match, 403 without tenants:write', async () => {
    expect((await act('nobody-here', action)).body.code).toBe('tenant-not-found');
    const { id, slug } = await tenantIn(Object.keys(targets)[0] ?? '');
    const stale = await act(slug, action, { headers: { 'if-match': '"v9"' } });
    expect([stale.status, stale.headers.get('etag')]).toEqual([412, '"v1"']);
    const owner = await person(app, { tenants: [{ id, role: 'owner' }] });
    const people = { anonymous: true, headers: await signedIn(app, owner) };
    expect((await act(slug, action, people)).status).toBe(403);
    expect((await act(slug, action, { key: await app.keyFor('support') })).status).toBe(403);
  });
});

describe.each(['suspend', 'cancel', 'archive', 'delete'])('the answer to %s', (action) => {
  const from = action === 'archive' ? 'frozen' : 'active';

  test('comes only after the barrier, also to a replay', async () => {
    const { id, slug } = await tenantIn(from);
    const headers = { 'idempotency-key': newId() };
    const call = (): Promise<TestAnswer> =>
      action === 'cancel'
        ? app.call('POST', `/v1/tenants/${id}/cancel`, { headers })
        : act(slug, action, action === 'delete' ? {} : { headers });
    for (let n = 0; n < 2; n += 1) {
      expect((await atBarrier(app, rows, call)).status).toBe(200);
    }
  });
});

describe('suspend', () => {
  test('422 without a reason', async () => {
    const { slug } = await tenantIn('active');
    const { status, body } = await act(slug, 'suspend', { body: {} });
    expect([status, body.errors[0].pointer]).toEqual([422, '/reason']);
  });

  test('keeps who, why and what was; resume lifts just that', async () => {
    const { slug } = await tenantIn('trial');
    const { id: service, key } = await machine(app, ['tenants:write']);
    const { body } = await act(slug, 'suspend', { key, body: { reason: 'Unpaid' } });
    expect(body.suspended).toMatchObject({
      by: `service:${service}`,
      reason: 'Unpaid',
      former_status: 'trial',
    });
    const resumed = await act(slug, 'resume');
    expect(resumed.body).toMatchObject({ status: 'trial', suspended: null });
  });

  test('ends the sessions of the tenant’s people, but not of those who are in another open one', async () => {
    const [one, two] = [await tenantIn('active'), await tenantIn('active')];
    const only = await person(app, { tenants: [{ id: one.id, role: 'owner' }] });
    const both = await person(app, {
      tenants: [
        { id: one.id, role: 'client' },
        { id: two.id, role: 'client' },
      ],
    });
    const [first, second] = [await signedIn(app, only), await signedIn(app, both)];
    const me = (headers: Record<string, string>) =>
      app.call('GET', '/me', { anonymous: true, headers });
    expect([(await me(first)).status, (await me(second)).status]).toEqual([200, 200]);
    await act(one.slug, 'suspend');
    expect([(await me(first)).status, (await me(second)).status]).toEqual([401, 200]);
    const closed = await app.call('GET', `/v1/tenants/${one.id}`, {
      anonymous: true,
      headers: second,
    });
    expect(closed.status).toBe(403);
    await act(one.slug, 'resume');
    expect(
      (await app.call('GET', `/v1/tenants/${one.id}`, { anonymous: true, headers: second })).status,
    ).toBe(200);
  });
});

describe('delete', () => {
  test('is repeatable: the second time changes nothing', async () => {
    const { slug } = await tenantIn('active');
    const first = await act(slug, 'delete');
    const again = await act(slug, 'delete');
    expect([again.status, again.body]).toEqual([200, first.body]);
  });
});

describe('purge', () => {
  test('is for owners who signed in a moment ago, and for machines that hold it by name', async () => {
    const { slug } = await tenantIn('deleted');
    const as = async (role: 'owner' | 'admin'): Promise<TestRequest> => ({
      anonymous: true,
      headers: await signedIn(app, await person(app, { roles: [role] })),
    });
    expect((await act(slug, 'purge', await as('admin'))).body.code).toBe('forbidden');
    expect((await act(slug, 'purge')).body.code).toBe('forbidden');
    const { status, body } = await act(slug, 'purge', await as('owner'));
    expect([status, body.status]).toEqual([202, 'purging']);
  });

  test('ordered again heeds If-Match, is told in the audit log with its reason, and tries at once', async () => {
    const { id, slug } = await tenantIn('deleted');
    const { id: service, key } = await machine(app, ['tenants:purge', 'tenants:read']);
    const purge = (reason: string, etag: string) =>
      act(slug, 'purge', { key, body: { reason }, headers: { 'if-match': etag } });
    expect((await purge('Contract is over', '"v1"')).status).toBe(202);
    await sql(
      app,
      `insert into tenant_lifecycles (tenant_id, export_next_at) values ($1, now() + interval '1 hour')`,
      [id],
    );
    const isDue = async () =>
      (
        await sql<{ due: boolean }>(
          app,
          'select export_next_at <= now() as due from tenant_lifecycles where tenant_id = $1',
          [id],
        )
      )[0]?.due;
    const stale = await purge('The disk has room', '"v1"');
    expect([stale.status, stale.body.code, stale.headers.get('etag')]).toEqual([
      412,
      'version-stale',
      '"v2"',
    ]);
    expect(await isDue()).toBe(false);
    const again = await purge('The disk has room', '"v2"');
    expect([again.status, again.body.version, await isDue()]).toEqual([202, 2, true]);
    const told = await sql(
      app,
      `select actor_id, description from audit_trail
       where tenant_id = $1 and action = 'tenant.purging' order by seq`,
      [id],
    );
    expect(told).toEqual([
      { actor_id: `service:${service}`, description: 'Contract is over' },
      { actor_id: `service:${service}`, description: 'The disk has room' },
    ]);
  });
});

describe('a trial that is over and that no worker has moved', () => {
  const lapsed = async () => {
    const { id, slug } = await tenantIn('trial');
    await sql(app, `update tenants set trial_ends_at = now() - interval '1 day' where id = $1`, [
      id,
    ]);
    const etag = async (): Promise<string> => {
      const { body, headers } = await app.call('GET', `/v1/tenants/${id}`);
      expect(body.status).toBe('frozen');
      return headers.get('etag') ?? '';
    };
    return { id, slug, etag, ifMatch: { 'if-match': await etag() } };
  };

  test('is changed by who sends the ETag of its GET', async () => {
    const { id, slug, ifMatch } = await lapsed();
    const edit = { body: { name: 'Later' }, headers: ifMatch };
    const edited = await app.call('PATCH', `/v1/tenants/${id}`, edit);
    expect([edited.status, edited.body.name, edited.body.status]).toEqual([200, 'Later', 'frozen']);
    const etag = { 'if-match': edited.headers.get('etag') ?? '' };
    expect((await act(slug, 'archive', { headers: etag })).body.status).toBe('archived');
    const other = await lapsed();
    const restored = await act(other.slug, 'restore', { headers: other.ifMatch });
    expect([restored.status, restored.body.status]).toEqual([200, 'active']);
  });

  test('refuses what is not possible for what it is, 409, and a stale ETag with the one that GET shows', async () => {
    const { id, slug, etag, ifMatch } = await lapsed();
    const { key } = await machine(app, ['tenants:purge', 'tenants:read']);
    for (const refused of [
      await act(slug, 'suspend', { headers: ifMatch }),
      await act(slug, 'purge', { headers: ifMatch, key }),
      await app.call('POST', `/v1/tenants/${id}/activate`, { headers: ifMatch }),
    ]) {
      expect([refused.status, refused.body.code, refused.body.from]).toEqual([
        409,
        'invalid-transition',
        'frozen',
      ]);
    }
    const stale = await act(slug, 'archive', { headers: { 'if-match': '"v2"' } });
    expect([stale.status, stale.headers.get('etag')]).toEqual([412, await etag()]);
  });
});

test('a former slug names its tenant in every order', async () => {
  const { id, slug } = await tenantIn('active');
  const next = `t-${newId().slice(-12)}`;
  await sql(app, 'insert into tenant_slugs (slug, tenant_id) values ($1, $2)', [slug, id]);
  const patched = await app.call('PATCH', `/tenants/${slug}`, {
    body: { slug: next },
    headers: { 'if-match': '"v1"' },
  });
  expect([patched.status, patched.body.slug]).toEqual([200, next]);
  expect((await act(slug, 'suspend')).body.id).toBe(id);
  expect((await act(id.toUpperCase(), 'resume')).body.id).toBe(id);
  const shown = await app.call('GET', `/tenants/${slug}`);
  expect([shown.status, shown.headers.get('location')]).toEqual([301, `/tenants/${next}`]);
  expect((await app.call('GET', `/tenants/${id}`)).body.slug).toBe(next);
});
