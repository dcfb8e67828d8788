import { randomUUID } from 'node:crypto';
import { person, signedIn } from '../api/people';
import { accept, invite } from '../support/journey';
import { startSecondOfEach } from '../support/second-of-each';
import type { SecondOfEach } from '../support/second-of-each';
import { startTestApp } from '../support/test-app';
import type { TestAnswer, TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { backendControl, paths } from './backend-control';
import type { BackendControl } from './backend-control';
import { active, mailsTo, onboard, parked } from './courses';
import { openRows } from './rows';
import type { Rows } from './rows';

jest.setTimeout(90_000);

describe('with two APIs and two workers at once', () => {
  let app: TestApp;
  let second: SecondOfEach;
  let rows: Rows;
  let backend: BackendControl;
  let apis: Pick<TestApp, 'call'>[];
  beforeAll(async () => {
    app = await startTestApp();
    second = await startSecondOfEach(app);
    rows = await openRows(app);
    backend = backendControl(app.backend.url);
    apis = [app, second];
  }, 120_000);
  afterEach(() => backend.faults());
  afterAll(async () => {
    await rows.close();
    await second.stop();
    await app.stop();
  }, 60_000);

  /** The same request, so many times at the same moment, at one API and the other by turns. */
  const atBoth = (times: number, ask: (api: Pick<TestApp, 'call'>) => Promise<TestAnswer>) =>
    Promise.all(Array.from({ length: times }, (_, n) => ask(apis[n % 2]!)));

  test('of 200 accepts of one invite one wins, and all others learn that it was used', async () => {
    const invited = await invite(app);
    const answers = await atBoth(200, (api) =>
      api.call('POST', `/onboarding/invites/${invited.token}/accept`, {
        anonymous: true,
        body: { accept_terms: true },
      }),
    );
    const outcomes = answers.map(({ status, body }) => `${String(status)} ${String(body.code)}`);
    expect(outcomes.filter((outcome) => outcome === '200 undefined')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === '409 invite-already-used')).toHaveLength(199);
    await active(app, invited);
    const made = await rows.one(
      `select (select count(*) from users where email = $1)::int as users,
         (select count(*) from memberships where tenant_id = $2)::int as memberships,
         (select count(*) from onboarding_events where onboarding_id = $3 and type = 'accepted')::int as accepted,
         (select count(*) from audit_trail where tenant_id = $2 and action = 'invite.accepted')::int as audited`,
      [invited.email, invited.clientId, invited.jobId],
    );
    expect(made).toEqual({ users: 1, memberships: 1, accepted: 1, audited: 1 });
    expect(await backend.object(invited.spreadsheetId)).toMatchObject({ tokens: [{ added: 1 }] });
  });

  test('every step is made once and every mail goes out once, whoever drives', async () => {
    const customers = await Promise.all(Array.from({ length: 16 }, () => invite(app)));
    await Promise.all(customers.map((one, n) => accept({ ...app, ...apis[n % 2]! }, one)));
    for (const one of customers) await active(app, one, 60);
    for (const { jobId, spreadsheetId, email } of customers) {
      expect(await backend.object(spreadsheetId)).toMatchObject({ tokens: [{ added: 1 }] });
      const [calls] = await rows.query(
        `select count(*)::int as made, count(distinct key)::int as steps from step_attempts where onboarding_id = $1`,
        [jobId],
      );
      expect(calls).toEqual({ made: 4, steps: 4 });
      await waitFor(
        'The welcome mail',
        () => mailsTo(app, email).map(({ subject }) => subject),
        (subjects) => subjects.some((subject) => subject.includes('is ready')),
      );
      const subjects = mailsTo(app, email).map(({ subject }) => subject);
      expect(new Set(subjects).size).toBe(subjects.length);
    }
  });

  test('of orders for one stop one is taken', async () => {
    await backend.faults({ path: paths.register, mode: 'status', status: 400, times: 1 });
    const invited = await onboard(app);
    await parked(app, invited);
    const answers = await atBoth(10, (api) =>
      api.call('POST', `/onboarding/jobs/${invited.jobId}/retry`, { body: { reason: 'both' } }),
    );
    expect(answers.filter(({ status }) => status < 300)).toHaveLength(1);
    const refused = answers.filter(({ status }) => status >= 300).map(({ body }) => body.code);
    for (const code of refused) expect(['order-exists', 'order-not-possible']).toContain(code);
    await active(app, invited);
  });

  test('a request that names itself takes effect once', async () => {
    const [email, name] = [`p-${randomUUID()}@example.com`, randomUUID()];
    // Keys are scoped to their caller.
    const key = await app.keyFor('operator');
    const answers = await atBoth(10, (api) =>
      api.call('POST', '/onboarding/invites', {
        headers: { 'idempotency-key': name },
        key,
        body: { email },
      }),
    );
    const ids = answers.flatMap(({ status, body }) => (status === 201 ? [body.invite_id] : []));
    expect(new Set(ids).size).toBe(1);
    for (const { status, body } of answers) {
      if (status !== 201) expect([status, body.code]).toEqual([409, 'request-in-progress']);
    }
    expect(await rows.query('select 1 from invites where email = $1', [email])).toHaveLength(1);
  });

  test('of two invites of one new address, accepted at once, one makes the account and the other wants its login', async () => {
    for (let round = 0; round < 5; round += 1) {
      const email = `p-${randomUUID()}@example.com`;
      const invited = [await invite(app, { email }), await invite(app, { email })];
      const answers = await Promise.all(
        invited.map(({ token }, n) =>
          apis[n]!.call('POST', `/onboarding/invites/${token}/accept`, {
            anonymous: true,
            body: { accept_terms: true },
          }),
        ),
      );
      const outcomes = answers.map(({ status, body }) => `${String(status)} ${String(body.code)}`);
      expect(outcomes.sort()).toEqual(['200 undefined', '401 account-login-required']);
    }
  });

  test('what is ended at one is over at the other with its next request', async () => {
    const owner = await person(app, { roles: ['owner'] });
    const session = { anonymous: true, headers: await signedIn(app, owner) };
    const invited = await invite(app);
    const look = () => second.call('GET', '/me', session);
    const preview = () =>
      second.call('GET', `/onboarding/invites/${invited.token}/preview`, { anonymous: true });
    expect([(await look()).status, (await preview()).status]).toEqual([200, 200]);
    await app.call('POST', '/auth/logout', session);
    await app.call('POST', `/onboarding/invites/${invited.inviteId}/revoke`);
    expect([(await look()).status, (await preview()).body.code]).toEqual([401, 'invite-revoked']);
  });
});
