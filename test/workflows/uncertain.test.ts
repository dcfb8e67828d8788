import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { backendControl, paths } from './backend-control';
import type { BackendControl } from './backend-control';
import { connectorFolder, stepOf } from './connector-folder';
import { active, called, onboard, order, parked } from './courses';
import { attemptsOf, openRows } from './rows';
import type { Attempt, Rows } from './rows';

const pauses = { RETRY_SECONDS: '0.1,0.1,0.2' };

const course = (attempts: readonly Attempt[]) =>
  attempts.map(({ phase, outcome }) => `${phase} ${String(outcome)}`);

describe('a call whose outcome nobody knows', () => {
  let app: TestApp;
  let rows: Rows;
  let backend: BackendControl;
  const connectors = connectorFolder((sample) => {
    for (const step of sample.steps) step.timeout_ms = 1_000;
  });
  beforeAll(async () => {
    app = await startTestApp({ env: { ...pauses, CONNECTORS_DIR: connectors.path } });
    rows = await openRows(app);
    backend = backendControl(app.backend.url);
  }, 120_000);
  afterEach(() => backend.faults());
  afterAll(async () => {
    await rows.close();
    await app.stop();
    connectors.remove();
  });

  const once = (path: string, jobId: string) =>
    backend
      .calls(path)
      .then((calls) => calls.filter(({ idempotency_key: key }) => key?.startsWith(jobId)));

  test.each(['timeout-after-act', 'reset-after-act', 'malformed'] as const)(
    'by %s is looked up and adopted, never sent again',
    async (mode) => {
      await backend.faults(
        { path: paths.register, mode, times: 1 },
        { path: paths.addToken, mode, times: 1 },
      );
      const invited = await onboard(app);
      await active(app, invited);
      for (const [step, path] of [
        ['register', paths.register],
        ['add-token', paths.addToken],
      ] as const) {
        expect(course(await attemptsOf(rows, invited.jobId, step))).toEqual([
          'do uncertain',
          'verify success',
        ]);
        expect(await once(path, invited.jobId)).toHaveLength(1);
      }
      expect(await backend.object(invited.spreadsheetId)).toMatchObject({
        registered: 2,
        tokens: [{ added: 1 }],
      });
    },
  );

  test('and did not happen is found missing and sent again with the same key', async () => {
    await backend.faults({ path: paths.register, mode: 'reset-before-act', times: 1 });
    const invited = await onboard(app);
    await active(app, invited);
    expect(course(await attemptsOf(rows, invited.jobId, 'register'))).toEqual([
      'do uncertain',
      'verify absent',
      'do success',
    ]);
    const keys = (await once(paths.register, invited.jobId)).map((call) => call.idempotency_key);
    expect(new Set(keys).size).toBe(1);
  });

  test('stays in doubt while the look-up itself is refused: a retry asks again and sends nothing', async () => {
    await backend.faults(
      { path: paths.register, mode: 'reset-after-act', times: 1 },
      { path: '/admin/spreadsheets/*', method: 'GET', mode: 'status', status: 401, times: 1 },
    );
    const invited = await onboard(app);
    expect(await parked(app, invited)).toMatchObject({ problem: 'backend-unauthorized' });
    await order(app, invited, 'retry');
    await active(app, invited);
    expect(await once(paths.register, invited.jobId)).toHaveLength(1);
    expect(course(await attemptsOf(rows, invited.jobId, 'register'))).toEqual([
      'do uncertain',
      'verify permanent',
      'verify success',
    ]);
  });

  test('of a step that is safe to repeat is simply sent again', async () => {
    await backend.faults({ path: paths.smoke, mode: 'reset-after-act', times: 2 });
    const invited = await onboard(app);
    await active(app, invited);
    expect(course(await attemptsOf(rows, invited.jobId, 'smoke'))).toEqual([
      'do uncertain',
      'do uncertain',
      'do success',
    ]);
    expect(await backend.object(invited.spreadsheetId)).toMatchObject({ updates: 1 });
  });

  test('because whoever made it was lost is looked up once it can no longer be on its way', async () => {
    await backend.faults({ path: paths.register, mode: 'slow', delay_ms: 60_000, times: 1 });
    const invited = await onboard(app);
    await called(app, paths.register, invited);
    // What a killed worker leaves: an attempt that nobody closes, and a new execution of the activity.
    await rows.query(
      `update step_attempts set ended_at = now(), outcome = 'uncertain', problem = 'outcome-unknown'
       where onboarding_id = $1`,
      [invited.jobId],
    );
    await rows.query(
      'update onboarding_steps set in_doubt = true where onboarding_id = $1 and key = $2',
      [invited.jobId, 'sample.register'],
    );
    await active(app, invited);
    const [sent, asked, ...rest] = await attemptsOf(rows, invited.jobId, 'register');
    expect([sent!.phase, asked!.phase, asked!.outcome, rest.length]).toEqual([
      'do',
      'verify',
      'success',
      0,
    ]);
    expect(asked!.started_at.getTime() - sent!.started_at.getTime()).toBeGreaterThanOrEqual(999);
  });
});

describe('a call that must never be repeated', () => {
  let app: TestApp;
  let rows: Rows;
  let backend: BackendControl;
  const connectors = connectorFolder((sample) => {
    const register = stepOf(sample, 'register');
    register.repeat = 'never';
    register.timeout_ms = 1_000;
    delete register.verify;
  });
  beforeAll(async () => {
    app = await startTestApp({ env: { ...pauses, CONNECTORS_DIR: connectors.path } });
    rows = await openRows(app);
    backend = backendControl(app.backend.url);
  }, 120_000);
  afterEach(() => backend.faults());
  afterAll(async () => {
    await rows.close();
    await app.stop();
    connectors.remove();
  });

  test.each(['timeout-after-act', 'reset-after-act', 'malformed', 'status'] as const)(
    'and ends in doubt by %s parks as outcome-unknown instead of being sent again; an operator who has looked may retry it',
    async (mode) => {
      await backend.faults({ path: paths.register, mode, status: 502, times: 1 });
      const invited = await onboard(app);
      expect(await parked(app, invited)).toMatchObject({
        failed_step: 'sample.register',
        problem: 'outcome-unknown',
      });
      expect(course(await attemptsOf(rows, invited.jobId, 'register'))).toEqual(['do uncertain']);
      await order(app, invited, 'retry');
      await active(app, invited);
      expect(course(await attemptsOf(rows, invited.jobId, 'register'))).toEqual([
        'do uncertain',
        'do success',
      ]);
    },
  );

  test('is repeated where it certainly did not happen', async () => {
    await backend.faults({ path: paths.register, mode: 'status', status: 503, times: 2 });
    const invited = await onboard(app);
    await active(app, invited);
    expect(course(await attemptsOf(rows, invited.jobId, 'register'))).toEqual([
      'do transient',
      'do transient',
      'do success',
    ]);
  });

  test('and whose sender was lost parks as outcome-unknown', async () => {
    await backend.faults({ path: paths.register, mode: 'status', status: 503, times: 1 });
    const invited = await onboard(app);
    await waitFor(
      'A first failure',
      () => attemptsOf(rows, invited.jobId, 'register'),
      ([first]) => first?.outcome === 'transient',
    );
    await rows.query(
      `update step_attempts set ended_at = null, outcome = null where onboarding_id = $1`,
      [invited.jobId],
    );
    expect(await parked(app, invited)).toMatchObject({ problem: 'outcome-unknown' });
    expect(
      (await backend.calls(paths.register)).filter(({ idempotency_key: key }) =>
        key?.startsWith(invited.jobId),
      ),
    ).toHaveLength(1);
  });
});
