import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Worker, bundleWorkflowCode } from '@temporalio/worker';
import { createActivityInterceptors } from '../../activities/interceptors';
import { createTenantActivities } from '../../activities/tenants';
import { loadConnectors } from '../../src/domain/onboarding/connectors';
import type { OnboardingDeps } from '../../src/domain/onboarding/deps';
import { writeInputs } from '../../src/domain/onboarding/inputs';
import { orderReconcile, wakeReconcile } from '../../src/domain/onboarding/reconcile';
import { orderRepair } from '../../src/domain/onboarding/repairs';
import { currentResources } from '../../src/domain/tenants/resources';
import { createDeliver } from '../../src/main/deliver';
import { installRuntime } from '../../src/main/temporal-part';
import { createKeyRing } from '../../src/platform/crypto/sealing';
import { createDatabase, withOperator } from '../../src/platform/db';
import type { Database, Tx } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import { createLog } from '../../src/platform/log';
import { createMetrics } from '../../src/platform/metrics';
import { createOutbound } from '../../src/platform/outbound';
import type { Outbound } from '../../src/platform/outbound';
import { createOutbox } from '../../src/platform/outbox';
import type { Outbox } from '../../src/platform/outbox';
import { startSampleBackend } from '../../src/servers/sample-backend';
import type { SampleBackend } from '../../src/servers/sample-backend';
import { insertJob, insertSteps, insertTenant } from '../domain/onboarding/rows';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { marketplaceToken } from '../support/journey';
import { temporalServer } from '../support/test-servers';
import { waitFor } from '../support/wait-for';

let home: TestDatabase;
let db: Database;
let backend: SampleBackend;
let outbound: Outbound;
let outbox: Outbox;
let deps: OnboardingDeps & { outbound: Outbound };
let client: Client;
let workers: Worker[];
let running: Promise<unknown>;
let native: NativeConnection;

const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withOperator(db, 'user:op', fn);
const operator = { actorId: 'user:op', source: { ip: null, userAgent: null } };
const objects = async () => (await fetch(`${backend.url}/_test/objects`)).json();

beforeAll(async () => {
  const [database, temporal, sample, workflowBundle] = await Promise.all([
    createTestDatabase(),
    temporalServer(),
    startSampleBackend({ port: 0, key: 'k' }),
    bundleWorkflowCode({
      workflowsPath: join(__dirname, '../../workflows/reconcile-tenant.ts'),
      logger: new DefaultLogger('ERROR'),
    }),
  ]);
  [home, backend] = [database, sample];
  const log = createLog({ level: 'silent', process: 'test' });
  installRuntime(log);
  db = createDatabase({ url: home.appUrl, applicationName: 'reconcile-workflow', max: 6 });
  outbound = createOutbound({ allowCidrs: ['127.0.0.0/8'], requireHttps: false });
  const connection = await Connection.connect({ address: temporal.address });
  client = new Client({ connection, namespace: temporal.namespace });
  const taskQueue = home.name;
  outbox = createOutbox({
    db,
    deliver: createDeliver(client, taskQueue),
    fastPath: true,
    onError: () => undefined,
  });
  deps = {
    db,
    outbound,
    outbox,
    log,
    ring: createKeyRing([{ id: 'k1', key: Buffer.alloc(32, 1) }]),
    metrics: createMetrics(),
    config: { PUBLIC_URL: 'http://localhost' },
    connectors: loadConnectors({
      dir: join(__dirname, '../../connectors'),
      env: { SAMPLE_BACKEND_URL: backend.url, SAMPLE_BACKEND_KEY: 'k' },
    }),
  } as unknown as typeof deps;
  native = await NativeConnection.connect({ address: temporal.address });
  const shared = {
    connection: native,
    namespace: temporal.namespace,
    activities: createTenantActivities(deps),
    interceptors: { activity: [createActivityInterceptors(log)] },
  };
  workers = await Promise.all([
    Worker.create({ ...shared, taskQueue, workflowBundle }),
    Worker.create({ ...shared, taskQueue: `${taskQueue}-sample` }),
  ]);
  running = Promise.all(workers.map((worker) => worker.run()));
}, 120_000);

afterAll(async () => {
  for (const worker of workers) worker.shutdown();
  await running;
  await outbox.settle();
  await native.close();
  await client.connection.close();
  outbound.close();
  await backend.stop();
  await db.close();
  await home.drop();
});

