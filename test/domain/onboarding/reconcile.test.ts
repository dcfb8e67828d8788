import { join } from 'node:path';
import { declareLimits } from '../../../src/domain/onboarding/backend-rate';
import { runRepair, viewRepair } from '../../../src/domain/onboarding/call-repair';
import { loadConnectors } from '../../../src/domain/onboarding/connectors';
import type { OnboardingDeps } from '../../../src/domain/onboarding/deps';
import { writeInputs } from '../../../src/domain/onboarding/inputs';
import {
  lookUpResource,
  planComparison,
  planReconcile,
  recordComparison,
} from '../../../src/domain/onboarding/reconcile';
import type { Sight } from '../../../src/domain/onboarding/reconcile.rules';
import { orderRepair } from '../../../src/domain/onboarding/repairs';
import { currentResources } from '../../../src/domain/tenants/resources';
import { createKeyRing } from '../../../src/platform/crypto/sealing';
import { createDatabase, withOperator } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { createMetrics } from '../../../src/platform/metrics';
import { newId } from '../../../src/platform/ids';
import { createOutbound } from '../../../src/platform/outbound';
import type { Outbound } from '../../../src/platform/outbound';
import { createOutbox } from '../../../src/platform/outbox';
import { startSampleBackend } from '../../../src/servers/sample-backend';
import type { SampleBackend } from '../../../src/servers/sample-backend';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { marketplaceToken } from '../../support/journey';
import { insertJob, insertSteps, insertTenant } from './rows';

let home: TestDatabase;
let db: Database;
let backend: SampleBackend;
let outbound: Outbound;
let deps: OnboardingDeps & { outbound: Outbound };

const source = { ip: null, userAgent: null };
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withOperator(db, 'user:op', fn);
const control = (path: string, body: unknown = {}) =>
  fetch(`${backend.url}/_test/${path}`, { method: 'POST', body: JSON.stringify(body) });
const callBackend = (method: string, path: string) =>
  fetch(`${backend.url}${path}`, { method, headers: { 'x-api-key': 'k' } });
const objects = async () => (await fetch(`${backend.url}/_test/objects`)).json();

beforeAll(async () => {
  [home, backend] = await Promise.all([
    createTestDatabase(),
    startSampleBackend({ port: 0, key: 'k' }),
  ]);
  db = createDatabase({ url: home.appUrl, applicationName: 'reconcile-test', max: 4 });
  outbound = createOutbound({ allowCidrs: ['127.0.0.0/8'], requireHttps: false });
  const connectors = loadConnectors({
    dir: join(__dirname, '../../../connectors'),
    env: { SAMPLE_BACKEND_URL: backend.url, SAMPLE_BACKEND_KEY: 'k' },
  });
  deps = {
    db,
    outbound,
    connectors,
    ring: createKeyRing([{ id: 'k1', key: Buffer.alloc(32, 1) }]),
    metrics: createMetrics(),
    outbox: createOutbox({
      db,
      deliver: async () => ({ ok: true }),
      fastPath: false,
      onError: () => undefined,
    }),
  } as unknown as typeof deps;
});

afterAll(async () => {
  outbound.close();
  await backend.stop();
  await db.close();
  await home.drop();
});

beforeEach(() => control('reset'));

const steps = {
  'sample.register': 'done',
  'sample.add-token': 'done',
  'sample.verify': 'done',
  'sample.smoke': 'done',
};

/** An active tenant whose rows say that it was provisioned; the backend knows nothing of it. */
async function activeTenant(given: { steps?: Record<string, string> } = {}) {
  const sheet = `sheet-${newId()}`;
  return act(async (tx) => {
    const tenantId = await insertTenant(tx, { status: 'active' });
    const job = await insertJob(tx, {
      tenantId,
      state: 'active',
      acceptedAgo: 60,
      activatedAgo: 50,
    });
    await tx.run(`update onboardings set blueprint = 'default' where id = $1`, [job.id]);
    await insertSteps(tx, job, given.steps ?? steps);
    await writeInputs(
      tx,
      deps.ring,
      { onboardingId: job.id, tenantId },
      { spreadsheetId: sheet, ownerEmail: 'boss@example.com', wbToken: marketplaceToken() },
    );
    return { ...job, sheet };
  });
}

const resourceOf = async (tenantId: string) =>
  (await act((tx) => currentResources(tx, tenantId)))[0]!;
