import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { untilState } from '../support/journey';
import { waitFor } from '../support/wait-for';
import { backendControl, paths } from './backend-control';
import type { BackendControl } from './backend-control';
import { connectorFolder, stepOf } from './connector-folder';
import { onboard, order, parked } from './courses';
import { attemptsOf, openRows } from './rows';
import type { Rows } from './rows';

// Short, so that a call in doubt is waited out quickly.
const connectors = connectorFolder((sample) => {
  for (const name of ['register', 'add-token']) stepOf(sample, name).timeout_ms = 1_500;
});

describe('a rollback', () => {
  let app: TestApp;
  let rows: Rows;
  let backend: BackendControl;
  beforeAll(async () => {
    app = await startTestApp({
      env: { CONNECTORS_DIR: connectors.path, RETRY_SECONDS: '0.05,0.05' },
    });
    rows = await openRows(app);
    backend = backendControl(app.backend.url);
  }, 120_000);
  afterEach(() => backend.faults());
  afterAll(async () => {
    await rows.close();
    await app.stop();
    connectors.remove();
  });

  const deletions = async (spreadsheetId: string) =>
    (await backend.calls())
      .filter(({ method, path }) => method === 'DELETE' && path.includes(spreadsheetId))
      .map(({ path }) => path.split('/')[2]);
  const rolledBack = (jobId: string) => untilState(app, jobId, ['rolled_back']);

  test('undoes what was done, last in first out, and withdraws the membership', async () => {
    await backend.faults({ path: paths.verify, mode: 'status', status: 403 });
    const invited = await onboard(app);
    await parked(app, invited);
    expect((await order(app, invited, 'rollback')).status).toBe(200);
    const job = await rolledBack(invited.jobId);
    expect(await deletions(invited.spreadsheetId)).toEqual(['wb', 'spreadsheets']);
    expect(await backend.object(invited.spreadsheetId)).toMatchObject({
      is_active: false,
      deleted: 1,
      tokens: [],
    });
    expect(job.steps.map(({ status }: { status: string }) => status)).toEqual([
      'undone',
      'undone',
      'undone',
      'pending',
    ]);
    expect(
      await rows.query(
        'select withdrawn_at is not null as withdrawn from memberships where tenant_id = $1',
        [invited.clientId],
      ),
    ).toEqual([{ withdrawn: true }]);
    expect(
      await rows.query('select status from tenant_resources where tenant_id = $1', [
        invited.clientId,
      ]),
    ).toEqual([{ status: 'left' }]);
  });

  test('calls nothing for a step that never landed', async () => {
    await backend.faults({ path: paths.register, mode: 'status', status: 400 });
    const invited = await onboard(app);
    await parked(app, invited);
    await order(app, invited, 'rollback');
    await rolledBack(invited.jobId);
    expect(await deletions(invited.spreadsheetId)).toEqual([]);
  });

  test('whose compensation fails for a while tries it again; one that is refused parks, and a retry goes on with a new request', async () => {
    await backend.faults({ path: paths.verify, mode: 'status', status: 403, times: 1 });
    const invited = await onboard(app);
    await parked(app, invited);
    await backend.faults(
      { path: '/admin/wb/tokens/*', method: 'DELETE', mode: 'status', status: 503, times: 1 },
      { path: '/admin/wb/tokens/*', method: 'DELETE', mode: 'status', status: 409, times: 1 },
      { path: '/admin/wb/tokens/*', method: 'DELETE', mode: 'status', status: 400, times: 1 },
    );
    await order(app, invited, 'rollback');
    const job = await waitFor(
      'A parked compensation',
      async () => (await app.call('GET', `/onboarding/jobs/${invited.jobId}`)).body,
      (seen) => seen.failed_step === 'sample.add-token' && seen.waiting_for === 'order',
    );
    expect(job).toMatchObject({ status: 'failed', problem: 'backend-refused' });
    for (const kind of ['rollback', 'skip'] as const) {
      expect(await order(app, invited, kind)).toMatchObject({
        status: 409,
        body: { code: 'order-not-possible' },
      });
    }
    expect((await order(app, invited, 'retry')).status).toBe(200);
    await rolledBack(invited.jobId);
    const undos = (await attemptsOf(rows, invited.jobId, 'add-token')).filter(
      ({ phase }) => phase === 'undo',
    );
    expect(undos.map(({ outcome }) => outcome)).toEqual([
      'transient',
      'transient',
      'permanent',
      'success',
    ]);
    const keys = (await backend.calls())
      .filter(({ method, path }) => method === 'DELETE' && path.includes(invited.spreadsheetId))
      .map((call) => call.idempotency_key?.split(':').slice(1).join(':'));
    expect(keys).toEqual([
      'sample.add-token:1:undo',
      'sample.add-token:1:undo',
      'sample.add-token:1:undo',
      'sample.add-token:2:undo',
      'sample.register:1:undo',
    ]);
  });

  test('of a step in doubt waits until its call can no longer be on its way, asks the backend, and undoes what it finds', async () => {
    await backend.faults(
      { path: paths.register, mode: 'reset-after-act' },
      { path: '/admin/spreadsheets/*', method: 'GET', mode: 'status', status: 503 },
    );
    const invited = await onboard(app);
    expect(await parked(app, invited)).toMatchObject({ failed_step: 'sample.register' });
    await backend.faults();
    await order(app, invited, 'rollback');
    await rolledBack(invited.jobId);
    expect(await backend.object(invited.spreadsheetId)).toMatchObject({
      is_active: false,
      deleted: 1,
    });
    const attempts = await attemptsOf(rows, invited.jobId, 'register');
    const sent = attempts.filter(({ phase }) => phase === 'do').at(-1)!;
    const asked = attempts.find(({ phase }) => phase === 'undo-verify')!;
    expect(asked.started_at.getTime() - sent.started_at.getTime()).toBeGreaterThanOrEqual(1_499);
    expect(attempts.slice(-2).map(({ phase, outcome }) => [phase, outcome])).toEqual([
      ['undo-verify', 'success'],
      ['undo', 'success'],
    ]);
  });

  test('of a step in doubt that never landed undoes nothing', async () => {
    await backend.faults(
      { path: paths.register, mode: 'reset-before-act' },
      { path: '/admin/spreadsheets/*', method: 'GET', mode: 'status', status: 503 },
    );
    const invited = await onboard(app);
    await parked(app, invited);
    await backend.faults();
    await order(app, invited, 'rollback');
    await rolledBack(invited.jobId);
    expect(await deletions(invited.spreadsheetId)).toEqual([]);
  });

  test('ends where the customer was waited for, too', async () => {
    const invited = await onboard(app, { wb_token: undefined });
    await waitFor(
      'The wait for the token',
      () => rows.one('select waiting_for from onboardings where id = $1', [invited.jobId]),
      (row) => row.waiting_for === 'customer',
    );
    await order(app, invited, 'rollback');
    await rolledBack(invited.jobId);
    expect(await deletions(invited.spreadsheetId)).toEqual(['spreadsheets']);
  });
});
