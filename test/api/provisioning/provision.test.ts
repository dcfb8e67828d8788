import { randomUUID } from 'node:crypto';
import { accept, invite, marketplaceToken, untilState } from '../../support/journey';
import type { Invited } from '../../support/journey';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp, TestRequest } from '../../support/test-app';
import { onboardingCookie, person, signedIn } from '../people';
import { setTenantStatus, sql } from '../rows';
import { backendControl, paths } from '../../workflows/backend-control';
import { parked } from '../../workflows/courses';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
}, 120_000);
afterAll(() => app.stop());
afterEach(() => backendControl(app.backend.url).faults());

/** Neither workspace nor token came with the invite. */
const bare = { workspace: undefined, wb_token: undefined };

const waiting = async (overrides: Record<string, unknown> = bare): Promise<Invited> => {
  const invited = await invite(app, overrides);
  await accept(app, invited);
  return invited;
};

const provision = (body: Record<string, unknown>, request: TestRequest = {}): Promise<TestAnswer> =>
  app.call('POST', '/onboarding/workspaces/provision', { ...request, body });

const addToken = (body: Record<string, unknown>, request: TestRequest = {}): Promise<TestAnswer> =>
  app.call('POST', '/onboarding/wb-tokens', { ...request, body });

/** Accepts an invite as the customer whose browser keeps the cookie. */
const customer = async (invited: Invited): Promise<TestRequest> => {
  const { headers } = await app.call('POST', `/onboarding/invites/${invited.token}/accept`, {
    anonymous: true,
    body: { accept_terms: true },
  });
  return { anonymous: true, headers: onboardingCookie(headers) };
};

describe('the cookie of an accept', () => {
  const everywhere = (invited: Invited, cookie: TestRequest): Promise<number[]> =>
    Promise.all(
      [
        () => addToken({ client_id: invited.clientId, wb_token: marketplaceToken() }, cookie),
        () =>
          provision({ client_id: invited.clientId, spreadsheet_id: invited.spreadsheetId }, cookie),
        () =>
          app.call('POST', '/onboarding/wb-tokens/rotate', {
            ...cookie,
            body: { client_id: invited.clientId, wb_token: marketplaceToken(), reason: 'x' },
          }),
        () => app.call('GET', `/onboarding/clients/${invited.clientId}/status`, cookie),
      ].map(async (ask) => (await ask()).status),
    );

  test('opens nothing any more once the account is deactivated, not even to hand something over', async () => {
    const invited = await invite(app, bare);
    const cookie = await customer(invited);
    await sql(
      app,
      `update users set status = 'deactivated'
       where id = (select user_id from onboardings where id = $1)`,
      [invited.jobId],
    );
    expect(await everywhere(invited, cookie)).toEqual([401, 401, 401, 401]);
    const given = await sql(app, 'select 1 from onboarding_inputs where onboarding_id = $1', [
      invited.jobId,
    ]);
    expect(given).toEqual([]);
  });

  test('opens nothing any more once the membership is withdrawn', async () => {
    const invited = await invite(app, bare);
    const cookie = await customer(invited);
    await sql(app, 'update memberships set withdrawn_at = now() where onboarding_id = $1', [
      invited.jobId,
    ]);
    expect(await everywhere(invited, cookie)).toEqual([401, 401, 401, 401]);
  });
});

