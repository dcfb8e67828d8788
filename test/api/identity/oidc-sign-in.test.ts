import { deactivateAccount } from '../../../src/domain/identity/accounts';
import { sweepIdentity } from '../../../src/domain/identity/upkeep';
import { withSystem } from '../../../src/platform/db';
import { startIdentityApp } from '../../support/identity-app';
import type { Answer, IdentityApp } from '../../support/identity-app';
import { age, auditTrail, createPerson, createTenant } from '../../support/identity-people';
import { startIssuer } from '../../support/oidc-issuer';
import type { TestIssuer } from '../../support/oidc-issuer';

let app: IdentityApp;
let corp: TestIssuer;
let people = 0;

beforeAll(async () => {
  corp = await startIssuer();
  app = await startIdentityApp({
    issuers: [
      corp.entry(),
      corp.entry({ name: 'portal', audiences: { [corp.clientId]: 'customer' } }),
      corp.entry({ name: 'tokens-only', client_id: undefined }),
    ],
    invitedEmail: 'invited@corp.example',
  });
});
afterAll(async () => {
  await app.close();
  await corp.stop();
});
beforeEach(() => {
  corp.person = { sub: `subject-${(people += 1)}`, groups: ['ops'] };
  corp.idTokenFlaws = {};
});

interface Started {
  readonly answer: Answer;
  readonly location: URL;
  readonly cookie: string;
}

async function start(query = '', name = 'corp'): Promise<Started> {
  const answer = await app.ask('GET', `/auth/oidc/${name}${query}`);
  const [cookie = ''] = answer.cookies.map((text) => /^usher_oidc=[^;]+/.exec(text)?.[0] ?? '');
  return { answer, location: new URL(answer.headers.get('location') ?? app.url), cookie };
}

/** What the provider sends the browser back with. */
async function atProvider(location: URL): Promise<URLSearchParams> {
  const response = await fetch(location, { redirect: 'manual' });
  await response.text();
  return new URL(response.headers.get('location')!).searchParams;
}

const callback = (params: URLSearchParams, cookie: string, name = 'corp', over = {}) =>
  app.ask('GET', `/auth/oidc/${name}/callback?${params.toString()}`, {
    headers: { cookie, ...over },
  });

async function signIn(query = '', name = 'corp'): Promise<Answer> {
  const { location, cookie } = await start(query, name);
  return callback(await atProvider(location), cookie, name);
}

const me = (session: string | undefined) => app.ask('GET', '/me', { session });
const failed = { status: 401, body: { code: 'oidc-failed' } };

describe('GET /auth/oidc/{name}', () => {
  test('302 leads to the provider with state, nonce and PKCE, and stores nothing readable', async () => {
    const { answer, location, cookie } = await start();
    expect(answer.status).toBe(302);
    const wish = location.searchParams;
    expect(location.origin).toBe(corp.url);
    expect(wish.get('response_type')).toBe('code');
    expect(wish.get('code_challenge_method')).toBe('S256');
    expect(wish.get('redirect_uri')).toBe('http://localhost:8090/auth/oidc/corp/callback');
    expect(wish.get('nonce')).toBeTruthy();
    expect(cookie).toBe(`usher_oidc=${wish.get('state')}`);
    expect(answer.cookies[0]).toMatch(/HttpOnly; SameSite=Lax/);
    const { rows } = await app.db.pool.query<{ row: string }>(
      'select to_jsonb(f)::text as row from oidc_flows as f',
    );
    const stored = rows.map(({ row }) => row).join();
    expect(stored).not.toContain(wish.get('state'));
    expect(stored).not.toContain(wish.get('nonce'));
  });

  test('404 for a provider that is not set up, or that sends tokens only', async () => {
    for (const name of ['nobody', 'tokens-only']) {
      expect(await app.ask('GET', `/auth/oidc/${name}`)).toMatchObject({
        status: 404,
        body: { code: 'oidc-issuer-unknown' },
      });
    }
  });

  test('503 while the provider is down, and all is well when it is back', async () => {
    const other = await startIssuer();
    const alone = await startIdentityApp({ issuers: [other.entry()] });
    await other.stop();
    expect(await alone.ask('GET', '/auth/oidc/corp')).toMatchObject({ status: 503 });
    await other.start();
    expect(await alone.ask('GET', '/auth/oidc/corp')).toMatchObject({ status: 302 });
    await alone.close();
    await other.stop();
  });
});

