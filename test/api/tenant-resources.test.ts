import { recordResource } from '../../src/domain/tenants/resources';
import { withSystem } from '../../src/platform/db';
import type { Tx } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import { insertJob, insertTenant } from '../domain/onboarding/rows';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';

let app: TestApp;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(app.deps.db, 'cli', fn);

beforeAll(async () => {
  app = await startTestApp({ worker: false });
});

afterAll(() => app.stop());

const activeTenant = (drift: string | null = 'missing') =>
  act(async (tx) => {
    const slug = `r-${newId().slice(-12)}`;
    const tenantId = await insertTenant(tx, { slug, status: 'active' });
    const job = await insertJob(tx, { tenantId, state: 'active', acceptedAgo: 9, activatedAgo: 8 });
    await recordResource(tx, {
      tenantId,
      connector: 'sample',
      externalId: 'sheet-1',
      status: 'ready',
      onboardingId: job.id,
    });
    const { id } = await tx.one<{ id: string }>(
      'update tenant_resources set drift = $2 where tenant_id = $1 returning id',
      [tenantId, drift],
    );
    return { tenantId, slug, resourceId: id, jobId: job.id };
  });
const wakes = (tenantId: string) =>
  act((tx) =>
    tx.rows('select input from outbox where workflow_id = $1', [`reconcile-tenant/${tenantId}`]),
  );

describe('GET /tenants/{slug}/resources', () => {
  it('200 lists what the tenant has, by slug or id', async () => {
    const { tenantId, slug, resourceId, jobId } = await activeTenant();
    for (const key of [slug, tenantId, tenantId.toUpperCase()]) {
      const { status, body } = await app.call('GET', `/tenants/${key}/resources`);
      expect(status).toBe(200);
      expect(body.items).toMatchObject([
        {
          id: resourceId,
          connector: 'sample',
          external_id: 'sheet-1',
          drift: 'missing',
          job_id: jobId,
        },
      ]);
    }
  });

  it('422 for a cursor of another tenant, 404 for an unknown one', async () => {
    const [one, two] = [await activeTenant(), await activeTenant()];
    await act((tx) =>
      tx.run(
        `insert into tenant_resources (id, tenant_id, connector, status) values ($1, $2, 'other', 'ready')`,
        [newId(), one.tenantId],
      ),
    );
    const { body } = await app.call('GET', `/tenants/${one.slug}/resources?limit=1`);
    const cursor = encodeURIComponent(body.next_cursor);
    const other = await app.call('GET', `/tenants/${two.slug}/resources?limit=1&cursor=${cursor}`);
    expect(other.body.code).toBe('cursor-invalid');
    const rest = await app.call('GET', `/tenants/${one.slug}/resources?limit=1&cursor=${cursor}`);
    expect(rest.body.items).toHaveLength(1);
    expect((await app.call('GET', '/tenants/nobody/resources')).body.code).toBe('tenant-not-found');
  });
});

describe('POST /tenants/{slug}/reconcile', () => {
  it('202 wakes the workflow of the tenant, also while Temporal is down', async () => {
    const { tenantId, slug } = await activeTenant();
    const { status, body } = await app.call('POST', `/tenants/${slug}/reconcile`);
    expect(status).toBe(202);
    expect(body).toMatchObject({
      tenant_id: tenantId,
      workflow_id: `reconcile-tenant/${tenantId}`,
    });
    expect(await wakes(tenantId)).toEqual([{ input: { tenantId } }]);
  });

  it('409 for a tenant that is not open, 403 for support', async () => {
    const { tenantId, slug } = await activeTenant();
    await act((tx) => tx.run(`update tenants set status = 'frozen' where id = $1`, [tenantId]));
    expect((await app.call('POST', `/tenants/${slug}/reconcile`)).body.code).toBe(
      'tenant-not-open',
    );
    const key = await app.keyFor('support');
    expect((await app.call('POST', `/tenants/${slug}/reconcile`, { key })).status).toBe(403);
  });
});

describe('POST /tenants/{slug}/resources/{id}/repair', () => {
  const repair = (slug: string, id: string, headers: Record<string, string> = {}) =>
    app.call('POST', `/tenants/${slug}/resources/${id}/repair`, {
      body: { reason: 'gone' },
      headers,
    });

  it('202 orders a repair once per Idempotency-Key, with its audit entry', async () => {
    const { tenantId, slug, resourceId } = await activeTenant();
    const headers = { 'idempotency-key': newId() };
    const first = await repair(slug, resourceId, headers);
    expect(first.status).toBe(202);
    expect(first.body).toMatchObject({
      repair: 'provision',
      status: 'queued',
      workflow_id: `reconcile-tenant/${tenantId}`,
    });
    expect((await repair(slug, resourceId, headers)).body).toEqual(first.body);
    expect(await wakes(tenantId)).toHaveLength(1);
    const second = await repair(slug, resourceId);
    expect([second.status, second.body.code]).toEqual([409, 'order-exists']);
    const entries = await act((tx) =>
      tx.rows(`select action, description from audit_trail where tenant_id = $1`, [tenantId]),
    );
    expect(entries).toContainEqual({ action: 'resource.repair_ordered', description: 'gone' });
  });

  it('202 marks at once as left what is not wanted any more', async () => {
    const { slug, resourceId } = await activeTenant('extra');
    const { body } = await repair(slug, resourceId);
    expect(body).toMatchObject({ repair: 'leave', status: 'done', workflow_id: null });
    expect((await app.call('GET', `/tenants/${slug}/resources`)).body.items).toEqual([]);
    const all = await app.call('GET', `/tenants/${slug}/resources?left=true`);
    expect(all.body.items).toMatchObject([{ status: 'left' }]);
  });

  it('409 where nothing is wrong, 404 for an unknown resource, 422 without a reason', async () => {
    const { slug, resourceId } = await activeTenant(null);
    expect((await repair(slug, resourceId)).body.code).toBe('order-not-possible');
    expect((await repair(slug, newId())).body.code).toBe('resource-not-found');
    const path = `/tenants/${slug}/resources/${resourceId}/repair`;
    expect((await app.call('POST', path, { body: {} })).status).toBe(422);
  });
});
