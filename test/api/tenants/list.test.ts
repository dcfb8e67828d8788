import { createPartner } from '../../../src/domain/tenants/partners';
import { recordResource } from '../../../src/domain/tenants/resources';
import { withSystem } from '../../../src/platform/db';
import type { Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { insertTenant } from '../../domain/onboarding/rows';
import { startTestApp } from '../../support/test-app';
import type { TestApp, TestRequest } from '../../support/test-app';
import { person, signedIn } from '../people';
import { sql } from '../rows';

let app: TestApp;
let partner: { id: string; slug: string };
let ids: Record<string, string>;
let reseller: TestRequest;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(app.deps.db, 'cli', fn);

beforeAll(async () => {
  app = await startTestApp({ worker: false });
  app.startSequencer();
  partner = await act((tx) =>
    createPartner(tx, { slug: 'northwind', name: 'Northwind', actorId: 'system:cli' }),
  );
  ids = await act(async (tx) => {
    const made: Record<string, string> = {};
    const make = async (slug: string, given: Parameters<typeof insertTenant>[1]) => {
      made[slug] = await insertTenant(tx, { slug, ...given });
    };
    await make('alpha', { status: 'active', plan: 'scale', partnerId: partner.id });
    await make('beta', { status: 'trial', partnerId: partner.id });
    await make('gamma', { status: 'suspended' });
    await make('delta', { status: 'active', kind: 'pilot' });
    const resource = (slug: string, connector: string, status: 'ready' | 'error' | 'pending') =>
      recordResource(tx, {
        tenantId: made[slug] ?? '',
        connector,
        externalId: null,
        status,
        onboardingId: null,
      });
    await resource('alpha', 'sample', 'ready');
    await resource('alpha', 'other', 'error');
    await resource('delta', 'sample', 'ready');
    await resource('gamma', 'sample', 'pending');
    await tx.run(
      `update tenants set primary_domain = 'delta.example', erp_customer_id = 'D-1' where slug = 'delta'`,
    );
    await tx.run(
      `update tenants set trial_ends_at = now() - interval '1 minute' where slug = 'beta'`,
    );
    return made;
  });
  const someone = await person(app);
  await sql(
    app,
    `insert into memberships (id, user_id, scope, partner_id, role) values ($1, $2, 'partner', $3, 'partner')`,
    [newId(), someone.id, partner.id],
  );
  reseller = { anonymous: true, headers: await signedIn(app, someone) };
});
afterAll(() => app.stop());

const list = async (query = '', request: TestRequest = {}) => {
  const { body } = await app.call('GET', `/tenants${query}`, request);
  return { slugs: body.items.map(({ slug }: { slug: string }) => slug).sort(), body };
};

describe('GET /tenants', () => {
  test('200 lists all with their counts per status; a trial that is over counts as frozen', async () => {
    const { slugs, body } = await list();
    expect(slugs).toEqual(['acme', 'alpha', 'beta', 'delta', 'gamma']);
    expect(body.counts).toEqual({ active: 3, frozen: 1, suspended: 1 });
    const alpha = body.items.find(({ slug }: { slug: string }) => slug === 'alpha');
    expect(alpha).toMatchObject({ partner_slug: 'northwind', provisioning: 'error', users: 0 });
  });

  test.each([
    ['?status=active', ['acme', 'alpha', 'delta']],
    ['?status=frozen', ['beta']],
    ['?status=trial', []],
    ['?plan=scale', ['alpha']],
    ['?kind=pilot', ['delta']],
    ['?partner=northwind', ['alpha', 'beta']],
    ['?provisioning=ready', ['delta']],
    ['?provisioning=error', ['alpha']],
    ['?provisioning=pending', ['gamma']],
    ['?provisioning=none', ['acme', 'beta']],
    ['?q=ALPH', ['alpha']],
    ['?q=tenant%20gam', ['gamma']],
    ['?q=delta.exam', ['delta']],
    ['?q=D-1', ['delta']],
    ['?q=00000000-0000-0000-0000-000000000001', ['acme']],
    ['?q=%25', []],
    ['?status=active&partner=northwind', ['alpha']],
  ])('200 with %s', async (query, expected) => {
    expect((await list(query)).slugs).toEqual(expected);
  });

  test('200 counts every status of a filter, whatever status is asked for', async () => {
    const { body } = await list('?partner=northwind&status=active');
    expect(body.counts).toEqual({ active: 1, frozen: 1 });
  });

  test('200 pages through, and 422 for a cursor of another filter', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { body } = await app.call('GET', `/tenants?limit=2${query}`);
      seen.push(...body.items.map(({ slug }: { slug: string }) => slug));
      cursor = body.next_cursor;
    }
    expect(seen.sort()).toEqual(['acme', 'alpha', 'beta', 'delta', 'gamma']);
    const { body } = await app.call('GET', '/tenants?limit=1');
    const other = await app.call(
      'GET',
      `/tenants?status=active&cursor=${encodeURIComponent(body.next_cursor)}`,
    );
    expect(other.body.code).toBe('cursor-invalid');
  });

  test('shows a partner’s people the partner’s tenants and counts only, whatever they ask for', async () => {
    for (const query of ['', '?partner=northwind', '?q=a']) {
      const { slugs, body } = await list(query, reseller);
      expect(slugs).toEqual(['alpha', 'beta']);
      expect(body.counts).toEqual({ active: 1, frozen: 1 });
    }
    expect((await list('?q=gamma', reseller)).slugs).toEqual([]);
  });

  test('200 with the partner that is asked for by id or slug, and always the same one when none is', async () => {
    const [someone, other] = [
      await person(app),
      await act((tx) =>
        createPartner(tx, { slug: 'southwind', name: 'Southwind', actorId: 'system:cli' }),
      ),
    ];
    await act((tx) => insertTenant(tx, { slug: 'epsilon', status: 'active', partnerId: other.id }));
    const join = (partnerId: string) =>
      sql(
        app,
        `insert into memberships (id, user_id, scope, partner_id, role) values ($1, $2, 'partner', $3, 'partner')`,
        [newId(), someone.id, partnerId],
      );
    // The later partner first, so that the order of the rows is not the one of the ids.
    await join(other.id);
    await join(partner.id);
    const both = { anonymous: true, headers: await signedIn(app, someone) };
    expect(partner.id < other.id).toBe(true);
    for (const [query, expected] of [
      ['', ['alpha', 'beta']],
      ['?partner=northwind', ['alpha', 'beta']],
      [`?partner=${partner.id}`, ['alpha', 'beta']],
      ['?partner=southwind', ['epsilon']],
      [`?partner=${other.id.toUpperCase()}`, ['epsilon']],
      ['?partner=eastwind', []],
    ] as const) {
      expect([query, (await list(query, both)).slugs]).toEqual([query, expected]);
    }
    await sql(app, `update tenants set partner_id = null where slug = 'epsilon'`);
    await sql(app, `delete from tenants where slug = 'epsilon'`);
  });

  test('403 for a tenant’s own people', async () => {
    const client = await person(app, { tenants: [{ id: ids['delta'] ?? '', role: 'owner' }] });
    const request = { anonymous: true, headers: await signedIn(app, client) };
    expect((await app.call('GET', '/tenants', request)).status).toBe(403);
  });
});

