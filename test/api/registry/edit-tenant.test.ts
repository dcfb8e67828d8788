import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { newSlug, registryOf } from './registry-world';
import { sql } from '../rows';

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp({ worker: false });
});
afterAll(() => app.stop());

const { tenant, read, patch, personOf } = registryOf(() => app);

describe('PATCH /v1/tenants/{id}', () => {
  test('200 changes every field that is named, counts the version up and tells which', async () => {
    const { id } = await tenant();
    const changes = {
      name: 'Acme & Sons',
      slug: newSlug(),
      plan: 'scale',
      sales_owner: 'Mara',
      erp_customer_id: 'D-4711',
      stripe_customer_id: 'cus_123',
      trial_ends_at: new Date(Date.now() + 86_400_000).toISOString(),
      contract_start: '2026-01-01',
      contract_end: '2026-12-31',
      primary_domain: 'Acme.Example',
      seats: 25,
      billing: {
        company: 'Acme GmbH',
        vat_id: 'DE123456789',
        email: 'Pay@Acme.Example',
        address: 'Hauptstraße 1\n10115 Berlin',
      },
    };
    const { status, body, headers } = await patch(id, 1, changes);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...changes,
      primary_domain: 'acme.example',
      billing: { ...changes.billing, email: 'pay@acme.example' },
      version: 2,
    });
    expect(headers.get('etag')).toBe('"v2"');
    expect((await read(id)).body).toEqual(body);
    const [entry] = await sql<{ fields: string }>(
      app,
      `select metadata->>'fields' as fields from audit_trail where tenant_id = $1 and action = 'tenant.updated'`,
      [id],
    );
    expect(entry?.fields.split(' ').sort()).toEqual(Object.keys(changes).sort());
  });

  test('200 empties a field with null and changes members of billing one by one', async () => {
    const { id } = await tenant({ sales_owner: 'Mara' });
    await patch(id, 1, { seats: 3, billing: { company: 'Acme', vat_id: 'DE1' } });
    const { body } = await patch(id, 2, {
      seats: null,
      sales_owner: null,
      billing: { company: null, email: 'pay@acme.example' },
    });
    expect(body).toMatchObject({
      seats: null,
      sales_owner: null,
      billing: { company: null, vat_id: 'DE1', email: 'pay@acme.example', address: null },
    });
  });

  test('200 leaves the version where nothing changes', async () => {
    const { id } = await tenant();
    const { status, body } = await patch(id, 1, { name: 'Acme', billing: {} });
    expect([status, body.version]).toEqual([200, 1]);
  });

  test('428 without If-Match, 412 with a stale one and the current ETag', async () => {
    const { id } = await tenant();
    await patch(id, 1, { name: 'Two' });
    const without = await app.call('PATCH', `/v1/tenants/${id}`, { body: { name: 'x' } });
    expect([without.status, without.body.code]).toEqual([428, 'precondition-required']);
    const stale = await patch(id, 1, { name: 'Three' });
    expect([stale.status, stale.body.code, stale.headers.get('etag')]).toEqual([
      412,
      'version-stale',
      '"v2"',
    ]);
  });

  test('409 slug-taken for another tenant’s slug of now or before; its own old one it may have back', async () => {
    const [one, two] = [await tenant(), await tenant()];
    const next = newSlug();
    await patch(two.id, 1, { slug: next });
    for (const slug of [two.slug, next, 'admin', two.id]) {
      expect((await patch(one.id, 1, { slug })).body.code).toBe('slug-taken');
    }
    const back = await patch(two.id, 2, { slug: two.slug });
    expect([back.status, back.body.slug]).toEqual([200, two.slug]);
    const { headers } = await app.call('GET', `/v1/tenants/by-slug/${next}`);
    expect(headers.get('location')).toBe(`/v1/tenants/by-slug/${two.slug}`);
  });

  test('422 for a contract that ends before it starts and for a trial that ended', async () => {
    const { id } = await tenant();
    const past = await patch(id, 1, { trial_ends_at: '2020-01-01T00:00:00Z' });
    expect([past.status, past.body.errors[0].pointer]).toEqual([422, '/trial_ends_at']);
    await patch(id, 1, { contract_start: '2026-06-01' });
    const { body } = await patch(id, 2, { contract_end: '2026-05-31' });
    expect(body.errors[0].pointer).toBe('/contract_end');
    for (const wrong of [
      { primary_domain: 'no domain' },
      { seats: 0 },
      { billing: { phone: '1' } },
      { status: 'active' },
      { contract_start: '2026-02-30' },
      { contract_start: '0000-01-01' },
      { contract_end: '0000-12-31' },
    ]) {
      expect((await patch(id, 2, wrong)).status).toBe(422);
    }
  });

  test('200 for half a surrogate pair, which becomes U+FFFD', async () => {
    const { id } = await tenant();
    const { status, body } = await patch(id, 1, {
      billing: { company: 'Acme \ud800 \ud83d\ude00' },
    });
    expect([status, body.billing.company]).toEqual([200, 'Acme \ufffd \ud83d\ude00']);
  });

  test('409 invalid-transition for the end of a trial that does not run', async () => {
    const { id } = await tenant();
    await app.call('POST', `/v1/tenants/${id}/activate`);
    const later = new Date(Date.now() + 86_400_000).toISOString();
    const { status, body } = await patch(id, 2, { trial_ends_at: later });
    expect([status, body.code, body.from]).toEqual([409, 'invalid-transition', 'active']);
  });

  test('its own owner changes name, domain and billing; what is the operator’s is refused by name', async () => {
    const { id } = await tenant();
    const owner = await personOf([{ id, role: 'owner' }]);
    const client = await personOf([{ id, role: 'client' }]);
    const own = await patch(id, 1, { name: 'Ours', billing: { company: 'Ours' } }, owner);
    expect([own.status, own.body.name]).toEqual([200, 'Ours']);
    for (const changes of [
      { plan: 'scale' },
      { trial_ends_at: '2040-01-01T00:00:00Z' },
      { seats: 9 },
    ]) {
      const { status, body } = await patch(id, 2, { name: 'x', ...changes }, owner);
      expect([status, body.code]).toEqual([403, 'forbidden']);
      expect(body.detail).toContain(Object.keys(changes)[0]);
    }
    expect((await patch(id, 2, { name: 'x' }, client)).status).toBe(403);
    expect((await read(id)).body).toMatchObject({ name: 'Ours', plan: 'starter', seats: null });
  });
});
