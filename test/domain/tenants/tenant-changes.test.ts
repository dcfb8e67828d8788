import * as fc from 'fast-check';
import { createTenant, seedTenant, seededTenant } from '../../../src/domain/tenants/create-tenant';
import { changeStatus } from '../../../src/domain/tenants/tenant-changes';
import { findRecord } from '../../../src/domain/tenants/tenants';
import { aimOf, targetOf } from '../../../src/domain/tenants/tenants.rules';
import type { Standing, TenantAction } from '../../../src/domain/tenants/tenants.rules';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

let home: TestDatabase;
let db: Database;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'cli', fn);

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'tenant-changes', max: 8 });
});
afterAll(async () => {
  await db.close();
  await home.drop();
});

const tenant = (status: 'pending' | 'trial') =>
  act((tx) =>
    createTenant(
      tx,
      status,
      { slug: `t-${newId().slice(-12)}`, actorId: 'user:op' },
      { partner: false },
    ),
  );
const change = (tenantId: string, action: TenantAction) =>
  act((tx) => changeStatus(tx, { tenantId, action, actorId: 'user:op', reason: 'the test' }));
const told = (tenantId: string) =>
  act(async (tx) => ({
    audit: await tx.rows<{ action: string; from: string; to: string }>(
      `select action, metadata->>'from' as from, metadata->>'to' as to from audit_trail
       where tenant_id = $1 and metadata ? 'from' order by seq`,
      [tenantId],
    ),
    events: await tx.rows<{ type: string }>(
      'select type from events where tenant_id = $1 order by seq',
      [tenantId],
    ),
  }));

const actions: readonly TenantAction[] = [
  'provision',
  'activate',
  'cancel',
  'end-trial',
  'suspend',
  'resume',
  'archive',
  'delete',
  'restore',
  'purge',
];

test('any course of actions leaves the row where the rules lead, and refuses the rest with from and to', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('pending', 'trial'),
      fc.array(fc.constantFrom(...actions), { minLength: 1, maxLength: 14 }),
      async (first, course) => {
        const { id } = await tenant(first);
        let model: Standing = { status: first, formerStatus: null, deletedFrom: null };
        let moves = 0;
        for (const action of course) {
          const to = targetOf(model, action);
          if (to === undefined) {
            await expect(change(id, action)).rejects.toMatchObject({
              code: 'invalid-transition',
              context: { extra: { from: model.status, to: aimOf(model, action) } },
            });
            continue;
          }
          const { tenant: moved, changed } = await change(id, action);
          expect([moved.status, changed]).toEqual([to, to !== model.status]);
          if (to === model.status) continue;
          moves += 1;
          model = {
            status: to,
            formerStatus:
              action === 'suspend' ? model.status : action === 'resume' ? null : model.formerStatus,
            deletedFrom:
              action === 'delete' ? model.status : action === 'restore' ? null : model.deletedFrom,
          };
        }
        expect(await act((tx) => findRecord(tx, id))).toMatchObject(model);
        const { audit, events } = await told(id);
        expect(audit).toHaveLength(moves);
        expect(events).toHaveLength(moves + 1);
      },
    ),
    { numRuns: 60 },
  );
});

test('a suspension under a deletion is there again after the restore, and its resume returns to the trial', async () => {
  const { id } = await tenant('trial');
  for (const action of ['suspend', 'delete', 'restore'] as const) await change(id, action);
  const restored = await act((tx) => findRecord(tx, id));
  expect(restored).toMatchObject({
    status: 'suspended',
    formerStatus: 'trial',
    suspendedBy: 'user:op',
    suspendedReason: 'the test',
    deletedAt: null,
    purgeAt: null,
  });
  const { tenant: resumed } = await change(id, 'resume');
  expect(resumed).toMatchObject({ status: 'trial', suspendedAt: null, suspendedReason: null });
});

test('a deleted tenant has 30 days, which a second deletion does not lengthen', async () => {
  const { id } = await tenant('trial');
  const { tenant: deleted } = await change(id, 'delete');
  const days = (deleted.purgeAt!.getTime() - deleted.deletedAt!.getTime()) / 86_400_000;
  expect(days).toBeCloseTo(30, 1);
  const again = await change(id, 'delete');
  expect(again).toMatchObject({
    changed: false,
    tenant: { purgeAt: deleted.purgeAt, version: deleted.version },
  });
});

test('of two who move a tenant at once one is refused', async () => {
  for (let n = 0; n < 10; n += 1) {
    const { id } = await tenant('trial');
    const ends = await Promise.allSettled([change(id, 'activate'), change(id, 'activate')]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  }
});

describe('a trial that is over', () => {
  const lapse = (id: string) =>
    act((tx) =>
      tx.run(`update tenants set trial_ends_at = now() - interval '1 second' where id = $1`, [id]),
    );

  test('is frozen for whoever reads it, with nobody having moved the row', async () => {
    const { id } = await tenant('trial');
    await lapse(id);
    expect(await act((tx) => findRecord(tx, id))).toMatchObject({
      status: 'frozen',
      frozenReason: 'trial-ended',
      lapsed: true,
    });
    const [raw] = await act((tx) =>
      tx.rows<{ status: string }>('select status from tenants where id = $1', [id]),
    );
    expect(raw).toEqual({ status: 'trial' });
  });

  test('cannot be activated any more; the first change that may happen moves the row before', async () => {
    const { id } = await tenant('trial');
    await lapse(id);
    await expect(change(id, 'activate')).rejects.toMatchObject({
      code: 'invalid-transition',
      context: { extra: { from: 'frozen', to: 'active' } },
    });
    await expect(change(id, 'suspend')).rejects.toMatchObject({ code: 'invalid-transition' });
    const { tenant: restored, from } = await change(id, 'restore');
    expect([restored.status, from]).toEqual(['active', 'frozen']);
    expect((await told(id)).audit.map(({ action }) => action)).toEqual([
      'tenant.trial_ended',
      'tenant.restored',
    ]);
  });
});

test('the seeded tenant is brought in once, active and on plan starter, whatever became of it', async () => {
  await Promise.all([act(seedTenant), act(seedTenant), act(seedTenant)]);
  expect(await act((tx) => findRecord(tx, seededTenant.id))).toMatchObject({
    id: '00000000-0000-0000-0000-000000000001',
    slug: 'acme',
    status: 'active',
    plan: 'starter',
    kind: 'customer',
  });
  await change(seededTenant.id, 'delete');
  await act(seedTenant);
  expect(await act((tx) => findRecord(tx, seededTenant.id))).toMatchObject({ status: 'deleted' });
});