describe('GET /tenants/{slug}', () => {
  test('200 with the ETag for operators and the partner; 404 and 403', async () => {
    const { status, body, headers } = await app.call('GET', '/tenants/alpha');
    expect([status, body.id, headers.get('etag')]).toEqual([200, ids['alpha'], '"v1"']);
    expect(body).toMatchObject({ provisioning: 'error', purge: null, partner_slug: 'northwind' });
    expect((await app.call('GET', '/tenants/alpha', reseller)).status).toBe(200);
    expect((await app.call('GET', '/tenants/gamma', reseller)).status).toBe(403);
    expect((await app.call('GET', '/tenants/nobody')).body.code).toBe('tenant-not-found');
    expect((await app.call('GET', '/tenants/nobody', reseller)).status).toBe(403);
  });
});

describe('GET /tenants/{slug}/users', () => {
  test('200 lists who has a role in it, to operators, its admins and its partner', async () => {
    const id = ids['alpha'] ?? '';
    const admin = await person(app, { tenants: [{ id, role: 'admin' }] });
    const client = await person(app, { tenants: [{ id, role: 'client' }] });
    const as = async (who: { email: string }): Promise<TestRequest> => ({
      anonymous: true,
      headers: await signedIn(app, who),
    });
    const asAdmin = await as(admin);
    for (const request of [{}, asAdmin, reseller]) {
      const { body } = await app.call('GET', '/tenants/alpha/users', request);
      expect(
        body.items
          .map(({ email, role }: { email: string; role: string }) => `${role} ${email}`)
          .sort(),
      ).toEqual([`admin ${admin.email}`, `client ${client.email}`]);
    }
    const { body } = await app.call('GET', '/tenants/alpha/users?limit=1');
    expect(body.items).toHaveLength(1);
    expect(body.next_cursor).not.toBeNull();
    expect((await app.call('GET', '/tenants/alpha/users', await as(client))).status).toBe(403);
    expect((await app.call('GET', '/tenants/gamma/users', asAdmin)).status).toBe(403);
  });
});

describe('GET /tenants/{slug}/audit', () => {
  test('200 lists what was done to it, newest first, to operators and its own admins', async () => {
    const id = ids['delta'] ?? '';
    await app.call('POST', '/tenants/delta/suspend', { body: { reason: 'Look into it' } });
    await app.call('POST', '/tenants/delta/resume', { body: {} });
    const admin = await person(app, { tenants: [{ id, role: 'admin' }] });
    const own = { anonymous: true, headers: await signedIn(app, admin) };
    for (const request of [{}, own]) {
      const { body } = await app.call('GET', '/tenants/delta/audit?action=tenant', request);
      expect(body.items).toMatchObject([
        { action: 'tenant.resumed', description: null },
        { action: 'tenant.suspended', description: 'Look into it', metadata: { to: 'suspended' } },
      ]);
    }
    expect((await app.call('GET', '/tenants/delta/audit', reseller)).status).toBe(403);
    expect((await app.call('GET', '/tenants/alpha/audit', own)).status).toBe(403);
  });
});
