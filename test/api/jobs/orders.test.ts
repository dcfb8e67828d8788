import { randomUUID } from 'node:crypto';
import { accept, invite, marketplaceToken, untilState } from '../../support/journey';
import type { Invited } from '../../support/journey';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp, TestRequest } from '../../support/test-app';
import { person, signedIn } from '../people';
import { sql } from '../rows';
import { backendControl, paths } from '../../workflows/backend-control';
import { parked } from '../../workflows/courses';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
}, 120_000);
afterAll(() => app.stop());
afterEach(() => backendControl(app.backend.url).faults());

type Kind = 'retry' | 'fix' | 'skip' | 'rollback' | 'cancel';
const kinds: readonly Kind[] = ['retry', 'fix', 'skip', 'rollback', 'cancel'];

const order = (
  { jobId }: Pick<Invited, 'jobId'>,
  kind: Kind,
  request: TestRequest = {},
): Promise<TestAnswer> =>
  app.call('POST', `/onboarding/jobs/${jobId}/${kind}`, {
    ...request,
    body: {
      reason: 'the test wants it',
      ...(kind === 'fix' ? { wb_token: marketplaceToken() } : {}),
      ...(request.body as object | undefined),
    },
  });

/** An onboarding that is parked at a step for good. */
const stuck = async (path: string = paths.register): Promise<Invited> => {
  await backendControl(app.backend.url).faults({ path, mode: 'status', status: 400 });
  const invited = await invite(app);
  await accept(app, invited);
  await parked(app, invited);
  await backendControl(app.backend.url).faults();
  return invited;
};

describe('POST /onboarding/jobs/{id}/retry, /fix, /skip, /rollback, /cancel answer 200 with the outcome', () => {
  test('retry: the step is tried again and the tenant becomes active', async () => {
    const invited = await stuck();
    const { status, body } = await order(invited, 'retry');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      success: true,
      job_id: invited.jobId,
      order: 'retry',
      status: 'applied',
    });
    await untilState(app, invited.jobId, ['active']);
  });

  test('fix: with new input', async () => {
    const invited = await stuck(paths.addToken);
    expect((await order(invited, 'fix')).body).toMatchObject({ order: 'fix', status: 'applied' });
    await untilState(app, invited.jobId, ['active']);
  });

  test('skip: the step is left out', async () => {
    const invited = await stuck(paths.smoke);
    expect((await order(invited, 'skip')).body).toMatchObject({ order: 'skip', status: 'applied' });
    const job = await untilState(app, invited.jobId, ['active']);
    expect(job.steps.at(-1)).toMatchObject({ key: 'sample.smoke', status: 'skipped' });
  });

  test('rollback and cancel: the onboarding ends', async () => {
    const [undone, cancelled] = [await stuck(paths.addToken), await stuck(paths.addToken)];
    expect((await order(undone, 'rollback')).body.order).toBe('rollback');
    expect((await order(cancelled, 'cancel')).body.order).toBe('cancel');
    await untilState(app, undone.jobId, ['rolled_back']);
    await untilState(app, cancelled.jobId, ['cancelled']);
  });

  test('and keep reason, actor and time; the order’s id is the request id', async () => {
    const invited = await stuck();
    const { body, headers } = await order(invited, 'retry', {
      headers: { 'x-request-id': 'ticket-42' },
    });
    expect(body.order_id).toBe(headers.get('x-request-id'));
    const job = await app.call('GET', `/onboarding/jobs/${invited.jobId}`);
    expect(job.body.orders).toEqual([
      expect.objectContaining({
        id: body.order_id,
        kind: 'retry',
        reason: 'the test wants it',
        number: 1,
      }),
    ]);
    const [row] = await sql(app, 'select client_request_id from orders where id = $1', [
      body.order_id,
    ]);
    expect(row).toEqual({ client_request_id: 'ticket-42' });
    const [entry] = await sql(
      app,
      `select action, crud from audit_trail where request_id = $1 and action like 'onboarding.retry%' order by seq`,
      [body.order_id],
    );
    expect(entry).toEqual({ action: 'onboarding.retry_ordered', crud: 'u' });
  });

  test('again to the same Idempotency-Key, and give no second order', async () => {
    const invited = await stuck();
    const headers = { 'idempotency-key': randomUUID() };
    const first = await order(invited, 'retry', { headers });
    await untilState(app, invited.jobId, ['active']);
    const second = await order(invited, 'retry', { headers });
    expect([second.status, second.body.order_id]).toEqual([200, first.body.order_id]);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(second.body.state).toBe('active');
  });
});

