import { stepUpPermissions } from '../../src/domain/identity/roles.rules';
import { randomUUID } from 'node:crypto';
import { endpoints } from '../../src/contracts/endpoints';
import type { EndpointContract } from '../../src/contracts/http';
import { accept, invite, marketplaceToken } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestAnswer, TestApp, TestRequest } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { machine, onboardingCookie, person, signedIn } from './people';
import { sql } from './rows';

let app: TestApp;
let strangers: Readonly<Record<'events:read' | 'invites:read', { id: string; key: string }>>;
let customer: TestRequest;
let nobody: TestRequest;

beforeAll(async () => {
  app = await startTestApp({ worker: false });
  app.startSequencer();
  strangers = {
    'events:read': await machine(app, ['events:read']),
    'invites:read': await machine(app, ['invites:read']),
  };
  const { clientId } = await invite(app);
  const owner = await person(app, { tenants: [{ id: clientId, role: 'owner' }] });
  customer = { anonymous: true, headers: await signedIn(app, owner) };
  nobody = { anonymous: true, headers: await signedIn(app, await person(app)) };
});
afterAll(() => app.stop());

/** Bodies with which a request gets as far as the question of whose data it is. */
const bodies: Readonly<Record<string, () => unknown>> = {
  provisionWorkspace: () => ({ client_id: randomUUID(), spreadsheet_id: 'sheet-1' }),
  addToken: () => ({ client_id: randomUUID(), wb_token: marketplaceToken() }),
  rotateToken: () => ({ client_id: randomUUID(), wb_token: marketplaceToken(), reason: 'because' }),
  requestProduct: () => ({ tenant_id: randomUUID(), product: 'insights' }),
  requestTrial: () => ({ tenant_id: randomUUID(), product: 'insights' }),
  createApiKey: () => ({ tenant_id: randomUUID(), name: 'Shop', scopes: ['whoami'] }),
  putKeyPolicy: () => ({ tenant_id: randomUUID() }),
};

/** Queries of the same kind. */
const queries: Readonly<Record<string, () => string>> = {
  listEntitlements: () => `?tenant_id=${randomUUID()}`,
  listApiKeys: () => `?tenant_id=${randomUUID()}`,
  getKeyPolicy: () => `?tenant_id=${randomUUID()}`,
  getAuditConsistency: () => '?from=1',
};

const call = (
  { operationId, method, path, body, ifMatch }: EndpointContract,
  request: TestRequest,
): Promise<TestAnswer> =>
  app.call(
    method.toUpperCase(),
    path.replaceAll(/\{(level|index)\}/g, '0').replaceAll(/\{\w+\}/g, () => randomUUID()) +
      (queries[operationId]?.() ?? ''),
    {
      ...request,
      headers: { ...(ifMatch ? { 'if-match': '"v1"' } : {}), ...request.headers },
      ...(body ? { body: bodies[operationId]?.() ?? {} } : {}),
    },
  );

const named = (list: readonly EndpointContract[]): [string, EndpointContract][] =>
  list.map((contract) => [`${contract.method.toUpperCase()} ${contract.path}`, contract]);

const isOpen = ({ access }: EndpointContract): boolean =>
  access === 'public' || access === 'holder';
// Verification is answered ahead of the router, by rules and tests of its own.
const routed = endpoints.filter(({ tag }) => tag !== 'verification');
const closed = routed.filter((contract) => !isOpen(contract));
const permitted = closed.filter(({ access }) => access.includes(':'));

/** Open to the people of any tenant: the catalogue is the same for all, and of the log they see their own entries. */
const ofAnyTenant: ReadonlySet<string> = new Set([
  'listCatalogue',
  'listAuditEntries',
  'getAuditEntry',
  'getAuditProof',
  'getLatestAuditCheckpoint',
  'listAuditCheckpoints',
  'listAuditKeys',
  'getAuditConsistency',
  'exportAudit',
  'getAuditTile',
]);

/** What a stranger hears: a key that is another tenant's does not exist for them. */
const refusal = ({ path }: EndpointContract): [number, string] =>
  path.startsWith('/v1/api-keys/{id}') ? [404, 'api-key-not-found'] : [403, 'forbidden'];

describe.each(named(closed))('%s', (_name, contract) => {
  test('answers 401 without a credential', async () => {
    const { status, body, headers } = await call(contract, { anonymous: true });
    expect([status, body.code]).toEqual([401, 'unauthenticated']);
    expect(headers.get('www-authenticate')).toBe('Bearer realm="usher"');
  });
});

describe.each(named(routed))('%s', (_name, contract) => {
  test('answers 401 to a key and to a token that are no good', async () => {
    const good = await machine(app, ['events:read']);
    const wrong = good.key.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    for (const headers of [
      { 'x-api-key': wrong },
      { 'x-api-key': 'nonsense' },
      { authorization: `Bearer ${wrong}` },
      { authorization: 'Bearer a.b.c' },
      { authorization: 'Basic dXNlcjpwYXNz' },
    ]) {
      const { status, body } = await call(contract, { anonymous: true, headers });
      expect([status, body.code]).toEqual([401, 'unauthenticated']);
    }
  });
});

describe.each(named(permitted))('%s', (_name, contract) => {
  test('refuses machines and people without its permission', async () => {
    const { access, operationId } = contract;
    const { key } = strangers[access === 'events:read' ? 'invites:read' : 'events:read'];
    for (const request of [{ key }, ofAnyTenant.has(operationId) ? nobody : customer]) {
      const { status, body } = await call(contract, request);
      expect([status, body.code]).toEqual(refusal(contract));
    }
  });

  test('opens to whoever holds its permission and nothing else', async () => {
    const { key } = await machine(app, [contract.access]);
    const { status } = await call(contract, { key });
    expect([200, 201, 202, 204, 404, 409, 422, 428]).toContain(status);
  });
});

