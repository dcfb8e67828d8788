import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { backendControl, paths } from './backend-control';
import type { BackendControl } from './backend-control';
import { active, onboard, order, parked } from './courses';
import { attemptsOf, openRows, wake } from './rows';
import type { Rows } from './rows';

/** Seconds before each retry here, in the same proportions as in production but shorter. */
const pauses = [0.2, 0.3, 0.4, 0.5, 0.6];

describe('a step that fails', () => {
  let app: TestApp;
  let rows: Rows;
  let backend: BackendControl;
  beforeAll(async () => {
    app = await startTestApp({ env: { RETRY_SECONDS: pauses.join(',') } });
    rows = await openRows(app);
    backend = backendControl(app.backend.url);
  }, 120_000);
  afterEach(() => backend.faults());
  afterAll(async () => {
    await rows.close();
    await app.stop();
  });

  test('for a while is tried again, five times at most, and then parks with the reason of its last attempt', async () => {
    await backend.faults({ path: paths.register, mode: 'status', status: 503 });
    const invited = await onboard(app);
    const job = await parked(app, invited);
    expect(job).toMatchObject({
      status: 'failed',
      failed_step: 'sample.register',
      problem: 'backend-unavailable',
    });
    const attempts = await attemptsOf(rows, invited.jobId, 'register');
    expect(attempts.map(({ outcome, problem }) => [outcome, problem])).toEqual(
      Array.from({ length: 6 }, () => ['transient', 'backend-unavailable']),
    );
    attempts.slice(1).forEach((attempt, index) => {
      const waited = attempt.started_at.getTime() - attempts[index]!.ended_at!.getTime();
      expect(waited).toBeGreaterThanOrEqual(pauses[index]! * 1000 - 1);
    });
    const keys = (await backend.calls(paths.register)).map((call) => call.idempotency_key);
    expect(keys).toHaveLength(6);
    expect(new Set(keys)).toEqual(new Set([`${invited.jobId}:sample.register:1`]));
  });

  test('and is retried by order begins a new series with the same key, and never runs completed steps again', async () => {
    await backend.faults({ path: paths.verify, mode: 'status', status: 500 });
    const invited = await onboard(app);
    expect(await parked(app, invited)).toMatchObject({ failed_step: 'sample.verify' });
    await backend.faults();
    expect((await order(app, invited, 'retry')).status).toBe(200);
    await active(app, invited);
    expect(await backend.object(invited.spreadsheetId)).toMatchObject({
      registered: 2,
      tokens: [{ added: 1 }],
    });
    const attempts = await attemptsOf(rows, invited.jobId, 'verify');
    expect(attempts.map(({ series }) => series)).toEqual([1, 1, 1, 1, 1, 1, 2]);
    expect(attempts.map(({ generation }) => generation)).toEqual(Array(7).fill(1));
  });

  test('for good parks at once, and its next try is another request', async () => {
    await backend.faults({ path: paths.register, mode: 'status', status: 400, times: 1 });
    const invited = await onboard(app);
    expect(await parked(app, invited)).toMatchObject({ problem: 'backend-refused' });
    await order(app, invited, 'retry');
    await active(app, invited);
    const attempts = await attemptsOf(rows, invited.jobId, 'register');
    expect(attempts.map(({ outcome, generation }) => [outcome, generation])).toEqual([
      ['permanent', 1],
      ['success', 2],
    ]);
  });

  test('with a Retry-After waits at least that long', async () => {
    await backend.faults({
      path: paths.smoke,
      mode: 'status',
      status: 503,
      retry_after: 2,
      times: 1,
    });
    const invited = await onboard(app);
    await active(app, invited);
    const [first, second] = await attemptsOf(rows, invited.jobId, 'smoke');
    expect(second!.started_at.getTime() - first!.ended_at!.getTime()).toBeGreaterThanOrEqual(1_999);
  });

  test('by the backend’s rate waits: a 429 is no attempt, however many there are', async () => {
    await backend.faults({
      path: paths.register,
      mode: 'status',
      status: 429,
      retry_after: 0,
      times: 8,
    });
    const invited = await onboard(app);
    const job = await active(app, invited);
    const step = job.steps.find((one: { key: string }) => one.key === 'sample.register');
    expect(step.failures).toBe(0);
    const attempts = await attemptsOf(rows, invited.jobId, 'register');
    expect(attempts.map(({ outcome }) => outcome)).toEqual([
      ...Array<string>(8).fill('rate-limited'),
      'success',
    ]);
  });

  test('by nothing but 429 for 30 minutes parks', async () => {
    await backend.faults({ path: paths.register, mode: 'status', status: 429, retry_after: 1 });
    const invited = await onboard(app);
    await waitFor(
      'A first 429',
      () => attemptsOf(rows, invited.jobId, 'register'),
      (attempts) => attempts.some(({ outcome }) => outcome === 'rate-limited'),
    );
    await rows.query(
      `update onboarding_steps set limited_since = now() - interval '31 minutes' where onboarding_id = $1`,
      [invited.jobId],
    );
    expect(await parked(app, invited)).toMatchObject({ problem: 'backend-rate-limited' });
  });

  test('parks at once where a value that it needs was erased', async () => {
    const invited = await onboard(app, { workspace: undefined });
    await waitFor(
      'The wait for the workspace',
      () => rows.one('select waiting_for from onboardings where id = $1', [invited.jobId]),
      (row) => row.waiting_for === 'customer',
    );
    await rows.query(
      `delete from secrets where owner_table = 'onboarding_inputs' and owner_id = $1`,
      [invited.jobId],
    );
    await rows.query('update onboarding_inputs set spreadsheet_id = $2 where onboarding_id = $1', [
      invited.jobId,
      invited.spreadsheetId,
    ]);
    await wake(app, invited.inviteId);
    expect(await parked(app, invited)).toMatchObject({
      failed_step: 'sample.add-token',
      problem: 'input-missing',
    });
  });
});