describe('orders answer 403 by role', () => {
  const allowed: Record<string, readonly Kind[]> = {
    owner: kinds,
    admin: ['retry', 'fix', 'rollback', 'cancel'],
    operator: ['retry', 'fix', 'rollback', 'cancel'],
    support: ['retry', 'fix'],
    auditor: [],
  };

  test.each(Object.keys(allowed))('%s', async (role) => {
    const key = await app.keyFor(role);
    const someone = await person(app, { roles: [role as 'owner'] });
    const session = { anonymous: true, headers: await signedIn(app, someone) };
    for (const kind of kinds) {
      for (const request of [{ key }, session]) {
        const { status, body } = await order({ jobId: randomUUID() }, kind, request);
        const expected = allowed[role]?.includes(kind)
          ? [404, 'onboarding-not-found']
          : [403, 'forbidden'];
        expect([kind, status, body.code]).toEqual([kind, ...expected]);
      }
    }
  });

  test('the detail shows what the caller may order now', async () => {
    const invited = await stuck(paths.smoke);
    const actions = async (role: string): Promise<string[]> => {
      const { body } = await app.call('GET', `/onboarding/jobs/${invited.jobId}`, {
        key: await app.keyFor(role),
      });
      return body.actions
        .filter(({ possible }: { possible: boolean }) => possible)
        .map(({ action }: { action: string }) => action);
    };
    expect(await actions('owner')).toEqual([...kinds]);
    expect(await actions('support')).toEqual(['retry', 'fix']);
  });
});

describe('orders answer 409', () => {
  test('order-not-possible before accept and at the end, already-active after it', async () => {
    const open = await invite(app);
    for (const kind of kinds) {
      expect((await order(open, kind)).body).toMatchObject({
        code: 'order-not-possible',
        detail:
          'The onboarding waits for its invite to be accepted; it takes no order of yours now.',
      });
    }
    await accept(app, open);
    await untilState(app, open.jobId, ['active']);
    for (const kind of kinds) {
      const { status, body } = await order(open, kind);
      expect([status, body.code]).toEqual([409, 'already-active']);
    }
  });

  test('step-not-skippable for a step that must not be left out', async () => {
    const { status, body } = await order(await stuck(), 'skip');
    expect([status, body.code]).toEqual([409, 'step-not-skippable']);
  });

  test('order-exists to the second order for one stop', async () => {
    const invited = await stuck();
    const answers = await Promise.all([
      order(invited, 'retry'),
      order(invited, 'cancel'),
      order(invited, 'rollback'),
    ]);
    const codes = answers.map(({ status, body }) => (status < 300 ? 'taken' : body.code));
    expect(codes.filter((code) => code === 'taken')).toHaveLength(1);
    expect(
      codes
        .filter((code) => code !== 'taken')
        .every((code) => ['order-exists', 'order-not-possible', 'already-active'].includes(code)),
    ).toBe(true);
  });
});