describe('POST /onboarding/workspaces/provision and /wb-tokens answer 202', () => {
  test('with the state that each brought about, one after the other, to the active tenant', async () => {
    const invited = await waiting();
    const workspace = await provision({
      client_id: invited.clientId,
      spreadsheet_id: invited.spreadsheetId,
      owner_email: invited.email,
    });
    expect([workspace.status, workspace.body]).toEqual([
      202,
      {
        success: true,
        job_id: invited.jobId,
        client_id: invited.clientId,
        status: 'workspace_registered',
      },
    ]);
    const token = await addToken({ client_id: invited.clientId, wb_token: marketplaceToken() });
    expect([token.status, token.body.status]).toEqual([202, 'token_added']);
    await untilState(app, invited.jobId, ['active']);
  });

  test('with the same answer to the same values, however far it went since', async () => {
    const invited = await waiting();
    const values = { client_id: invited.clientId, spreadsheet_id: invited.spreadsheetId };
    const token = { client_id: invited.clientId, wb_token: marketplaceToken() };
    const first = [await provision(values), await addToken(token)];
    await untilState(app, invited.jobId, ['active']);
    const again = [await provision(values), await addToken(token)];
    expect(again.map(({ status, body }) => [status, body])).toEqual(
      first.map(({ status, body }) => [status, body]),
    );
  });

  test('for both in one request, and by the alias ssId', async () => {
    const invited = await waiting();
    const { status, body } = await provision({
      client_id: invited.clientId,
      ssId: invited.spreadsheetId,
      wb_token: marketplaceToken(),
    });
    expect([status, body.status]).toEqual([202, 'workspace_registered']);
    await untilState(app, invited.jobId, ['active']);
  });

  test('by the id of the user who accepted', async () => {
    const invited = await waiting();
    const [{ user_id } = { user_id: '' }] = await sql<{ user_id: string }>(
      app,
      'select user_id from onboardings where id = $1',
      [invited.jobId],
    );
    const { status, body } = await provision({ user_id, spreadsheet_id: invited.spreadsheetId });
    expect([status, body.client_id]).toEqual([202, invited.clientId]);
    const both = await provision({
      user_id,
      client_id: invited.clientId,
      spreadsheet_id: invited.spreadsheetId,
    });
    expect(both.body).toEqual(body);
  });

  test('at once to a token that comes before the workspace; it is used when its step comes', async () => {
    const invited = await waiting();
    await untilState(app, invited.jobId, ['email_confirmed']);
    const token = await addToken({ client_id: invited.clientId, wb_token: marketplaceToken() });
    expect(token.body.status).toBe('email_confirmed');
    await provision({ client_id: invited.clientId, spreadsheet_id: invited.spreadsheetId });
    await untilState(app, invited.jobId, ['active']);
  });

  test('with failed when the step parks', async () => {
    await backendControl(app.backend.url).faults({
      path: paths.addToken,
      mode: 'status',
      status: 500,
      message: 'failed to add token: it has no segments',
    });
    const invited = await waiting({ wb_token: undefined });
    const { status, body } = await addToken({
      client_id: invited.clientId,
      wb_token: 'no-token-at-all',
    });
    expect([status, body.status]).toEqual([202, 'failed']);
  });

  test('to the customer by the cookie of the accept, and by a session; the audit names the person', async () => {
    const invited = await invite(app, bare);
    const browser = await customer(invited);
    const { status } = await provision(
      { client_id: invited.clientId, spreadsheet_id: invited.spreadsheetId },
      browser,
    );
    expect(status).toBe(202);
    const member = await person(app, { tenants: [{ id: invited.clientId, role: 'client' }] });
    const session = { anonymous: true, headers: await signedIn(app, member) };
    const token = { client_id: invited.clientId, wb_token: marketplaceToken() };
    expect((await addToken(token, session)).status).toBe(202);
    const actors = await sql<{ actor_id: string }>(
      app,
      `select actor_id from audit_trail where action = 'onboarding.input_provided' and tenant_id = $1 order by seq`,
      [invited.clientId],
    );
    expect(actors[0]?.actor_id).toMatch(/^user:/);
    expect(actors[1]?.actor_id).toBe(`user:${member.id}`);
  });

  test('again to the same Idempotency-Key, and waits again', async () => {
    const invited = await waiting();
    const request = { client_id: invited.clientId, spreadsheet_id: invited.spreadsheetId };
    const headers = { 'idempotency-key': randomUUID() };
    const [first, second] = [
      await provision(request, { headers }),
      await provision({ ...request, idempotency_key: headers['idempotency-key'] }, { headers }),
    ];
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    const other = await provision({ ...request, spreadsheet_id: 'another-one' }, { headers });
    expect([other.status, other.body.code]).toEqual([422, 'idempotency-key-reused']);
  });
});