const settled = (tenantId: string) =>
  act((tx) =>
    tx.run(
      `update tenant_resources set checked_at = now() - interval '1 hour' where tenant_id = $1`,
      [tenantId],
    ),
  );

/** What the workflow does to compare. */
async function compare(tenantId: string): Promise<void> {
  for (const { resourceId, onboardingId, keys } of await planComparison(deps, tenantId)) {
    const sights: Sight[] = [];
    for (const key of keys) {
      const sight = await lookUpResource(deps, { resourceId, onboardingId, key });
      if ('limitedMs' in sight) throw new Error('limited');
      sights.push(sight);
      if (sight.found !== 'landed') break;
    }
    await recordComparison(deps, resourceId, sights);
  }
}

const repairOf = (tenantId: string, resourceId: string, reason = 'it is gone') =>
  act((tx) => orderRepair(tx, deps, { tenantId, resourceId, reason, actorId: 'user:op', source }));

/** What the workflow does to repair; waits between tries are not waited for. */
async function repair(tenantId: string): Promise<number> {
  let calls = 0;
  for (let view = await viewRepair(deps, tenantId); view.repairId !== null;) {
    await act((tx) =>
      tx.run('update resource_repairs set next_attempt_at = null where id = $1', [view.repairId]),
    );
    const run = await runRepair(deps, view.repairId);
    if ('limitedMs' in run) throw new Error('limited');
    calls += 1;
    view = run;
  }
  return calls;
}

/** An active tenant that has everything at the backend. */
async function provisionedTenant() {
  const tenant = await activeTenant();
  await compare(tenant.tenantId);
  await repairOf(tenant.tenantId, (await resourceOf(tenant.tenantId)).id);
  await repair(tenant.tenantId);
  await settled(tenant.tenantId);
  return { ...tenant, resource: await resourceOf(tenant.tenantId) };
}

