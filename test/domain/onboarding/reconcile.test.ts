import { declareLimits } from '../../../src/domain/onboarding/backend-rate';
import { writeInputs } from '../../../src/domain/onboarding/inputs';
import { replaceExtract } from '../../../src/domain/onboarding/steps';
import {
  lookUpResource,
  planComparison,
  planReconcile,
} from '../../../src/domain/onboarding/reconcile';
import { currentResources, recordResource } from '../../../src/domain/tenants/resources';
import { newId } from '../../../src/platform/ids';
import { marketplaceToken } from '../../support/journey';
import { openReconcileWorld } from './reconcile-world';
import type { ReconcileWorld } from './reconcile-world';
import { insertJob, insertTenant } from './rows';

let world: ReconcileWorld;

beforeAll(async () => {
  world = await openReconcileWorld();
});

afterAll(() => world.close());

beforeEach(() => world.control('reset'));

describe('a comparison', () => {
  it('notes a resource that is wanted and not there, and a repair provisions it', async () => {
    const { tenantId, sheet } = await world.activeTenant();
    await world.compare(tenantId);
    const missing = await world.resourceOf(tenantId);
    expect(missing).toMatchObject({ connector: 'sample', status: 'pending', drift: 'missing' });
    const ordered = await world.order(tenantId, missing.id);
    expect(ordered).toMatchObject({ kind: 'provision' });
    await world.repair(tenantId);
    expect(await world.resourceOf(tenantId)).toMatchObject({
      id: missing.id,
      status: 'ready',
      drift: null,
      lastError: null,
      externalId: sheet,
    });
    expect((await world.objects()).counts).toMatchObject({
      spreadsheets: 1,
      tokens: 1,
      updates: 1,
    });
  });

  it('finds nothing to complain about where all is as it was left', async () => {
    const { tenantId } = await world.provisionedTenant();
    await world.compare(tenantId);
    expect(await world.resourceOf(tenantId)).toMatchObject({
      status: 'ready',
      drift: null,
      checkedAt: expect.any(Date),
    });
    expect((await world.objects()).counts).toMatchObject({ updates: 1 });
  });

  it('tells an object that is gone from one that was changed', async () => {
    const { tenantId, sheet } = await world.provisionedTenant();
    const { spreadsheets } = await world.objects();
    await world.callBackend('DELETE', `/admin/wb/tokens/${sheet}/${spreadsheets[0].tokens[0].sid}`);
    await world.compare(tenantId);
    expect(await world.resourceOf(tenantId)).toMatchObject({ status: 'error', drift: 'changed' });
    await world.later(tenantId);
    await world.callBackend('DELETE', `/admin/spreadsheets/${sheet}`);
    await world.compare(tenantId);
    expect((await world.resourceOf(tenantId)).drift).toMatch(/missing|changed/);
  });

  it('changes no verdict when the backend cannot be asked', async () => {
    const { tenantId } = await world.provisionedTenant();
    await world.control('faults', [{ mode: 'status', status: 503 }]);
    await world.compare(tenantId);
    expect(await world.resourceOf(tenantId)).toMatchObject({
      status: 'ready',
      drift: null,
      lastError: 'backend-unavailable',
    });
  });

  it('leaves alone a tenant that is being provisioned, was never, or is not open', async () => {
    const never = await world.act((tx) => insertTenant(tx, { status: 'active' }));
    const running = await world.activeTenant();
    await world.act((tx) => insertJob(tx, { tenantId: running.tenantId, acceptedAgo: 1 }));
    const suspended = await world.activeTenant();
    await world.act((tx) =>
      tx.run(`update tenants set status = 'suspended' where id = $1`, [suspended.tenantId]),
    );
    for (const tenantId of [never, running.tenantId, suspended.tenantId]) {
      expect(await planComparison(world.deps, tenantId)).toEqual([]);
      expect(await world.act((tx) => currentResources(tx, tenantId))).toEqual([]);
    }
  });

  it('does not look again at what was looked at seconds ago, nor at what is being repaired', async () => {
    const { tenantId, resource } = await world.provisionedTenant();
    await world.compare(tenantId);
    expect(await planComparison(world.deps, tenantId)).toEqual([]);
    await world.later(tenantId);
    expect(await planComparison(world.deps, tenantId)).toHaveLength(1);
    await world.act((tx) =>
      tx.run(`update tenant_resources set drift = 'changed', status = 'error' where id = $1`, [
        resource.id,
      ]),
    );
    await world.order(tenantId, resource.id);
    expect(await planComparison(world.deps, tenantId)).toEqual([]);
  });

  it('does not take the values of a rotated token for a change', async () => {
    const { tenantId, id } = await world.provisionedTenant();
    const token = marketplaceToken('new-sid');
    await world.act((tx) =>
      writeInputs(tx, world.deps.ring, { onboardingId: id, tenantId }, { wbToken: token }),
    );
    await world.act((tx) =>
      replaceExtract(
        tx,
        { onboardingId: id, tenantId, key: 'sample.add-token' },
        { sid: 'new-sid' },
      ),
    );
    const { sheet } = await world.act(async (tx) =>
      tx.one<{ sheet: string }>(
        'select spreadsheet_id as sheet from onboarding_inputs where onboarding_id = $1',
        [id],
      ),
    );
    await world.callBackend('POST', '/admin/wb/tokens/add', {
      spreadsheet_id: sheet,
      token,
      owner_email: 'boss@example.com',
    });
    await world.compare(tenantId);
    expect(await world.resourceOf(tenantId)).toMatchObject({ drift: null, status: 'ready' });
  });

  it('waits for the rate of the backend instead of calling', async () => {
    const { tenantId } = await world.provisionedTenant();
    const [plan] = await planComparison(world.deps, tenantId);
    const limit = {
      connector: 'sample',
      path: '/admin/spreadsheets/{{input.spreadsheet_id}}',
      calls: 1,
      windowMs: 60_000,
    };
    const sample = world.deps.connectors.connectors.get('sample')!;
    const limited = {
      ...world.deps,
      connectors: {
        ...world.deps.connectors,
        connectors: new Map([
          [
            'sample',
            {
              ...sample,
              rateLimits: [{ path: '/admin/spreadsheets/*', calls: 1, window_ms: 60_000 }],
            },
          ],
        ]),
      },
    };
    await world.act((tx) => declareLimits(tx, [limit]));
    const look = () =>
      lookUpResource(limited, {
        resourceId: plan!.resourceId,
        onboardingId: plan!.onboardingId,
        key: 'sample.register',
      });
    expect(await look()).toEqual({ found: 'landed', problem: null });
    const waiting = await look();
    expect(waiting).toEqual({ limitedMs: expect.any(Number) });
    expect((waiting as { limitedMs: number }).limitedMs).toBeGreaterThan(50_000);
  });
});

