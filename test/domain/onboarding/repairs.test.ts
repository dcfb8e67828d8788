import { runRepair, viewRepair } from '../../../src/domain/onboarding/call-repair';
import { currentResources } from '../../../src/domain/tenants/resources';
import { newId } from '../../../src/platform/ids';
import { waitFor } from '../../support/wait-for';
import { doneSteps, openReconcileWorld } from './reconcile-world';
import type { ReconcileWorld } from './reconcile-world';

let world: ReconcileWorld;

beforeAll(async () => {
  world = await openReconcileWorld();
});

afterAll(() => world.close());

beforeEach(() => world.control('reset'));

describe('a repair', () => {
  it('calls only what does not stand any more', async () => {
    const { tenantId, sheet, resource } = await world.provisionedTenant();
    const { spreadsheets } = await world.objects();
    await world.callBackend('DELETE', `/admin/wb/tokens/${sheet}/${spreadsheets[0].tokens[0].sid}`);
    await world.compare(tenantId);
    await world.order(tenantId, resource.id);
    await world.repair(tenantId);
    const after = await world.objects();
    expect(after.spreadsheets[0]).toMatchObject({ deleted: 0 });
    expect(after.counts).toMatchObject({ tokens: 1 });
    const { attempts } = await world.act((tx) =>
      tx.one<{ attempts: { part: string; outcome: string }[] }>(
        `select attempts from resource_repairs where tenant_id = $1 order by created_at desc limit 1`,
        [tenantId],
      ),
    );
    expect(attempts.map(({ part, outcome }) => `${part}: ${outcome}`)).toEqual([
      'sample.register verify: landed',
      'sample.add-token verify: absent',
      'sample.add-token request: success',
      'sample.verify request: success',
      'sample.smoke request: success',
    ]);
    expect(JSON.stringify(attempts)).not.toMatch(/eyJ|boss@example/);
  });

  it('makes one object although the answer was lost after the backend acted', async () => {
    const { tenantId } = await world.activeTenant();
    await world.compare(tenantId);
    await world.order(tenantId, (await world.resourceOf(tenantId)).id);
    await world.control('faults', [
      { path: '/admin/spreadsheets/register', mode: 'reset-after-act', times: 1 },
    ]);
    await world.repair(tenantId);
    expect(await world.resourceOf(tenantId)).toMatchObject({ status: 'ready', drift: null });
    expect((await world.objects()).spreadsheets).toMatchObject([{ registered: 2 }]);
  });

  it('gives up after the same number of tries as a step, keeps the drift and can be ordered again', async () => {
    const { tenantId } = await world.activeTenant();
    await world.compare(tenantId);
    const { id } = await world.resourceOf(tenantId);
    await world.order(tenantId, id);
    await world.control('faults', [{ mode: 'status', status: 503 }]);
    expect(await world.repair(tenantId)).toBe(6);
    expect(await world.resourceOf(tenantId)).toMatchObject({
      drift: 'missing',
      lastError: 'backend-unavailable',
    });
    await world.control('faults', []);
    await world.order(tenantId, id);
    await world.repair(tenantId);
    expect(await world.resourceOf(tenantId)).toMatchObject({ status: 'ready', drift: null });
  });

  it('stops at a refusal for good at once', async () => {
    const { tenantId } = await world.activeTenant();
    await world.compare(tenantId);
    await world.order(tenantId, (await world.resourceOf(tenantId)).id);
    await world.control('faults', [
      { path: '/admin/spreadsheets/register', mode: 'status', status: 400 },
    ]);
    await world.repair(tenantId);
    expect(await world.resourceOf(tenantId)).toMatchObject({
      lastError: 'backend-refused',
      drift: 'missing',
    });
  });

  it('leaves out a step that was skipped', async () => {
    const { tenantId } = await world.activeTenant({ ...doneSteps, 'sample.smoke': 'skipped' });
    await world.compare(tenantId);
    await world.order(tenantId, (await world.resourceOf(tenantId)).id);
    await world.repair(tenantId);
    expect((await world.objects()).counts).toMatchObject({
      spreadsheets: 1,
      tokens: 1,
      updates: 0,
    });
    expect(await world.resourceOf(tenantId)).toMatchObject({ status: 'ready' });
  });

  it('ends when the tenant is suspended meanwhile', async () => {
    const { tenantId } = await world.activeTenant();
    await world.compare(tenantId);
    await world.order(tenantId, (await world.resourceOf(tenantId)).id);
    await world.act((tx) =>
      tx.run(`update tenants set status = 'suspended' where id = $1`, [tenantId]),
    );
    await world.repair(tenantId);
    expect(await world.resourceOf(tenantId)).toMatchObject({ lastError: 'tenant-suspended' });
    expect((await world.objects()).counts).toMatchObject({ spreadsheets: 0 });
  });

  it('ends without an error when a purge takes it, before a call or in the middle of one', async () => {
    const { tenantId } = await world.activeTenant();
    await world.compare(tenantId);
    await world.order(tenantId, (await world.resourceOf(tenantId)).id);
    const repairId = (await viewRepair(world.deps, tenantId)).repairId!;
    const nothing = { repairId: null, connector: null, waitMs: 0 };
    await world.control('faults', [{ mode: 'slow', delay_ms: 500 }]);
    const running = runRepair(world.deps, repairId);
    await waitFor(
      'The call',
      async () => (await world.callBackend('GET', '/_test/calls')).json(),
      ({ calls }) => calls.length > 0,
    );
    await world.act((tx) => tx.run('delete from resource_repairs where id = $1', [repairId]));
    expect(await running).toEqual(nothing);
    expect(await runRepair(world.deps, repairId)).toEqual(nothing);
  });

  it('ends at the look when its connector was removed, whose queue nobody polls', async () => {
    const { tenantId } = await world.activeTenant();
    await world.compare(tenantId);
    await world.order(tenantId, (await world.resourceOf(tenantId)).id);
    const connectors = { ...world.deps.connectors, connectors: new Map() };
    expect(await viewRepair({ ...world.deps, connectors }, tenantId)).toMatchObject({
      repairId: null,
      connector: null,
    });
    expect(await world.resourceOf(tenantId)).toMatchObject({
      lastError: 'connector-not-found',
      drift: 'missing',
    });
  });

  it('of a resource that is not wanted any more marks it as left', async () => {
    const { tenantId } = await world.provisionedTenant();
    await world.act((tx) =>
      tx.run(
        `insert into tenant_resources (id, tenant_id, connector, external_id, status)
         values ($1, $2, 'backend-compat', 'old-sheet', 'ready')`,
        [newId(), tenantId],
      ),
    );
    await world.compare(tenantId);
    const rows = await world.act((tx) => currentResources(tx, tenantId));
    const extra = rows.find(({ connector }) => connector === 'backend-compat')!;
    expect(extra).toMatchObject({ drift: 'extra' });
    expect(await world.order(tenantId, extra.id)).toMatchObject({ kind: 'leave', repairId: null });
    const rest = await world.act((tx) => currentResources(tx, tenantId));
    expect(rest.map(({ connector }) => connector)).toEqual(['sample']);
    await expect(world.order(tenantId, extra.id)).rejects.toMatchObject({
      code: 'order-not-possible',
    });
  });

  it('is ordered once at a time, only where something is wrong, and only for an open tenant', async () => {
    const { tenantId, resource } = await world.provisionedTenant();
    await expect(world.order(tenantId, resource.id)).rejects.toMatchObject({
      code: 'order-not-possible',
    });
    await world.act((tx) =>
      tx.run(`update tenant_resources set drift = 'changed', status = 'error' where id = $1`, [
        resource.id,
      ]),
    );
    const both = await Promise.allSettled([1, 2].map(() => world.order(tenantId, resource.id)));
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(world.order(tenantId, resource.id)).rejects.toMatchObject({
      code: 'order-exists',
    });
    await expect(world.order(tenantId, newId())).rejects.toMatchObject({
      code: 'resource-not-found',
    });
    await world.act((tx) =>
      tx.run(`update tenants set status = 'frozen' where id = $1`, [tenantId]),
    );
    await expect(world.order(tenantId, resource.id)).rejects.toMatchObject({
      code: 'tenant-not-open',
    });
  });
});