describe('a comparison', () => {
  it('notes a resource that is wanted and not there, and a repair provisions it', async () => {
    const { tenantId, sheet } = await activeTenant();
    await compare(tenantId);
    const missing = await resourceOf(tenantId);
    expect(missing).toMatchObject({ connector: 'sample', status: 'pending', drift: 'missing' });
    const ordered = await repairOf(tenantId, missing.id);
    expect(ordered).toMatchObject({ kind: 'provision' });
    await repair(tenantId);
    expect(await resourceOf(tenantId)).toMatchObject({
      id: missing.id,
      status: 'ready',
      drift: null,
      lastError: null,
      externalId: sheet,
    });
    expect((await objects()).counts).toMatchObject({ spreadsheets: 1, tokens: 1, updates: 1 });
  });

  it('finds nothing to complain about where all is as it was left', async () => {
    const { tenantId } = await provisionedTenant();
    await compare(tenantId);
    expect(await resourceOf(tenantId)).toMatchObject({
      status: 'ready',
      drift: null,
      checkedAt: expect.any(Date),
    });
    expect((await objects()).counts).toMatchObject({ updates: 1 });
  });

  it('tells an object that is gone from one that was changed', async () => {
    const { tenantId, sheet } = await provisionedTenant();
    const { spreadsheets } = await objects();
    await callBackend('DELETE', `/admin/wb/tokens/${sheet}/${spreadsheets[0].tokens[0].sid}`);
    await compare(tenantId);
    expect(await resourceOf(tenantId)).toMatchObject({ status: 'error', drift: 'changed' });
    await settled(tenantId);
    await callBackend('DELETE', `/admin/spreadsheets/${sheet}`);
    await compare(tenantId);
    expect((await resourceOf(tenantId)).drift).toMatch(/missing|changed/);
  });

  it('changes no verdict when the backend cannot be asked', async () => {
    const { tenantId } = await provisionedTenant();
    await control('faults', [{ mode: 'status', status: 503 }]);
    await compare(tenantId);
    expect(await resourceOf(tenantId)).toMatchObject({
      status: 'ready',
      drift: null,
      lastError: 'backend-unavailable',
    });
  });

  it('leaves alone a tenant that is being provisioned, was never, or is not open', async () => {
    const never = await act((tx) => insertTenant(tx, { status: 'active' }));
    const running = await activeTenant();
    await act((tx) => insertJob(tx, { tenantId: running.tenantId, acceptedAgo: 1 }));
    const suspended = await activeTenant();
    await act((tx) =>
      tx.run(`update tenants set status = 'suspended' where id = $1`, [suspended.tenantId]),
    );
    for (const tenantId of [never, running.tenantId, suspended.tenantId]) {
      expect(await planComparison(deps, tenantId)).toEqual([]);
      expect(await act((tx) => currentResources(tx, tenantId))).toEqual([]);
    }
  });

  it('does not look again at what was looked at seconds ago, nor at what is being repaired', async () => {
    const { tenantId, resource } = await provisionedTenant();
    await compare(tenantId);
    expect(await planComparison(deps, tenantId)).toEqual([]);
    await settled(tenantId);
    expect(await planComparison(deps, tenantId)).toHaveLength(1);
    await act((tx) =>
      tx.run(`update tenant_resources set drift = 'changed', status = 'error' where id = $1`, [
        resource.id,
      ]),
    );
    await repairOf(tenantId, resource.id);
    expect(await planComparison(deps, tenantId)).toEqual([]);
  });

  it('does not take the values of a rotated token for a change', async () => {
    const { tenantId, id } = await provisionedTenant();
    const token = marketplaceToken('new-sid');
    await act((tx) =>
      writeInputs(tx, deps.ring, { onboardingId: id, tenantId }, { wbToken: token }),
    );
    await act((tx) =>
      tx.run(
        `insert into token_rotations (id, tenant_id, onboarding_id, state, reason, requested_by, fingerprint, extract, ended_at)
         values ($1, $2, $3, 'done', 'x', 'user:a', '', '{"add-token":{"sid":"new-sid"}}', now())`,
        [newId(), tenantId, id],
      ),
    );
    const { sheet } = await act(async (tx) =>
      tx.one<{ sheet: string }>(
        'select spreadsheet_id as sheet from onboarding_inputs where onboarding_id = $1',
        [id],
      ),
    );
    await fetch(`${backend.url}/admin/wb/tokens/add`, {
      method: 'POST',
      headers: { 'x-api-key': 'k', 'content-type': 'application/json' },
      body: JSON.stringify({ spreadsheet_id: sheet, token, owner_email: 'boss@example.com' }),
    });
    await compare(tenantId);
    expect(await resourceOf(tenantId)).toMatchObject({ drift: null, status: 'ready' });
  });

  it('waits for the rate of the backend instead of calling', async () => {
    const { tenantId } = await provisionedTenant();
    const [plan] = await planComparison(deps, tenantId);
    const limit = {
      connector: 'sample',
      path: '/admin/spreadsheets/{{input.spreadsheet_id}}',
      calls: 1,
      windowMs: 60_000,
    };
    const sample = deps.connectors.connectors.get('sample')!;
    const limited = {
      ...deps,
      connectors: {
        ...deps.connectors,
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
    await act((tx) => declareLimits(tx, [limit]));
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

describe('a repair', () => {
  it('calls only what does not stand any more', async () => {
    const { tenantId, sheet, resource } = await provisionedTenant();
    const { spreadsheets } = await objects();
    await callBackend('DELETE', `/admin/wb/tokens/${sheet}/${spreadsheets[0].tokens[0].sid}`);
    await compare(tenantId);
    await repairOf(tenantId, resource.id);
    await repair(tenantId);
    const after = await objects();
    expect(after.spreadsheets[0]).toMatchObject({ deleted: 0 });
    expect(after.counts).toMatchObject({ tokens: 1 });
    const { attempts } = await act((tx) =>
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
    const { tenantId } = await activeTenant();
    await compare(tenantId);
    await repairOf(tenantId, (await resourceOf(tenantId)).id);
    await control('faults', [
      { path: '/admin/spreadsheets/register', mode: 'reset-after-act', times: 1 },
    ]);
    await repair(tenantId);
    expect(await resourceOf(tenantId)).toMatchObject({ status: 'ready', drift: null });
    expect((await objects()).spreadsheets).toMatchObject([{ registered: 2 }]);
  });

  it('gives up after the same number of tries as a step, keeps the drift and can be ordered again', async () => {
    const { tenantId } = await activeTenant();
    await compare(tenantId);
    const { id } = await resourceOf(tenantId);
    await repairOf(tenantId, id);
    await control('faults', [{ mode: 'status', status: 503 }]);
    expect(await repair(tenantId)).toBe(6);
    expect(await resourceOf(tenantId)).toMatchObject({
      drift: 'missing',
      lastError: 'backend-unavailable',
    });
    await control('faults', []);
    await repairOf(tenantId, id);
    await repair(tenantId);
    expect(await resourceOf(tenantId)).toMatchObject({ status: 'ready', drift: null });
  });

  it('stops at a refusal for good at once', async () => {
    const { tenantId } = await activeTenant();
    await compare(tenantId);
    await repairOf(tenantId, (await resourceOf(tenantId)).id);
    await control('faults', [
      { path: '/admin/spreadsheets/register', mode: 'status', status: 400 },
    ]);
    await repair(tenantId);
    expect(await resourceOf(tenantId)).toMatchObject({
      lastError: 'backend-refused',
      drift: 'missing',
    });
  });

  it('leaves out a step that was skipped', async () => {
    const { tenantId } = await activeTenant({ steps: { ...steps, 'sample.smoke': 'skipped' } });
    await compare(tenantId);
    await repairOf(tenantId, (await resourceOf(tenantId)).id);
    await repair(tenantId);
    expect((await objects()).counts).toMatchObject({ spreadsheets: 1, tokens: 1, updates: 0 });
    expect(await resourceOf(tenantId)).toMatchObject({ status: 'ready' });
  });

  it('ends when the tenant is suspended meanwhile', async () => {
    const { tenantId } = await activeTenant();
    await compare(tenantId);
    await repairOf(tenantId, (await resourceOf(tenantId)).id);
    await act((tx) => tx.run(`update tenants set status = 'suspended' where id = $1`, [tenantId]));
    await repair(tenantId);
    expect(await resourceOf(tenantId)).toMatchObject({ lastError: 'tenant-suspended' });
    expect((await objects()).counts).toMatchObject({ spreadsheets: 0 });
  });

  it('of a resource that is not wanted any more marks it as left', async () => {
    const { tenantId } = await provisionedTenant();
    await act((tx) =>
      tx.run(
        `insert into tenant_resources (id, tenant_id, connector, external_id, status)
         values ($1, $2, 'backend-compat', 'old-sheet', 'ready')`,
        [newId(), tenantId],
      ),
    );
    await compare(tenantId);
    const rows = await act((tx) => currentResources(tx, tenantId));
    const extra = rows.find(({ connector }) => connector === 'backend-compat')!;
    expect(extra).toMatchObject({ drift: 'extra' });
    expect(await repairOf(tenantId, extra.id)).toMatchObject({ kind: 'leave', repairId: null });
    const rest = await act((tx) => currentResources(tx, tenantId));
    expect(rest.map(({ connector }) => connector)).toEqual(['sample']);
    await expect(repairOf(tenantId, extra.id)).rejects.toMatchObject({
      code: 'order-not-possible',
    });
  });

  it('is ordered once at a time, only where something is wrong, and only for an open tenant', async () => {
    const { tenantId, resource } = await provisionedTenant();
    await expect(repairOf(tenantId, resource.id)).rejects.toMatchObject({
      code: 'order-not-possible',
    });
    await act((tx) =>
      tx.run(`update tenant_resources set drift = 'changed', status = 'error' where id = $1`, [
        resource.id,
      ]),
    );
    const both = await Promise.allSettled([1, 2].map(() => repairOf(tenantId, resource.id)));
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(repairOf(tenantId, resource.id)).rejects.toMatchObject({ code: 'order-exists' });
    await expect(repairOf(tenantId, newId())).rejects.toMatchObject({ code: 'resource-not-found' });
    await act((tx) => tx.run(`update tenants set status = 'frozen' where id = $1`, [tenantId]));
    await expect(repairOf(tenantId, resource.id)).rejects.toMatchObject({
      code: 'tenant-not-open',
    });
  });
});

describe('the plan of comparisons', () => {
  it('wakes tenants that were not compared for a day and repairs that nobody drives, once', async () => {
    const wakes = async (tenantId: string) =>
      act((tx) =>
        tx.rows('select 1 from outbox where workflow_id = $1', [`reconcile-tenant/${tenantId}`]),
      );
    const { tenantId, resource } = await provisionedTenant();
    await act((tx) => tx.run('update outbox set delivered_at = now()'));
    await act((tx) => tx.run('delete from outbox'));
    await planReconcile(deps, 1000);
    expect(await wakes(tenantId)).toHaveLength(0);
    await act((tx) =>
      tx.run(`update tenant_resources set checked_at = now() - interval '25 hours' where id = $1`, [
        resource.id,
      ]),
    );
    await planReconcile(deps, 1000);
    await planReconcile(deps, 1000);
    expect(await wakes(tenantId)).toHaveLength(1);
  });
});