describe('GET /auth/oidc/{name}/callback', () => {
  test('302 opens a session with the roles of the person’s groups', async () => {
    const answer = await signIn();
    expect(answer.status).toBe(302);
    expect(answer.headers.get('location')).toBe('/landing/operator');
    expect((await me(answer.session)).body).toMatchObject({
      roles: ['operator'],
      surface: 'operator',
    });
    expect((await auditTrail(app, 'session.opened')).at(-1)).toContain('success user:');
  });

  test('302 goes on where the sign-in began, but never to another site', async () => {
    const to = async (path: string) =>
      (await signIn(`?return_to=${encodeURIComponent(path)}`)).headers.get('location');
    expect(await to('/console/jobs?state=failed')).toBe('/console/jobs?state=failed');
    for (const evil of ['//evil.example', 'https://evil.example', '/\\evil.example', '/a\nb', '']) {
      expect(await to(evil)).toBe('/landing/operator');
    }
  });

  test('401 in another browser than the one that began', async () => {
    const mine = await start();
    const theirs = await start();
    const params = await atProvider(mine.location);
    expect(await callback(params, theirs.cookie)).toMatchObject(failed);
    expect(await callback(params, 'nothing=1')).toMatchObject(failed);
    expect(await callback(params, mine.cookie)).toMatchObject({ status: 302 });
  });

  test('401 for a second time: state and code work once', async () => {
    const { location, cookie } = await start();
    const params = await atProvider(location);
    expect(await callback(params, cookie)).toMatchObject({ status: 302 });
    expect(await callback(params, cookie)).toMatchObject(failed);
  });

  test('401 for the state of another provider, after 10 minutes, and when the person said no', async () => {
    const mixed = await start();
    expect(await callback(await atProvider(mixed.location), mixed.cookie, 'portal')).toMatchObject(
      failed,
    );
    const late = await start();
    await app.db.pool.query(`update oidc_flows set expires_at = now()`);
    expect(await callback(await atProvider(late.location), late.cookie)).toMatchObject(failed);
    const denied = await start();
    const state = denied.location.searchParams.get('state')!;
    const params = new URLSearchParams({ error: 'access_denied', state });
    expect(await callback(params, denied.cookie)).toMatchObject(failed);
    expect(await callback(new URLSearchParams(), 'nothing=1')).toMatchObject(failed);
    expect((await auditTrail(app, 'session.refused')).length).toBeGreaterThan(3);
  });

  test.each([
    ['is signed by somebody else', { forged: true }, {}],
    ['is signed with the public key as a secret', { alg: 'HS256' as const }, {}],
    ['is not signed', { alg: 'none' as const }, {}],
    ['is for another client', {}, { aud: 'payroll' }],
    ['answers another question', {}, { nonce: 'replayed' }],
    ['has expired', {}, { exp: 1_700_000_000 }],
    ['is of another issuer', {}, { iss: 'https://evil.example' }],
  ])('401 when the ID token %s', async (_, flaws, claims) => {
    corp.person = { ...corp.person, ...claims };
    corp.idTokenFlaws = flaws;
    expect(await signIn()).toMatchObject(failed);
  });

  test('403 for an address that must not be linked, and for a deactivated person', async () => {
    const staff = await createPerson(app, { email: 'chief@corp.example', roles: ['owner'] });
    corp.person = { ...corp.person, groups: [], email: staff.email, email_verified: true };
    expect(await signIn()).toMatchObject({ status: 403, body: { code: 'account-link-refused' } });

    corp.person = { sub: `subject-${(people += 1)}`, groups: ['ops'] };
    const { body } = await me((await signIn()).session);
    await withSystem(app.db, 'identity', (tx) =>
      deactivateAccount(tx, body.user.id, 'user:test', { ip: null, userAgent: null }),
    );
    expect(await signIn()).toMatchObject({ status: 403, body: { code: 'user-deactivated' } });
  });

  test('opens a customer’s session for a customer, linked by a proven address', async () => {
    const tenant = await createTenant(app);
    const person = await createPerson(app, {
      email: 'client@corp.example',
      tenants: [{ id: tenant.id, role: 'client' }],
    });
    corp.person = { sub: 'client-1', email: person.email, email_verified: true };
    const answer = await signIn('', 'portal');
    expect(answer.headers.get('location')).toBe('/landing/customer');
    expect((await me(answer.session)).body).toMatchObject({
      user: { id: person.id },
      surface: 'customer',
      memberships: [{ tenant_id: tenant.id, role: 'client' }],
    });
  });

  test('with an invite makes an account for the invited address, and leads back to the invite', async () => {
    corp.person = { sub: 'invited-1', email: 'invited@corp.example', email_verified: true };
    const token = 'I'.repeat(43);
    const answer = await signIn(`?invite=${token}`, 'portal');
    expect(answer.headers.get('location')).toBe(`/invite/${token}`);
    expect((await me(answer.session)).body.user.email).toBe('invited@corp.example');
    corp.person = { sub: 'stranger-1', email: 'stranger@corp.example', email_verified: true };
    expect(await signIn(`?invite=${token}`, 'portal')).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
    corp.person = { sub: 'unproven-1', email: 'invited@corp.example', email_verified: false };
    expect(await signIn(`?invite=${token}`, 'portal')).toMatchObject({ status: 403 });
  });

  test('ends the session that the browser carried', async () => {
    const first = await signIn();
    const { location, cookie } = await start();
    await callback(await atProvider(location), `${cookie}; usher_session=${first.session}`);
    expect(await me(first.session)).toMatchObject({ status: 401 });
  });
});

