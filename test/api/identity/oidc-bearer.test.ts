import { deactivateAccount } from '../../../src/domain/identity/accounts';
import { retireIssuerRoles } from '../../../src/domain/identity/memberships';
import { withSystem } from '../../../src/platform/db';
import { startIdentityApp } from '../../support/identity-app';
import type { IdentityApp } from '../../support/identity-app';
import { auditTrail, createPerson, createTenant } from '../../support/identity-people';
import { startIssuer } from '../../support/oidc-issuer';
import type { TestIssuer, TokenClaims, TokenFlaws } from '../../support/oidc-issuer';

let app: IdentityApp;
let corp: TestIssuer;
let portal: TestIssuer;
let people = 0;

beforeAll(async () => {
  [corp, portal] = [await startIssuer(), await startIssuer()];
  app = await startIdentityApp({
    issuers: [
      corp.entry(),
      portal.entry({
        name: 'portal',
        audiences: { 'portal-app': 'customer' },
        client_id: undefined,
      }),
      corp.entry({
        name: 'corp-partners',
        audiences: { 'partner-app': 'partner' },
        client_id: undefined,
      }),
    ],
  });
});
afterAll(async () => {
  await app.close();
  await corp.stop();
  await portal.stop();
});

const someone = () => `subject-${(people += 1)}`;
const operator = (over: TokenClaims = {}) => ({
  sub: someone(),
  aud: corp.clientId,
  groups: ['ops'],
  ...over,
});
const me = (token: string) =>
  app.ask('GET', '/me', { headers: { authorization: `Bearer ${token}` } });
const meAs = async (claims: TokenClaims, flaws?: TokenFlaws) => me(await corp.token(claims, flaws));
const seconds = (fromNow: number) => Math.floor(Date.now() / 1000) + fromNow;

