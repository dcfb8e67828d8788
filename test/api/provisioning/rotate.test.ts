import { randomUUID } from 'node:crypto';
import { accept, invite, marketplaceToken, untilState } from '../../support/journey';
import type { Invited } from '../../support/journey';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp, TestRequest } from '../../support/test-app';
import { person, signedIn } from '../people';
import { sql } from '../rows';
import { backendControl, paths } from '../../workflows/backend-control';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
}, 120_000);
afterAll(() => app.stop());
afterEach(() => backendControl(app.backend.url).faults());

const rotate = (body: Record<string, unknown>, request: TestRequest = {}): Promise<TestAnswer> =>
  app.call('POST', '/onboarding/wb-tokens/rotate', {
    ...request,
    body: { reason: 'it leaked', ...body },
  });

const activeCustomer = async (token: string): Promise<Invited> => {
  const invited = await invite(app, { wb_token: token });
  await accept(app, invited);
  await untilState(app, invited.jobId, ['active']);
  return invited;
};

describe('POST /onboarding/wb-tokens/rotate', () => {
  test('answers 202 done once the new token is proven; from then on it is the one in use', async () => {
    const [old, fresh] = [marketplaceToken(), marketplaceToken()];
    const { clientId } = await activeCustomer(old);
    const { status, body } = await rotate({ client_id: clientId, wb_token: fresh });
    expect([status, body]).toEqual([
      202,
      {
        success: true,
        rotation_id: body.rotation_id,
        client_id: clientId,
        status: 'done',
        problem: null,
      },
    ]);
    expect((await rotate({ client_id: clientId, wb_token: fresh })).body.code).toBe(
      'token-unchanged',
    );
    expect((await rotate({ client_id: clientId, wb_token: old })).body.status).toBe('done');
  });

  test('answers 202 failed with the problem when the backend refuses the new token; the old one stays', async () => {
    const old = marketplaceToken();
    const { clientId } = await activeCustomer(old);
    await backendControl(app.backend.url).faults({
      path: paths.addToken,
      mode: 'status',
      status: 500,
      message: 'failed to add token: it has no segments',
    });
    const { status, body } = await rotate({ client_id: clientId, wb_token: marketplaceToken() });
    expect([status, body.status, body.problem]).toEqual([202, 'failed', 'token-malformed']);
    expect((await rotate({ client_id: clientId, wb_token: old })).body.code).toBe(
      'token-unchanged',
    );
  });

  test('answers 202 with the state so far while it goes on, and 409 to a second one meanwhile', async () => {
    const { clientId } = await activeCustomer(marketplaceToken());
    await sql(
      app,
      `insert into token_rotations (id, tenant_id, onboarding_id, reason, requested_by, fingerprint)
       select $1, tenant_id, id, 'slow', 'system:test', '\\x00' from onboardings where tenant_id = $2`,
      [randomUUID(), clientId],
    );
    const { status, body } = await rotate({ client_id: clientId, wb_token: marketplaceToken() });
    expect([status, body.code]).toEqual([409, 'rotation-open']);
    expect(body.rotation_id).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('answers again to the same Idempotency-Key, and begins nothing', async () => {
    const { clientId } = await activeCustomer(marketplaceToken());
    const request = { client_id: clientId, wb_token: marketplaceToken() };
    const headers = { 'idempotency-key': randomUUID() };
    const [first, second] = [
      await rotate(request, { headers }),
      await rotate(request, { headers }),
    ];
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
  });

  test('lets the tenant’s own people in, and nobody of another tenant', async () => {
    const [own, other] = [
      await activeCustomer(marketplaceToken()),
      await activeCustomer(marketplaceToken()),
    ];
    const member = await person(app, { tenants: [{ id: own.clientId, role: 'client' }] });
    const session = { anonymous: true, headers: await signedIn(app, member) };
    const mine = await rotate({ client_id: own.clientId, wb_token: marketplaceToken() }, session);
    expect(mine.status).toBe(202);
    const theirs = await rotate(
      { client_id: other.clientId, wb_token: marketplaceToken() },
      session,
    );
    expect([theirs.status, theirs.body.code]).toEqual([403, 'forbidden']);
  });

  test('answers 404 for an unknown client, 409 for one that is not active yet, 422 without a reason', async () => {
    const token = marketplaceToken();
    const unknown = await rotate({ client_id: randomUUID(), wb_token: token });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'onboarding-not-found']);
    const pending = await invite(app);
    const early = await rotate({ client_id: pending.clientId, wb_token: token });
    expect([early.status, early.body.code]).toEqual([409, 'order-not-possible']);
    const { status, body } = await rotate({
      client_id: randomUUID(),
      wb_token: token,
      reason: ' ',
    });
    expect([status, body.errors[0].pointer]).toEqual([422, '/reason']);
  });
});
