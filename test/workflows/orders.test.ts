import { randomUUID } from 'node:crypto';
import { invite, marketplaceToken } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { backendControl, paths } from './backend-control';
import type { BackendControl } from './backend-control';
import { active, onboard, order, parked } from './courses';
import { attemptsOf, openRows } from './rows';
import type { Rows } from './rows';

const refusedToken = {
  path: paths.addToken,
  mode: 'status',
  status: 500,
  message: 'failed to add token: it has no segments',
  times: 1,
} as const;

describe('an order for a parked onboarding', () => {
  let app: TestApp;
  let rows: Rows;
  let backend: BackendControl;
  beforeAll(async () => {
    app = await startTestApp();
    rows = await openRows(app);
    backend = backendControl(app.backend.url);
  }, 120_000);
  afterEach(() => backend.faults());
  afterAll(async () => {
    await rows.close();
    await app.stop();
  });

  test('fix with a new token sends that one, as a new request', async () => {
    await backend.faults(refusedToken);
    const invited = await onboard(app);
    expect(await parked(app, invited)).toMatchObject({
      failed_step: 'sample.add-token',
      problem: 'token-malformed',
    });
    const answer = await order(app, invited, 'fix', { wb_token: marketplaceToken('new-seller') });
    expect(answer.body).toMatchObject({
      status: 'applied',
      outcome: { fixed: ['wb_token'], reopened: [] },
    });
    await active(app, invited);
    expect(await backend.object(invited.spreadsheetId)).toMatchObject({
      tokens: [{ sid: 'new-seller', added: 1 }],
    });
    const keys = (await backend.calls(paths.addToken))
      .map((call) => call.idempotency_key)
      .filter((key) => key?.startsWith(invited.jobId));
    expect(keys.map((key) => key?.split(':').at(-1))).toEqual(['1', '3']);
    const left = await rows.query(
      `select 1 from secrets where owner_table = 'orders' union all
       select 1 from orders where onboarding_id = $1 and secret_id is not null`,
      [invited.jobId],
    );
    expect(left).toEqual([]);
  });

  test('fix with another spreadsheet opens the completed steps again and marks the old object', async () => {
    await backend.faults(refusedToken);
    const invited = await onboard(app);
    await parked(app, invited);
    const other = `sheet-${randomUUID().slice(0, 8)}`;
    const answer = await order(app, invited, 'fix', { spreadsheet_id: other });
    expect(answer.body.outcome).toEqual({
      fixed: ['spreadsheet_id'],
      reopened: ['sample.register'],
    });
    await active(app, invited);
    expect(await backend.object(other)).toMatchObject({ registered: 2, tokens: [{ added: 1 }] });
    const resources = await rows.query(
      'select external_id, status from tenant_resources where tenant_id = $1 order by created_at',
      [invited.clientId],
    );
    expect(resources).toEqual([
      { external_id: invited.spreadsheetId, status: 'left' },
      { external_id: other, status: 'ready' },
    ]);
    const generations = (await attemptsOf(rows, invited.jobId, 'register')).map(
      ({ generation, outcome }) => [generation, outcome],
    );
    expect(generations).toEqual([
      [1, 'success'],
      [2, 'success'],
    ]);
  });

  test('skip is an owner’s, and only for a step that the connector marks', async () => {
    const support = await app.keyFor('support');
    const operator = await app.keyFor('operator');
    await backend.faults({ path: paths.smoke, mode: 'status', status: 403, times: 1 });
    const invited = await onboard(app);
    await parked(app, invited);
    for (const key of [support, operator]) {
      expect(await order(app, invited, 'skip', {}, key)).toMatchObject({ status: 403 });
    }
    expect((await order(app, invited, 'skip')).body.outcome).toEqual({ skipped: 'sample.smoke' });
    const job = await active(app, invited);
    expect(job.steps.map(({ status }: { status: string }) => status)).toEqual([
      'done',
      'done',
      'done',
      'skipped',
    ]);
    expect((await backend.object(invited.spreadsheetId))?.updates).toBe(0);

    await backend.faults({ path: paths.verify, mode: 'status', status: 403, times: 1 });
    const other = await onboard(app);
    await parked(app, other);
    const refused = await order(app, other, 'skip');
    expect(refused).toMatchObject({ status: 409, body: { code: 'step-not-skippable' } });
    await order(app, other, 'cancel');
  });

  test('support may retry and fix, and may not roll back', async () => {
    const support = await app.keyFor('support');
    await backend.faults(refusedToken);
    const invited = await onboard(app);
    await parked(app, invited);
    expect((await order(app, invited, 'rollback', {}, support)).status).toBe(403);
    expect((await order(app, invited, 'retry', {}, support)).status).toBe(200);
    await active(app, invited);
  });

  test('comes too late once it is active: rollback and cancel answer 409', async () => {
    const invited = await onboard(app);
    await active(app, invited);
    for (const kind of ['rollback', 'cancel', 'retry'] as const) {
      expect(await order(app, invited, kind)).toMatchObject({
        status: 409,
        body: { code: 'already-active' },
      });
    }
  });

  test('comes too early before the invite is accepted', async () => {
    const invited = await invite(app);
    for (const kind of ['rollback', 'cancel', 'retry'] as const) {
      expect(await order(app, invited, kind)).toMatchObject({
        status: 409,
        body: { code: 'order-not-possible' },
      });
    }
  });

  test('is one per stop: of two at a time, one is given and the other answers 409 order-exists', async () => {
    await backend.faults({ path: paths.register, mode: 'status', status: 400 });
    const invited = await onboard(app);
    await parked(app, invited);
    const answers = await Promise.all([
      order(app, invited, 'retry'),
      order(app, invited, 'retry'),
      order(app, invited, 'cancel'),
    ]);
    const given = answers.filter(({ status }) => status < 300);
    expect(given).toHaveLength(1);
    const refused = answers.filter(({ status }) => status >= 300);
    expect(refused.map(({ status }) => status)).toEqual([409, 409]);
    expect(
      refused.every(({ body }) => ['order-exists', 'order-not-possible'].includes(body.code)),
    ).toBe(true);
    const numbers = await rows.query('select number from orders where onboarding_id = $1', [
      invited.jobId,
    ]);
    expect(numbers).toHaveLength(1);
  });

  test('in bulk retries every parked onboarding that matches', async () => {
    await backend.faults({ path: paths.verify, mode: 'status', status: 403 });
    const all = await Promise.all([onboard(app), onboard(app), onboard(app)]);
    for (const invited of all) await parked(app, invited);
    await backend.faults();
    const { body } = await app.call('POST', '/onboarding/jobs/bulk-retry', {
      body: {
        reason: 'The backend knows them again',
        filter: { failed_step: 'sample.verify', job_ids: all.map(({ jobId }) => jobId) },
      },
    });
    expect(body.items.map(({ status }: { status: string }) => status)).toEqual(
      Array(3).fill('queued'),
    );
    for (const invited of all) await active(app, invited);
  });
});