describe.each(named(permitted.filter(({ stepUp }) => stepUp)))('%s', (_name, contract) => {
  test('is open to no machine by a role as shorthand', () => {
    expect([...stepUpPermissions]).toContain(contract.access);
  });

  test('answers 403 step-up-required to somebody who signed in more than 10 minutes ago', async () => {
    const owner = await person(app, { roles: ['owner'] });
    const request = { anonymous: true, headers: await signedIn(app, owner) };
    await sql(
      app,
      `update sessions set authenticated_at = now() - interval '10 minutes 1 second' where user_id = $1`,
      [owner.id],
    );
    const { status, body } = await call(contract, request);
    expect([status, body.code]).toEqual([403, 'step-up-required']);
  });
});

describe.each(named(closed.filter(({ method }) => method !== 'get')))('%s', (_name, contract) => {
  test('answers 403 cross-origin to a session that another site uses', async () => {
    const owner = await person(app, { roles: ['owner'] });
    const { cookie } = await signedIn(app, owner);
    const from = (headers: Record<string, string>): Promise<TestAnswer> =>
      call(contract, { anonymous: true, headers: { cookie, ...headers } });
    for (const answer of [
      await from({ 'sec-fetch-site': 'cross-site' }),
      await from({ 'sec-fetch-site': 'same-site' }),
      await from({ origin: 'https://evil.example' }),
      await from({}),
    ]) {
      expect([answer.status, answer.body.code]).toEqual([403, 'cross-origin']);
    }
  });
});

describe('the cookie of an accept', () => {
  const self = new Set(closed.filter(({ orSelf }) => orSelf).map(({ operationId }) => operationId));
  let browser: TestRequest;
  beforeAll(async () => {
    const invited = await invite(app);
    const { headers } = await app.call('POST', `/onboarding/invites/${invited.token}/accept`, {
      anonymous: true,
      body: { accept_terms: true },
    });
    browser = { anonymous: true, headers: onboardingCookie(headers) };
  });

  test.each(named(closed))(
    'at %s opens nothing but its own onboarding',
    async (_name, contract) => {
      const { status } = await call(contract, browser);
      expect(status).toBe(self.has(contract.operationId) ? refusal(contract)[0] : 401);
    },
  );

  test('does not hold when it was altered', async () => {
    const { cookie } = browser.headers as { cookie: string };
    const altered = cookie.replace(/.(?=.{9}$)/, (one) => (one === 'A' ? 'B' : 'A'));
    const { status } = await app.call('GET', `/onboarding/clients/${randomUUID()}/status`, {
      anonymous: true,
      headers: { cookie: altered },
    });
    expect(status).toBe(401);
  });
});

describe('a person', () => {
  test('with a temporary password gets 403 password-change-required everywhere but where it is changed', async () => {
    const owner = await person(app, { roles: ['owner'] });
    const request = { anonymous: true, headers: await signedIn(app, owner) };
    await sql(app, 'update users set must_change_password = true where id = $1', [owner.id]);
    for (const contract of permitted) {
      const { body } = await call(contract, request);
      expect([contract.operationId, body.code]).toEqual([
        contract.operationId,
        'password-change-required',
      ]);
    }
    expect((await app.call('GET', '/me', request)).status).toBe(200);
  });

  test('who is deactivated, and a machine that is revoked, are out with the next request', async () => {
    const operator = await person(app, { roles: ['operator'] });
    const request = { anonymous: true, headers: await signedIn(app, operator) };
    const { id, key } = await machine(app, ['invites:read']);
    const both = [request, { key }];
    const list = (): Promise<number[]> =>
      Promise.all(
        both.map(async (one) => (await app.call('GET', '/onboarding/invites', one)).status),
      );
    expect(await list()).toEqual([200, 200]);
    await sql(app, `update users set status = 'deactivated' where id = $1`, [operator.id]);
    await sql(app, 'update service_accounts set revoked_at = now() where id = $1', [id]);
    expect(await list()).toEqual([401, 401]);
  });

  test('who is refused is found in the audit log', async () => {
    const operator = await person(app, { roles: ['auditor'] });
    await app.call('POST', '/onboarding/invites', {
      anonymous: true,
      headers: await signedIn(app, operator),
      body: {},
    });
    const entries = await waitFor(
      'The audit entry',
      () =>
        sql<Record<string, unknown>>(
          app,
          `select outcome, metadata->>'operation' as operation, metadata->>'permission' as permission
           from audit_trail where action = 'access.denied' and actor_id = $1`,
          [`user:${operator.id}`],
        ),
      (rows) => rows.length > 0,
    );
    expect(entries).toEqual([
      { outcome: 'denied', operation: 'createInvite', permission: 'invites:create' },
    ]);
  });

  test('with both a session and a key is who the key says', async () => {
    const owner = await person(app, { roles: ['owner'] });
    const { status } = await app.call('GET', '/onboarding/invites', {
      headers: await signedIn(app, owner),
      key: strangers['events:read'].key,
    });
    expect(status).toBe(403);
  });
});

test('the holder of a link needs no credential, whoever else they are', async () => {
  const invited = await invite(app);
  const preview = await app.call('GET', `/onboarding/invites/${invited.token}/preview`, customer);
  expect(preview.status).toBe(200);
  await accept(app, invited);
});
