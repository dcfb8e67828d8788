import { untilState } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { backendControl, paths } from './backend-control';
import type { BackendControl } from './backend-control';
import { connectorFolder } from './connector-folder';
import { active, called, onboard, order, parked } from './courses';
import { attemptsOf, openRows } from './rows';
import type { Rows } from './rows';
import { runOf } from './runs';

// One update in ten minutes: whoever comes second waits in line.
const connectors = connectorFolder((sample) => {
  sample.rate_limits = [{ path: paths.smoke, calls: 1, window_ms: 600_000 }];
});

describe('a cancel', () => {
  let app: TestApp;
  let rows: Rows;
  let backend: BackendControl;
  beforeAll(async () => {
    app = await startTestApp({ env: { CONNECTORS_DIR: connectors.path } });
    rows = await openRows(app);
    backend = backendControl(app.backend.url);
  }, 120_000);
  afterEach(async () => {
    await backend.faults();
    await backend.limits();
  });
  afterAll(async () => {
    await rows.close();
    await app.stop();
    connectors.remove();
  });

  const endOf = (tenantId: string) =>
    rows.one(
      `select (select bool_and(withdrawn_at is not null) from memberships where tenant_id = $1) as withdrawn,
         (select json_agg(status) from tenant_resources where tenant_id = $1) as resources`,
      [tenantId],
    );

  test('while a call runs takes effect when the call ends, and marks what it made', async () => {
    await backend.faults({ path: paths.register, mode: 'slow', delay_ms: 1_500, times: 1 });
    const invited = await onboard(app);
    await called(app, paths.register, invited);
    expect((await order(app, invited, 'cancel')).body).toMatchObject({
      status: 'applied',
      state: 'cancelled',
    });
    expect(await attemptsOf(rows, invited.jobId, 'register')).toMatchObject([
      { outcome: 'success' },
    ]);
    expect(await endOf(invited.clientId)).toEqual({ withdrawn: true, resources: ['left'] });
    expect(await backend.object(invited.spreadsheetId)).toMatchObject({
      is_active: true,
      registered: 1,
    });
  });

  test('in the line of the backend takes effect at once and gives the place up', async () => {
    const first = await onboard(app);
    await active(app, first);
    const invited = await onboard(app);
    await waitFor(
      'A place in line',
      () => rows.query('select caller from connector_line'),
      (line) => line.length === 1,
    );
    expect((await order(app, invited, 'cancel')).body).toMatchObject({ status: 'applied' });
    expect(await rows.query('select caller from connector_line')).toEqual([]);
    expect(await attemptsOf(rows, invited.jobId, 'smoke')).toEqual([]);
  });

  test('while the customer is waited for ends it', async () => {
    const invited = await onboard(app, { workspace: undefined });
    await waitFor(
      'The wait for the workspace',
      () => rows.one('select waiting_for from onboardings where id = $1', [invited.jobId]),
      (row) => row.waiting_for === 'customer',
    );
    expect((await order(app, invited, 'cancel')).status).toBe(200);
    await untilState(app, invited.jobId, ['cancelled']);
  });

  test('of a parked one ends it, for good, and no workflow is left behind', async () => {
    await backend.faults({ path: paths.addToken, mode: 'status', status: 400 });
    const invited = await onboard(app);
    await parked(app, invited);
    await order(app, invited, 'cancel');
    await untilState(app, invited.jobId, ['cancelled']);
    expect(await order(app, invited, 'retry')).toMatchObject({
      status: 409,
      body: { code: 'order-not-possible' },
    });
    const handle = app.deps.temporal.client.workflow.getHandle(`onboarding/${invited.inviteId}`);
    await waitFor(
      'The end of the workflow',
      () => handle.describe(),
      ({ status }) => status.name === 'COMPLETED',
    );
  });

  test('while a call runs that is refused for now takes effect all the same, in the same run', async () => {
    await backend.limits({ path: paths.register, calls: 1, window_ms: 600_000 });
    await called(app, paths.register, await onboard(app));
    // The second call is over the limit, and it takes the backend a while to say so.
    await backend.faults({ path: paths.register, mode: 'slow', delay_ms: 1_500, times: 1 });
    const invited = await onboard(app);
    await called(app, paths.register, invited);
    const run = runOf(app, invited);
    const { runId } = await run.describe();
    expect([200, 202]).toContain((await order(app, invited, 'cancel')).status);
    await untilState(app, invited.jobId, ['cancelled'], 15);
    expect(await attemptsOf(rows, invited.jobId, 'register')).toMatchObject([
      { outcome: 'rate-limited' },
    ]);
    const ended = await waitFor(
      'The end of the run',
      () => run.describe(),
      ({ status }) => status.name !== 'RUNNING',
    );
    expect(ended).toMatchObject({ runId, status: { name: 'COMPLETED' } });
  });
});