describe('POST /onboarding/workspaces/provision and /wb-tokens answer 409', () => {
  test('not-accepted before the invite is accepted', async () => {
    const invited = await invite(app, bare);
    const answers = [
      await provision({ client_id: invited.clientId, spreadsheet_id: 'sheet-1' }),
      await addToken({ client_id: invited.clientId, wb_token: marketplaceToken() }),
    ];
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(
      Array(2).fill([409, 'not-accepted']),
    );
  });

  test('not-accepted while the next invite of a tenant waits whose first onboarding was cancelled', async () => {
    const first = await waiting();
    const cancelled = await app.call('POST', `/onboarding/jobs/${first.jobId}/cancel`, {
      body: { reason: 'The wrong person' },
    });
    expect(cancelled.status).toBe(200);
    const second = await invite(app, {
      ...bare,
      tenant: undefined,
      tenant_id: first.clientId,
    });
    const { status, body } = await provision({ client_id: first.clientId, spreadsheet_id: 's-1' });
    expect([status, body.code]).toEqual([409, 'not-accepted']);
    await accept(app, second);
    const accepted = await provision({ client_id: first.clientId, spreadsheet_id: 'sheet-2' });
    expect([accepted.status, accepted.body.job_id]).toEqual([202, second.jobId]);
  });

  test('step-completed for other values than those of a step that is done', async () => {
    const invited = await waiting({});
    await untilState(app, invited.jobId, ['active']);
    const workspace = await provision({ client_id: invited.clientId, spreadsheet_id: 'another' });
    expect([workspace.status, workspace.body.code, workspace.body.step]).toEqual([
      409,
      'step-completed',
      'sample.register',
    ]);
    const token = await addToken({ client_id: invited.clientId, wb_token: marketplaceToken() });
    expect([token.status, token.body.code]).toEqual([409, 'step-completed']);
  });

  test('order-not-possible for other values than those of a parked step, which a fix can hand over', async () => {
    const invited = await waiting({ wb_token: 'this-is-no-token' });
    await untilState(app, invited.jobId, ['failed']);
    const { status, body } = await addToken({
      client_id: invited.clientId,
      wb_token: marketplaceToken(),
    });
    expect([status, body.code, body.step]).toEqual([409, 'order-not-possible', 'sample.add-token']);
    expect(body.detail).toMatch(/order a fix/);
  });

  test('tenant-not-open while the tenant is suspended', async () => {
    const invited = await waiting();
    await setTenantStatus(app, invited.clientId, 'suspended');
    const { status, body } = await provision({
      client_id: invited.clientId,
      spreadsheet_id: 'sheet-1',
    });
    expect([status, body.code]).toEqual([409, 'tenant-not-open']);
  });
});

describe('POST /onboarding/workspaces/provision and /wb-tokens answer 403', () => {
  test('to the customer of another tenant, whether there is such a tenant or not', async () => {
    const [own, other] = [await invite(app, bare), await waiting()];
    const browser = await customer(own);
    for (const client_id of [other.clientId, randomUUID()]) {
      const { status, body } = await provision({ client_id, spreadsheet_id: 'sheet-1' }, browser);
      expect([status, body.code]).toEqual([403, 'forbidden']);
      const token = await addToken({ client_id, wb_token: marketplaceToken() }, browser);
      expect(token.status).toBe(403);
    }
  });

  test('to a person who names another user, whether there is such a user or not', async () => {
    const invited = await waiting();
    const [{ user_id } = { user_id: '' }] = await sql<{ user_id: string }>(
      app,
      'select user_id from onboardings where id = $1',
      [invited.jobId],
    );
    const stranger = { anonymous: true, headers: await signedIn(app, await person(app)) };
    for (const id of [user_id, randomUUID()]) {
      const answer = await provision({ user_id: id, spreadsheet_id: 'sheet-1' }, stranger);
      expect([answer.status, answer.body.code]).toEqual([403, 'forbidden']);
    }
  });

  test('to support staff and auditors', async () => {
    const invited = await waiting();
    for (const role of ['support', 'auditor']) {
      const { status } = await provision(
        { client_id: invited.clientId, spreadsheet_id: 'sheet-1' },
        { key: await app.keyFor(role) },
      );
      expect(status).toBe(403);
    }
  });
});