describe('orders answer 412 and 422', () => {
  test('412 with the current ETag when somebody else changed the onboarding', async () => {
    const invited = await stuck();
    const { headers } = await app.call('GET', `/onboarding/jobs/${invited.jobId}`);
    const stale = await order(invited, 'retry', { headers: { 'if-match': '"v1"' } });
    expect([stale.status, stale.body.code]).toEqual([412, 'version-stale']);
    expect(stale.headers.get('etag')).toBe(headers.get('etag'));
    const current = await order(invited, 'retry', {
      headers: { 'if-match': headers.get('etag') ?? '' },
    });
    expect(current.status).toBeLessThan(300);
  });

  test.each<[Kind, unknown, string]>([
    ['retry', {}, '/reason'],
    ['skip', { reason: '' }, '/reason'],
    ['cancel', { reason: 'x'.repeat(501) }, '/reason'],
    ['rollback', { reason: 'because', force: true }, '/force'],
    ['fix', { reason: 'because' }, '/wb_token'],
    ['fix', { reason: 'because', spreadsheet_id: 'a b' }, '/spreadsheet_id'],
  ])('422 for %s with %j', async (kind, body, pointer) => {
    const answer = await app.call('POST', `/onboarding/jobs/${randomUUID()}/${kind}`, { body });
    expect(answer.status).toBe(422);
    expect(answer.body.errors[0].pointer).toBe(pointer);
  });
});

describe('POST /onboarding/jobs/bulk-retry', () => {
  const bulkRetry = (
    filter: Record<string, unknown>,
    more: Record<string, unknown> = {},
    request: TestRequest = {},
  ): Promise<TestAnswer> =>
    app.call('POST', '/onboarding/jobs/bulk-retry', {
      ...request,
      body: { reason: 'the backend is back', filter, ...more },
    });

  test('counts in a dry run and orders nothing; then gives every match its order', async () => {
    await backendControl(app.backend.url).faults({
      path: paths.register,
      mode: 'status',
      status: 400,
    });
    const jobs = await Promise.all([invite(app), invite(app)]);
    await Promise.all(jobs.map((job) => accept(app, job)));
    await Promise.all(jobs.map((job) => parked(app, job)));
    await backendControl(app.backend.url).faults();
    const job_ids = jobs.map(({ jobId }) => jobId);
    const filter = { job_ids, failed_step: 'sample.register', problem: 'backend-refused' };
    const dry = await bulkRetry(filter, { dry_run: true });
    expect(dry.body).toMatchObject({ success: true, dry_run: true, matched: 2 });
    expect(dry.body.items.map(({ status }: { status: string }) => status)).toEqual([
      'matched',
      'matched',
    ]);
    expect(
      await sql(app, 'select 1 from orders where onboarding_id = any($1::uuid[])', [job_ids]),
    ).toEqual([]);

    const headers = { 'idempotency-key': randomUUID() };
    const real = await bulkRetry(filter, {}, { headers, key: await app.keyFor('support') });
    expect(
      real.body.items.map(({ job_id, status }: Record<string, string>) => [job_id, status]).sort(),
    ).toEqual(job_ids.map((id) => [id, 'queued']).sort());
    for (const { jobId } of jobs) await untilState(app, jobId, ['active']);
    expect((await bulkRetry(filter)).body).toMatchObject({ matched: 0, items: [] });
  });

  test('matches nothing for another step, another problem, an earlier time or another id', async () => {
    const { jobId } = await stuck();
    for (const filter of [
      { failed_step: 'sample.smoke' },
      { problem: 'backend-timeout' },
      { parked_before: '2020-01-01T00:00:00Z' },
      { job_ids: [randomUUID()] },
    ]) {
      const only = { job_ids: [jobId], ...filter };
      expect((await bulkRetry(only, { dry_run: true })).body.matched).toBe(0);
    }
    expect((await bulkRetry({ job_ids: [jobId] }, { dry_run: true })).body.matched).toBe(1);
  });

  test('answers 403 to auditors and 422 without a filter or a reason', async () => {
    expect((await bulkRetry({}, {}, { key: await app.keyFor('auditor') })).status).toBe(403);
    for (const body of [
      { reason: 'x' },
      { filter: {} },
      { reason: 'x', filter: { job_ids: [] } },
    ]) {
      expect((await app.call('POST', '/onboarding/jobs/bulk-retry', { body })).status).toBe(422);
    }
  });
});
