import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { marketplaceToken } from '../support/journey';
import type { Invited } from '../support/journey';
import { backendControl, paths } from './backend-control';
import { active, onboard, order, parked } from './courses';

/** A line of the log. */
type Line = Readonly<Record<string, unknown>>;

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ env: { RETRY_SECONDS: '0.2' } });
}, 120_000);
afterAll(() => app.stop());

const linesOf = ({ jobId }: Pick<Invited, 'jobId'>): Line[] =>
  app.logs
    .flatMap((chunk) => chunk.trim().split('\n'))
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line['job_id'] === jobId);

const said = (invited: Invited, sentence: RegExp): Promise<Line[]> =>
  waitFor(
    `A line that says ${String(sentence)}`,
    () => Promise.resolve(linesOf(invited).filter(({ msg }) => sentence.test(String(msg)))),
    ({ length }) => length > 0,
  );

describe('the log', () => {
  test('names tenant, onboarding, workflow and request in every line about them, api and worker alike', async () => {
    const invited = await onboard(app);
    await active(app, invited);
    const [accepted] = await said(invited, /acceptInvite answered 200/);
    const [activated] = await said(invited, /The onboarding is active/);
    for (const line of linesOf(invited)) {
      expect(line).toMatchObject({
        client_id: invited.clientId,
        'tenant.id': invited.clientId,
        'onboarding.id': invited.jobId,
        request_id: expect.any(String),
      });
    }
    expect(activated).toMatchObject({
      'workflow.id': `onboarding/${invited.inviteId}`,
      duration_ms: expect.any(Number),
      request_id: accepted?.['request_id'],
      level: 'info',
    });
  });

  test('tells each call of a step once, and a failure as a warning with its problem', async () => {
    const backend = backendControl(app.backend.url);
    await backend.faults({ path: paths.smoke, mode: 'status', status: 503, times: 1 });
    const invited = await onboard(app);
    await active(app, invited);
    await said(invited, /The onboarding is active/);
    const calls = linesOf(invited).filter((line) => line['step.outcome'] !== undefined);
    expect(calls.map(({ msg, level }) => [level, msg])).toEqual([
      ['info', 'Step sample.register (do): success'],
      ['info', 'Step sample.add-token (do): success'],
      ['info', 'Step sample.verify (do): success'],
      ['warn', 'Step sample.smoke (do): transient'],
      ['info', 'Step sample.smoke (do): success'],
    ]);
    expect(calls[3]).toMatchObject({ problem: 'backend-unavailable', 'backend.status': 503 });
  });

  test('tells a park once, with step and problem, and the order that ends it', async () => {
    const invited = await onboard(app, { wb_token: 'this-is-no-token' });
    await parked(app, invited);
    const parks = await said(invited, /parked/);
    expect(parks).toHaveLength(1);
    expect(parks[0]).toMatchObject({
      level: 'warn',
      step: 'sample.add-token',
      problem: 'token-malformed',
      'backend.status': 500,
    });
    const fixed = await order(app, invited, 'fix', { wb_token: marketplaceToken() });
    await active(app, invited);
    const [applied] = await said(invited, /fix-applied/);
    expect(applied).toMatchObject({ request_id: fixed.headers.get('x-request-id') });
  });
});
