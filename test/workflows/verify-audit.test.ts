import { Client } from 'pg';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
}, 120_000);
afterAll(() => app.stop());

const verify = (): Promise<void> =>
  app.deps.temporal.client.workflow.execute('verifyAudit', {
    taskQueue: app.deps.env.TASK_QUEUE,
    workflowId: `verify-${String(performance.now())}`,
    args: [],
  });
const newest = () =>
  waitFor(
    'The entry of the verification',
    async () => (await app.call('GET', '/audit?action=audit.verified&limit=1')).body.items[0],
    (entry) => entry !== undefined,
  );

describe('the nightly verification', () => {
  test('writes down that the log is whole', async () => {
    await app.call('POST', '/v1/audit?wait=sequenced', { body: { action: 'orders.shipped' } });
    await verify();
    expect(await newest()).toMatchObject({
      outcome: 'success',
      actor: { id: 'system:audit-verify' },
      metadata: { ok: true, break: null },
    });
  });

  test('writes down what is broken and where, and the gauge that pages follows', async () => {
    const intruder = new Client({ connectionString: app.database.superUrl });
    await intruder.connect();
    await intruder.query(`update audit_log set action = 'orders.lost' where seq = 1`);
    await verify();
    const found = await waitFor('The failure', newest, ({ outcome }) => outcome === 'failure');
    expect(found.metadata).toMatchObject({
      ok: false,
      break: 'event-hash-mismatch',
      break_seq: 1,
    });
    await intruder.end();
    await waitFor(
      'The gauge',
      async () => (await app.deps.metrics.auditBroken.get()).values[0]?.value,
      (value) => value === 1,
    );
  });
});