describe('the plan of comparisons', () => {
  const wakesOf = (tenantId: string) =>
    world.act((tx) =>
      tx.rows('select 1 from outbox where workflow_id = $1', [`reconcile-tenant/${tenantId}`]),
    );
  const deliverAll = () => world.act((tx) => tx.run('update outbox set delivered_at = now()'));
  const yesterday = (tenantId: string, hours = 25) =>
    world.act((tx) =>
      tx.run(
        `update tenant_resources set checked_at = now() - $2 * interval '1 hour' where tenant_id = $1`,
        [tenantId, hours],
      ),
    );
  /** A tenant with a resource, without a backend that knows it. */
  const dueTenant = async (hours?: number) => {
    const tenant = await world.activeTenant();
    await world.act((tx) =>
      recordResource(tx, {
        tenantId: tenant.tenantId,
        connector: 'sample',
        externalId: null,
        status: 'ready',
        onboardingId: tenant.id,
      }),
    );
    await yesterday(tenant.tenantId, hours);
    return tenant;
  };

  beforeEach(async () => {
    await world.act((tx) => tx.run('delete from outbox'));
    await world.act((tx) => tx.run('update tenant_resources set checked_at = now()'));
  });

  it('wakes tenants that were not compared for a day and repairs that nobody drives, once', async () => {
    const { tenantId } = await world.provisionedTenant();
    await world.act((tx) => tx.run('delete from outbox'));
    await planReconcile(world.deps, 1000);
    expect(await wakesOf(tenantId)).toHaveLength(0);
    await yesterday(tenantId);
    await planReconcile(world.deps, 1000);
    await planReconcile(world.deps, 1000);
    expect(await wakesOf(tenantId)).toHaveLength(1);
  });

  it('gives a tenant its turn though more than a batch of others stay due whatever is tried', async () => {
    for (let n = 0; n < 3; n += 1) await dueTenant(30);
    const healthy = await dueTenant();
    expect(await planReconcile(world.deps, 2)).toBe(2);
    await deliverAll();
    expect(await planReconcile(world.deps, 2)).toBe(2);
    expect(await wakesOf(healthy.tenantId)).toHaveLength(1);
    await deliverAll();
    // The tick ends: none of them was compared, and none comes again at once.
    expect(await planReconcile(world.deps, 2)).toBe(0);
    await world.act((tx) => tx.run(`update outbox set created_at = now() - interval '1 hour'`));
    const late = await dueTenant();
    expect(await planReconcile(world.deps, 2)).toBe(2);
    expect(await wakesOf(late.tenantId)).toHaveLength(1);
  });

  it('begins with those that wait longest', async () => {
    const [late, later] = [await dueTenant(26), await dueTenant(40)];
    expect(await planReconcile(world.deps, 1)).toBe(1);
    expect([await wakesOf(late.tenantId), await wakesOf(later.tenantId)]).toEqual([
      [],
      [expect.anything()],
    ]);
  });

  it('leaves out a tenant that is being provisioned again, but not its repair', async () => {
    const { tenantId, id } = await dueTenant();
    await world.act((tx) => insertJob(tx, { tenantId, acceptedAgo: 1 }));
    expect(await planReconcile(world.deps, 1000)).toBe(0);
    const resource = await world.resourceOf(tenantId);
    await world.act((tx) =>
      tx.run(
        `insert into resource_repairs (id, tenant_id, resource_id, connector, onboarding_id, reason, requested_by, driven_at)
         values ($1, $2, $3, 'sample', $4, 'it is gone', 'user:op', now() - interval '1 hour')`,
        [newId(), tenantId, resource.id, id],
      ),
    );
    expect(await planReconcile(world.deps, 1000)).toBe(1);
    await world.act((tx) => tx.run(`update resource_repairs set state = 'done'`));
  });

  it('notes what cannot be compared because its blueprint is not set up any more', async () => {
    const { tenantId } = await dueTenant();
    const { connectors } = world.deps;
    const without = {
      ...world.deps,
      connectors: { ...connectors, blueprints: new Map<string, never>() },
    };
    expect(await planComparison(without, tenantId)).toEqual([]);
    expect(await world.resourceOf(tenantId)).toMatchObject({
      status: 'ready',
      drift: null,
      lastError: 'blueprint-not-found',
    });
    expect(await planReconcile(world.deps, 1000)).toBe(0);
    await yesterday(tenantId);
    expect(await planComparison(world.deps, tenantId)).toHaveLength(1);
  });
});