async function activeTenant() {
  return act(async (tx) => {
    const tenantId = await insertTenant(tx, { status: 'active' });
    const job = await insertJob(tx, {
      tenantId,
      state: 'active',
      acceptedAgo: 60,
      activatedAgo: 50,
    });
    await insertSteps(tx, job, {
      'sample.register': 'done',
      'sample.add-token': 'done',
      'sample.verify': 'done',
      'sample.smoke': 'done',
    });
    const inputs = {
      spreadsheetId: `sheet-${newId()}`,
      ownerEmail: 'boss@example.com',
      wbToken: marketplaceToken(),
    };
    await writeInputs(tx, deps.ring, { onboardingId: job.id, tenantId }, inputs);
    return { tenantId, sheet: inputs.spreadsheetId };
  });
}

const resourceOf = async (tenantId: string) =>
  (await act((tx) => currentResources(tx, tenantId)))[0];
/** The fast path begins in the turn after the commit. */
const delivered = async (): Promise<void> => {
  await new Promise((resolve) => setImmediate(resolve));
  await outbox.settle();
};
const closed = (tenantId: string) =>
  client.workflow.getHandle(wakeReconcile(tenantId).workflowId).result();

describe('reconcileTenant', () => {
  it('compares on demand, repairs what was ordered, and ends', async () => {
    const { tenantId } = await activeTenant();
    await act((tx) => orderReconcile(tx, deps, { id: tenantId, status: 'active' }, operator));
    await delivered();
    await closed(tenantId);
    const missing = await resourceOf(tenantId);
    expect(missing).toMatchObject({ drift: 'missing', status: 'pending' });
    await act((tx) =>
      orderRepair(tx, deps, {
        tenantId,
        resourceId: missing!.id,
        reason: 'it is gone',
        actorId: 'user:op',
        source: { ip: null, userAgent: null },
      }),
    );
    await delivered();
    await closed(tenantId);
    expect(await resourceOf(tenantId)).toMatchObject({
      drift: null,
      status: 'ready',
      lastError: null,
    });
    expect((await objects()).counts).toMatchObject({ spreadsheets: 1, tokens: 1 });
  });

  it('carries only ids, names and codes through its history', async () => {
    const { tenantId, sheet } = await activeTenant();
    await act((tx) => orderReconcile(tx, deps, { id: tenantId, status: 'active' }, operator));
    await delivered();
    await closed(tenantId);
    const history = await client.workflow
      .getHandle(wakeReconcile(tenantId).workflowId)
      .fetchHistory();
    const text = JSON.stringify(history, (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString() : value,
    );
    expect(text).toContain(tenantId);
    expect(text).not.toContain(sheet);
    expect(text).not.toContain('boss@example.com');
  });

  it('ends when a purge takes the repair whose call is under way', async () => {
    const { tenantId } = await activeTenant();
    await act((tx) => orderReconcile(tx, deps, { id: tenantId, status: 'active' }, operator));
    await delivered();
    await closed(tenantId);
    const { id: resourceId } = (await resourceOf(tenantId))!;
    const control = (path: string, body: unknown) =>
      fetch(`${backend.url}/_test/${path}`, { method: 'POST', body: JSON.stringify(body) });
    const calls = async (): Promise<number> =>
      (await (await fetch(`${backend.url}/_test/calls`)).json()).calls.length;
    const before = await calls();
    await control('faults', [{ mode: 'slow', delay_ms: 1_000 }]);
    await act((tx) =>
      orderRepair(tx, deps, { tenantId, resourceId, reason: 'it is gone', ...operator }),
    );
    await delivered();
    await waitFor('The call', calls, (now) => now > before);
    await act((tx) => tx.run('delete from resource_repairs where tenant_id = $1', [tenantId]));
    await closed(tenantId);
    await control('faults', []);
  });

  it('is planned by a tick, and the roll-out is judged by another', async () => {
    const start = (type: string) =>
      client.workflow.execute(type, { taskQueue: home.name, workflowId: `${type}/${newId()}` });
    await start('planReconciliation');
    await start('evaluateRollout');
    const { stage } = await act((tx) => tx.one<{ stage: string }>('select stage from rollout'));
    expect(stage).toBe('100');
  });
});