describe('POST /onboarding/workspaces/provision and /wb-tokens answer 404 or 422', () => {
  test('404 for a client and a user that there are not, and for a user of another client', async () => {
    const [one, two] = [await waiting(), await waiting()];
    const [{ user_id } = { user_id: '' }] = await sql<{ user_id: string }>(
      app,
      'select user_id from onboardings where id = $1',
      [one.jobId],
    );
    const answers = [
      await provision({ client_id: randomUUID(), spreadsheet_id: 'sheet-1' }),
      await provision({ user_id: randomUUID(), spreadsheet_id: 'sheet-1' }),
      await provision({ user_id, client_id: two.clientId, spreadsheet_id: 'sheet-1' }),
      await addToken({ client_id: randomUUID(), wb_token: marketplaceToken() }),
    ];
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(
      Array(4).fill([404, 'onboarding-not-found']),
    );
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['nobody', { spreadsheet_id: 'sheet-1' }, '/client_id'],
    ['no spreadsheet', { client_id: randomUUID() }, '/spreadsheet_id'],
    [
      'both names of it',
      { client_id: randomUUID(), spreadsheet_id: 'sheet-1', ssId: 'sheet-1' },
      '/spreadsheet_id',
    ],
    ['a spreadsheet that a path could not hold', { client_id: randomUUID(), ssId: '..' }, '/ssId'],
    [
      'an owner without an address',
      { client_id: randomUUID(), ssId: 'sheet-1', owner_email: 'boss' },
      '/owner_email',
    ],
  ])('422 for %s', async (_what, body, pointer) => {
    const answer = await provision(body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toEqual([
      pointer,
    ]);
  });
});

describe('GET /onboarding/clients/{client_id}/status', () => {
  test('shows operators every step and what is wrong, and customers five plain steps and no error', async () => {
    await backendControl(app.backend.url).faults({
      path: paths.register,
      mode: 'status',
      status: 400,
      message: 'no such spreadsheet: secret details',
    });
    const invited = await invite(app);
    const browser = await customer(invited);
    await parked(app, invited);
    const path = `/onboarding/clients/${invited.clientId}/status`;
    const operator = await app.call('GET', path, { key: await app.keyFor('support') });
    expect(operator.body).toMatchObject({ status: 'failed', step: 'sample.register' });
    expect(operator.body.last_error.code).toBe('backend-refused');
    const seen = await app.call('GET', path, browser);
    expect(seen.body.steps.map(({ key, status }: Record<string, string>) => [key, status])).toEqual(
      [
        ['accepted', 'done'],
        ['workspace', 'parked'],
        ['token', 'pending'],
        ['checking', 'pending'],
        ['ready', 'pending'],
      ],
    );
    expect(seen.body.last_error).toBeNull();
    expect(JSON.stringify(seen.body)).not.toMatch(/refused|secret details|sample/);
  });

  test('answers 403 to strangers, whether there is such a client or not, and 404 to operators', async () => {
    const own = await invite(app, bare);
    const other = await invite(app, bare);
    const browser = await customer(own);
    for (const id of [other.clientId, randomUUID()]) {
      expect((await app.call('GET', `/onboarding/clients/${id}/status`, browser)).status).toBe(403);
    }
    const { status, body } = await app.call('GET', `/onboarding/clients/${randomUUID()}/status`);
    expect([status, body.code]).toEqual([404, 'onboarding-not-found']);
  });
});