describe('a bearer token', () => {
  test('of a group that is mapped to a role gives its person that role on the operators’ surface', async () => {
    const answer = await meAs(
      operator({ email: 'ops@corp.example', email_verified: true, name: 'Ola' }),
    );
    expect(answer).toMatchObject({
      status: 200,
      body: {
        surface: 'operator',
        roles: ['operator'],
        user: { email: 'ops@corp.example', name: 'Ola' },
      },
    });
    expect(answer.body.permissions).toContain('invites:create');
  });

  test.each(['RS256', 'ES256'] as const)('may be signed with %s', async (alg) => {
    expect(await meAs(operator(), { alg })).toMatchObject({ status: 200 });
  });

  test('is matched by issuer and subject: the same person each time, another one at another issuer', async () => {
    const claims = operator();
    const [first, again] = [await meAs(claims), await meAs(claims)];
    expect(again.body.user.id).toBe(first.body.user.id);
    const elsewhere = await me(await portal.token({ ...claims, aud: 'portal-app' }));
    expect(elsewhere).toMatchObject({ status: 403 });
  });

  test('from ten first requests at once makes one account', async () => {
    const token = await corp.token(operator());
    const answers = await Promise.all(Array.from({ length: 10 }, () => me(token)));
    expect(new Set(answers.map(({ body }) => body.user.id)).size).toBe(1);
  });

  const bad: [string, (claims: TokenClaims) => [TokenClaims, TokenFlaws?]][] = [
    ['has expired', (c) => [{ ...c, exp: seconds(-11) }]],
    ['never expires', (c) => [{ ...c, exp: undefined }]],
    ['is not valid yet', (c) => [{ ...c, nbf: seconds(60) }]],
    ['is of another issuer', (c) => [{ ...c, iss: 'https://evil.example' }]],
    ['has no subject', (c) => [{ ...c, sub: undefined }]],
    ['has an empty subject', (c) => [{ ...c, sub: '' }]],
    ['is signed by somebody else', (c) => [c, { forged: true }]],
    ['is not signed', (c) => [c, { alg: 'none' }]],
    ['is signed with the public key as a secret', (c) => [c, { alg: 'HS256' }]],
    ['names a key that nobody has', (c) => [c, { header: { kid: 'nobody' } }]],
    ['is a logout token', (c) => [c, { header: { typ: 'logout+jwt' } }]],
  ];
  test.each(bad)('that %s is refused with 401', async (_, change) => {
    const [claims, flaws] = change(operator());
    const token = await corp.token(claims, flaws);
    const answer = await me(token.endsWith('.') ? `${token}x` : token);
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect(JSON.stringify(answer.body)).not.toContain(token);
  });

  test('with a clock that is a little off is accepted', async () => {
    expect(await meAs(operator({ exp: seconds(-2), nbf: seconds(2) }))).toMatchObject({
      status: 200,
    });
  });

  test('that is for nobody here is refused with 403 wrong-audience', async () => {
    expect(await meAs(operator({ aud: 'payroll' }))).toMatchObject({
      status: 403,
      body: { code: 'wrong-audience' },
    });
  });

  test('for another surface is refused with 403 wrong-audience where operators work', async () => {
    const tenant = await createTenant(app);
    const person = await createPerson(app, {
      email: 'customer@corp.example',
      tenants: [{ id: tenant.id, role: 'client' }],
    });
    const token = await corp.token({
      sub: someone(),
      aud: 'usher-portal',
      email: person.email,
      email_verified: true,
    });
    expect((await me(token)).body).toMatchObject({ surface: 'customer', roles: ['client'] });
    const answer = await app.ask('GET', '/service-accounts', {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(answer).toMatchObject({ status: 403, body: { code: 'wrong-audience' } });
  });

  test('for customers brings no platform role along, whoever its person is', async () => {
    const claims = operator();
    const { body } = await meAs(claims);
    const asCustomer = await meAs({ ...claims, aud: 'usher-portal' });
    expect(asCustomer.body).toMatchObject({
      user: { id: body.user.id },
      roles: [],
      permissions: [],
    });
    expect((await meAs(claims)).body.roles).toEqual(['operator']);
  });

  test('for several surfaces counts for the one that can do least', async () => {
    const claims = operator();
    await meAs(claims);
    const answer = await meAs({ ...claims, aud: [corp.clientId, 'usher-portal'] });
    expect(answer.body.surface).toBe('customer');
  });

  test('is judged by the entry that knows its audience, when an issuer stands in several', async () => {
    const claims = operator();
    await meAs(claims);
    expect((await meAs({ ...claims, aud: 'partner-app' })).body.surface).toBe('partner');
  });

  test('steps up only when its person proved who they are within 10 minutes', async () => {
    const create = async (auth_time: number | undefined) =>
      app.ask('PUT', '/users/00000000-0000-7000-8000-000000000000/roles', {
        headers: { authorization: `Bearer ${await corp.token({ ...claims, auth_time })}` },
        body: { roles: [] },
      });
    const claims = operator();
    const { body } = await meAs(claims);
    await withSystem(app.db, 'identity', (tx) =>
      tx.run(
        `insert into memberships (id, user_id, scope, role) values (gen_random_uuid(), $1, 'platform', 'admin')`,
        [body.user.id],
      ),
    );
    const stepUp = { status: 403, body: { code: 'step-up-required' } };
    expect(await create(undefined)).toMatchObject(stepUp);
    expect(await create(seconds(-601))).toMatchObject(stepUp);
    expect(await create(seconds(-599))).toMatchObject({ status: 404 });
  });
});

describe('roles from groups', () => {
  test('follow the newest token, and an older one brings nothing back', async () => {
    const sub = someone();
    const roles = async (iat: number, groups: string[]) =>
      (await meAs(operator({ sub, groups, iat: seconds(iat) }))).body.roles;
    expect(await roles(-30, ['ops'])).toEqual(['operator']);
    expect(await roles(-20, ['helpdesk', 'unmapped'])).toEqual(['support']);
    expect(await roles(-30, ['ops'])).toEqual(['support']);
    expect(await roles(-10, [])).toEqual([]);
    expect(await roles(-20, ['helpdesk'])).toEqual([]);
  });

  test('never give the role of an owner', async () => {
    const answer = await meAs(operator({ groups: ['chiefs', 'ops'] }));
    expect(answer.body.roles).toEqual(['operator']);
    expect(await meAs(operator({ groups: ['chiefs'] }))).toMatchObject({ status: 403 });
  });

  test('are written once for each change, each with an audit entry', async () => {
    const sub = someone();
    const token = await corp.token(operator({ sub }));
    const { body } = await me(token);
    await Promise.all(Array.from({ length: 5 }, () => me(token)));
    const trail = await auditTrail(app, 'user.roles_changed');
    expect(trail.filter((line) => line.endsWith(body.user.id))).toHaveLength(1);
  });

  test('end when their issuer is not configured any more', async () => {
    const claims = operator();
    await meAs(claims);
    await withSystem(app.db, 'boot', (tx) => retireIssuerRoles(tx, ['portal']));
    expect((await meAs({ ...claims, iat: seconds(-100) })).body.roles).toEqual([]);
  });

  test('do not touch roles that were given by hand', async () => {
    const claims = operator({ iat: seconds(-50) });
    const { body } = await meAs(claims);
    await withSystem(app.db, 'identity', (tx) =>
      tx.run(
        `insert into memberships (id, user_id, scope, role) values (gen_random_uuid(), $1, 'platform', 'auditor')`,
        [body.user.id],
      ),
    );
    expect((await meAs({ ...claims, groups: [], iat: seconds(-40) })).body.roles).toEqual([
      'auditor',
    ]);
  });
});

describe('an account that has the address of an unknown identity', () => {
  const link = (email: string, over: TokenClaims = {}) =>
    meAs({ sub: someone(), aud: 'usher-portal', email, email_verified: true, ...over });
  const refused = { status: 403, body: { code: 'account-link-refused' } };
  const customer = async (name: string) => {
    const tenant = await createTenant(app);
    return createPerson(app, {
      email: `${name}@corp.example`,
      tenants: [{ id: tenant.id, role: 'client' }],
    });
  };

  test('is linked once, by a verified address of an authoritative issuer', async () => {
    const person = await customer('anna');
    const sub = someone();
    const answer = await link('ANNA@corp.example', { sub });
    expect(answer.body.user.id).toBe(person.id);
    expect((await link('moved@corp.example', { sub })).body.user.id).toBe(person.id);
    expect(await link(person.email)).toMatchObject(refused);
    expect((await auditTrail(app, 'user.identity_linked')).at(-1)).toContain(person.id);
  });

  test.each([
    ['is not verified', { email_verified: false }],
    ['is verified only in words', { email_verified: 'true' }],
    ['comes with a role on the platform', { aud: 'usher-test', groups: ['ops'] }],
  ])('is not linked when the address %s', async (_, over) => {
    const person = await customer(`case-${people}`);
    expect(await link(person.email, over)).toMatchObject(refused);
  });

  test('is not linked by an issuer that does not speak for the domain', async () => {
    const person = await createPerson(app, { email: 'anna@other.example' });
    expect(await link(person.email)).toMatchObject(refused);
    const sub = await createPerson(app, { email: 'anna@mail.corp.example' });
    expect(await link(sub.email)).toMatchObject(refused);
  });

  test('is never linked when it is staff, or was', async () => {
    const person = await createPerson(app, { email: 'boss@corp.example', roles: ['support'] });
    expect(await link(person.email)).toMatchObject(refused);
    await withSystem(app.db, 'identity', (tx) =>
      tx.run('update memberships set withdrawn_at = now() where user_id = $1', [person.id]),
    );
    expect(await link(person.email)).toMatchObject(refused);
  });

  test('is not linked when it is deactivated', async () => {
    const person = await customer('gone');
    await withSystem(app.db, 'identity', (tx) =>
      deactivateAccount(tx, person.id, 'user:test', { ip: null, userAgent: null }),
    );
    expect(await link(person.email)).toMatchObject(refused);
  });
});

describe('an identity without an account', () => {
  test('and without a role has nothing here', async () => {
    const answer = await meAs({
      sub: someone(),
      aud: 'usher-portal',
      email: 'new@corp.example',
      email_verified: true,
    });
    expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });

  test('gets one by its role, and takes no address that is not proven', async () => {
    const answer = await meAs(
      operator({ email: 'victim@elsewhere.example', email_verified: true }),
    );
    expect(answer.body.user.email).toMatch(/@address-unknown\.invalid$/);
    await expect(createPerson(app, { email: 'victim@elsewhere.example' })).resolves.toBeDefined();
  });
});

test('a deactivated person’s token is refused', async () => {
  const claims = operator();
  const { body } = await meAs(claims);
  await withSystem(app.db, 'identity', (tx) =>
    deactivateAccount(tx, body.user.id, 'user:test', { ip: null, userAgent: null }),
  );
  expect(await meAs(claims)).toMatchObject({ status: 403, body: { code: 'user-deactivated' } });
});

describe('an issuer', () => {
  test('that changes its keys: new tokens hold, old ones do not', async () => {
    const before = await corp.token(operator());
    expect(await me(before)).toMatchObject({ status: 200 });
    await corp.rotateKeys();
    expect(await meAs(operator())).toMatchObject({ status: 200 });
    expect(await me(before)).toMatchObject({ status: 401 });
  });

  test('that is down is 503 for its own tokens only', async () => {
    const other = await startIssuer();
    const alone = await startIdentityApp({
      issuers: [corp.entry(), other.entry({ name: 'other' })],
    });
    const ask = async (token: string) =>
      alone.ask('GET', '/me', { headers: { authorization: `Bearer ${token}` } });
    await other.stop();
    const down = await ask(await other.token(operator()));
    expect(down).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(Number(down.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await ask(await corp.token(operator()))).toMatchObject({ status: 200 });
    await other.start();
    expect(await ask(await other.token(operator()))).toMatchObject({ status: 200 });
    await alone.close();
    await other.stop();
  });

  test('is asked for its keys once for many tokens, and for unknown keys not more often than the cooldown', async () => {
    const other = await startIssuer();
    const alone = await startIdentityApp({
      issuers: [other.entry()],
      issuerTiming: { keysCooldown: 60_000 },
    });
    const ask = async (flaws?: TokenFlaws) =>
      alone.ask('GET', '/me', {
        headers: { authorization: `Bearer ${await other.token(operator(), flaws)}` },
      });
    for (let n = 0; n < 5; n += 1) expect((await ask()).status).toBe(200);
    for (let n = 0; n < 5; n += 1) {
      expect((await ask({ header: { kid: `unknown-${n}` } })).status).toBe(401);
    }
    expect(other.keyFetches).toBe(1);
    await alone.close();
    await other.stop();
  });
});

test('no token and no address reaches the log', async () => {
  const token = await corp.token(operator({ email: 'logged@corp.example', email_verified: true }));
  await me(token);
  expect(app.log.join()).not.toMatch(/corp\.example/);
  expect(app.log.join()).not.toContain(token);
});