describe('step-up by OIDC', () => {
  const grant = (session: string | undefined) =>
    app.ask('PUT', '/users/00000000-0000-7000-8000-000000000000/roles', {
      session,
      body: { roles: [] },
    });
  const asAdmin = async (query: string) => {
    const answer = await signIn(query);
    const { body } = await me(answer.session);
    await withSystem(app.db, 'identity', (tx) =>
      tx.run(
        `insert into memberships (id, user_id, scope, role) values (gen_random_uuid(), $1, 'platform', 'admin')
         on conflict do nothing`,
        [body.user.id],
      ),
    );
    return answer.session;
  };

  test('needs the provider to say when it saw the person', async () => {
    expect(await grant(await asAdmin(''))).toMatchObject({
      status: 403,
      body: { code: 'step-up-required' },
    });
    expect(await grant(await asAdmin('?step_up=true'))).toMatchObject({ status: 404 });
  });

  test('is over after 10 minutes, and refused with an old sign-in', async () => {
    const session = await asAdmin('?step_up=true');
    await age(app, '10 minutes');
    expect(await grant(session)).toMatchObject({ body: { code: 'step-up-required' } });
    corp.person = { ...corp.person, auth_time: Math.floor(Date.now() / 1000) - 700 };
    expect(await signIn('?step_up=true')).toMatchObject(failed);
  });
});

test('what was sealed for a sign-in is erased when it ends, and swept when it never does', async () => {
  const left = async () =>
    (
      await withSystem(app.db, 'identity', (tx) =>
        tx.one<{ n: number }>(
          `select count(*)::int as n from secrets where owner_table = 'oidc_flows'`,
        ),
      )
    ).n;
  await app.db.pool.query('delete from oidc_flows');
  await withSystem(app.db, 'identity', (tx) =>
    tx.run(`delete from secrets where owner_table = 'oidc_flows'`),
  );
  await signIn();
  expect(await left()).toBe(0);
  await start();
  expect(await left()).toBe(1);
  await withSystem(app.db, 'identity', (tx) =>
    tx.run(`update secrets set created_at = created_at - interval '61 minutes'`),
  );
  await app.db.pool.query(`update oidc_flows set expires_at = expires_at - interval '2 hours'`);
  expect(await sweepIdentity(app.db, 100)).toBe(2);
  expect(await left()).toBe(0);
});

test('no state, code, verifier or address reaches the log', async () => {
  corp.person = { ...corp.person, email: 'logged@corp.example', email_verified: true };
  const { location, cookie } = await start();
  const params = await atProvider(location);
  await callback(params, cookie);
  const log = app.log.join();
  for (const text of [params.get('state')!, params.get('code')!, 'logged@corp.example']) {
    expect(log).not.toContain(text);
  }
});
