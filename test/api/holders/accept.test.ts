import { randomUUID } from 'node:crypto';
import { deactivateAccount } from '../../../src/domain/identity/accounts';
import { mintToken } from '../../../src/domain/onboarding/invite-tokens';
import { withSystem } from '../../../src/platform/db';
import { password } from '../../support/identity-people';
import { invite } from '../../support/journey';
import type { Invited } from '../../support/journey';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { onboardingCookie, person, signedIn } from '../people';
import { ageInvite, countOf, setTenantStatus, sql } from '../rows';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
});
afterAll(() => app.stop());

const strong = 'seven quiet boats at dusk';

const accept = (
  { token }: Pick<Invited, 'token'>,
  body: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<TestAnswer> =>
  app.call('POST', `/onboarding/invites/${token}/accept`, {
    anonymous: true,
    body: { accept_terms: true, ...body },
    headers,
  });

const inviteStatus = async ({ inviteId }: Invited): Promise<string> =>
  (await app.call('GET', `/onboarding/invites/${inviteId}`)).body.status;

/** Memberships of an address, as `role in tenant`. */
const memberships = (email: string): Promise<{ role: string; tenant_id: string }[]> =>
  sql(
    app,
    `select m.role, m.tenant_id from memberships as m join users as u on u.id = m.user_id
     where u.email = $1 and m.withdrawn_at is null order by m.created_at`,
    [email],
  );

describe('POST /onboarding/invites/{token}/accept answers 200', () => {
  test('with user, tenant and onboarding, and sets the onboarding cookie and no session', async () => {
    const invited = await invite(app, { roles: ['admin'] });
    const { status, body, headers } = await accept(invited, {
      name: 'Anna Berg',
      password: strong,
    });
    expect([status, body]).toEqual([
      200,
      {
        success: true,
        user_id: body.user_id,
        client_id: invited.clientId,
        job_id: invited.jobId,
        status: 'email_confirmed',
      },
    ]);
    const cookies = headers.getSetCookie();
    expect(cookies.map((cookie) => cookie.split('=')[0])).toEqual(['usher_onboarding']);
    expect(cookies[0]).toMatch(/HttpOnly; SameSite=Lax/);
    expect(await memberships(invited.email)).toEqual([
      { role: 'admin', tenant_id: invited.clientId },
    ]);
    const [user] = await sql(
      app,
      'select name, activated_at is not null as active, status from users where id = $1',
      [body.user_id],
    );
    expect(user).toEqual({ name: 'Anna Berg', active: true, status: 'active' });
  });

  test('and the account can sign in with its password from then on', async () => {
    const invited = await invite(app);
    await accept(invited, { password: strong });
    const login = await app.call('POST', '/auth/login', {
      anonymous: true,
      body: { email: invited.email, password: strong },
    });
    expect([login.status, login.body.surface]).toEqual([200, 'customer']);
  });

  test('and records terms, time and address, with the audit entry "activation link used"', async () => {
    const invited = await invite(app);
    const { body } = await accept(invited);
    const [row] = await sql<Record<string, unknown>>(
      app,
      `select i.terms_version, host(i.terms_ip) as ip, i.terms_accepted_at is not null as at, a.description,
         a.actor_id, a.metadata->>'kind' as kind, a.tenant_id
       from invites as i, audit_trail as a
       where i.id = $1 and a.action = 'invite.accepted' and a.targets @> $2::jsonb`,
      [invited.inviteId, JSON.stringify([{ type: 'invite', id: invited.inviteId }])],
    );
    expect(row).toEqual({
      terms_version: '1',
      ip: '127.0.0.1',
      at: true,
      description: 'activation link used',
      actor_id: `user:${body.user_id}`,
      kind: 'provision',
      tenant_id: invited.clientId,
    });
  });

  test('and the first one provisions the tenant, every later one adds a member', async () => {
    const first = await invite(app);
    const { body: second } = await app.call('POST', '/onboarding/invites', {
      body: { email: `p-${randomUUID()}@example.com`, tenant_id: first.clientId },
    });
    await accept(first);
    await accept({ token: second.activation_link.split('/').at(-1) });
    const kinds = await sql(
      app,
      'select kind from onboardings where tenant_id = $1 order by created_at',
      [first.clientId],
    );
    expect(kinds).toEqual([{ kind: 'provision' }, { kind: 'member' }]);
  });

  test('to an existing account that proves itself: by its password, or by its session', async () => {
    const [byPassword, bySession] = [await person(app), await person(app)];
    const [first, second] = [
      await invite(app, { email: byPassword.email }),
      await invite(app, { email: bySession.email }),
    ];
    const accepted = await accept(first, { password });
    expect([accepted.status, accepted.body.user_id]).toEqual([200, byPassword.id]);
    const signed = await accept(second, {}, await signedIn(app, bySession));
    expect([signed.status, signed.body.user_id]).toEqual([200, bySession.id]);
    expect(await memberships(bySession.email)).toHaveLength(1);
  });

  test('once to 50 posts of the same moment; the others learn that it was used', async () => {
    const invited = await invite(app);
    const users = await countOf(app, 'users');
    const answers = await Promise.all(Array.from({ length: 50 }, () => accept(invited)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const lost = answers.filter(({ status }) => status !== 200);
    expect(new Set(lost.map(({ status, body }) => `${status} ${body.code}`))).toEqual(
      new Set(['409 invite-already-used']),
    );
    expect(await countOf(app, 'users')).toBe(users + 1);
    expect(await memberships(invited.email)).toHaveLength(1);
  }, 60_000);

  test('to all of them when they carry the same Idempotency-Key', async () => {
    const invited = await invite(app);
    const headers = { 'idempotency-key': randomUUID() };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => accept(invited, {}, headers)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(answers.map(({ body }) => body)).toEqual(Array(10).fill(answers[0]?.body));
    expect(answers.filter((answer) => answer.headers.has('idempotency-replayed'))).toHaveLength(9);
    const late = await accept(invited, {}, headers);
    expect(late.body).toEqual(answers[0]?.body);
    expect(onboardingCookie(late.headers).cookie).toMatch(/^usher_onboarding=/);
  }, 60_000);

  test('to two people whose invites are for one address in two tenants', async () => {
    const email = `p-${randomUUID()}@example.com`;
    const [first, second] = [await invite(app, { email }), await invite(app, { email })];
    expect((await accept(first, { password: strong })).status).toBe(200);
    expect((await accept(second)).body.code).toBe('account-login-required');
    expect((await accept(second, { password: strong })).status).toBe(200);
    expect(await memberships(email)).toHaveLength(2);
  });
});

describe('POST /onboarding/invites/{token}/accept answers 401, and the invite stays open', () => {
  test('account-login-required when the address has an account that did not prove itself', async () => {
    const someone = await person(app);
    const invited = await invite(app, { email: someone.email });
    const { status, body, headers } = await accept(invited);
    expect([status, body.code]).toEqual([401, 'account-login-required']);
    expect(headers.get('www-authenticate')).toBe('Bearer realm="usher"');
    expect(await inviteStatus(invited)).toBe('invited');
  });

  test('credentials-invalid for a wrong password: it is checked, never set', async () => {
    const someone = await person(app);
    const invited = await invite(app, { email: someone.email });
    const { status, body } = await accept(invited, { password: strong });
    expect([status, body.code]).toEqual([401, 'credentials-invalid']);
    expect((await accept(invited, { password })).status).toBe(200);
  });

  test('account-login-required for the session of somebody else, and for an onboarding cookie', async () => {
    const [someone, other] = [await person(app), await person(app)];
    const invited = await invite(app, { email: someone.email });
    expect((await accept(invited, {}, await signedIn(app, other))).body.code).toBe(
      'account-login-required',
    );
    const accepted = await accept(await invite(app));
    expect((await accept(invited, {}, onboardingCookie(accepted.headers))).body.code).toBe(
      'account-login-required',
    );
    expect(await inviteStatus(invited)).toBe('invited');
  });

  test('for a key that is no good, although the link alone would do', async () => {
    const invited = await invite(app);
    const { status, body } = await accept(invited, {}, { 'x-api-key': 'ush_live_nonsense' });
    expect([status, body.code]).toEqual([401, 'unauthenticated']);
  });
});

describe('POST /onboarding/invites/{token}/accept answers 403', () => {
  test('user-deactivated for a deactivated account', async () => {
    const someone = await person(app);
    const invited = await invite(app, { email: someone.email });
    await withSystem(app.deps.db, 'identity', (tx) =>
      deactivateAccount(tx, someone.id, 'system:test', { ip: null, userAgent: null }),
    );
    const { status, body } = await accept(invited, { password });
    expect([status, body.code]).toEqual([403, 'user-deactivated']);
    expect(await inviteStatus(invited)).toBe('invited');
  });

  test('cross-origin for a cookie that another site sends', async () => {
    const invited = await invite(app);
    const { status, body } = await accept(
      invited,
      {},
      {
        cookie: 'usher_session=x',
        'sec-fetch-site': 'cross-site',
      },
    );
    expect([status, body.code]).toEqual([403, 'cross-origin']);
  });
});

describe('POST /onboarding/invites/{token}/accept answers 404, 409 or 410 for a link that is no good any more', () => {
  test('each with its own code', async () => {
    const [used, expired, revoked, declined, superseded] = await Promise.all(
      Array.from({ length: 5 }, () => invite(app)),
    );
    await accept(used!);
    await ageInvite(app, expired!.inviteId, '169 hours');
    await app.call('POST', `/onboarding/invites/${revoked!.inviteId}/revoke`);
    await app.call('POST', `/onboarding/invites/${declined!.token}/decline`, { body: {} });
    await ageInvite(app, superseded!.inviteId, '61 seconds');
    await app.call('POST', `/onboarding/invites/${superseded!.inviteId}/resend`);
    const links = [used!, expired!, revoked!, declined!, superseded!, { token: 'nobody-knows' }];
    const answers = await Promise.all(links.map((link) => accept(link)));
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [409, 'invite-already-used'],
      [410, 'invite-expired'],
      [410, 'invite-revoked'],
      [409, 'invite-declined'],
      [410, 'invite-superseded'],
      [404, 'invite-not-found'],
    ]);
  });

  test('a token from a reminder and the first one work both', async () => {
    const invited = await invite(app);
    const { token } = await withSystem(app.deps.db, 'cli', (tx) =>
      mintToken(tx, { id: invited.inviteId, tenant_id: invited.clientId }, 'reminder'),
    );
    const preview = await app.call('GET', `/onboarding/invites/${invited.token}/preview`);
    expect(preview.status).toBe(200);
    expect((await accept({ token })).status).toBe(200);
    expect((await accept(invited)).body.code).toBe('invite-already-used');
  });
});

describe('POST /onboarding/invites/{token}/accept answers 409', () => {
  test('tenant-not-open while the tenant is suspended; afterwards it works', async () => {
    const invited = await invite(app);
    await setTenantStatus(app, invited.clientId, 'suspended');
    const { status, body } = await accept(invited);
    expect([status, body.code]).toEqual([409, 'tenant-not-open']);
    expect(await sql(app, 'select 1 from users where email = $1', [invited.email])).toEqual([]);
    await setTenantStatus(app, invited.clientId, 'pending');
    expect((await accept(invited)).status).toBe(200);
  });

  test('inviter-lost-right when whoever invited may not do so any more', async () => {
    const key = await app.keyFor('operator');
    const created = await app.call('POST', '/onboarding/invites', {
      key,
      body: { email: `p-${randomUUID()}@example.com` },
    });
    const invited = { token: created.body.activation_link.split('/').at(-1) };
    await sql(app, `update service_accounts set revoked_at = now() where name = 'test-operator'`);
    const { status, body } = await accept(invited);
    expect([status, body.code]).toEqual([409, 'inviter-lost-right']);
  });

  test('invite-held while the invite waits for its roll-out stage', async () => {
    const invited = await invite(app);
    await sql(app, 'update invites set held = true where id = $1', [invited.inviteId]);
    expect((await accept(invited)).body.code).toBe('invite-held');
  });
});

describe('POST /onboarding/invites/{token}/accept answers 422, and the invite stays open', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['terms that are not accepted', { accept_terms: false }, '/accept_terms'],
    ['terms as text', { accept_terms: 'true' }, '/accept_terms'],
    ['an empty password', { password: '' }, '/password'],
    ['a short password', { password: 'too short' }, '/password'],
    ['a password that everybody has', { password: 'passwordpassword' }, '/password'],
    [
      'a password with the own name',
      { name: 'Annabelle', password: 'annabelle is here' },
      '/password',
    ],
    ['an unknown field', { admin: true }, '/admin'],
  ])('for %s', async (_what, body, pointer) => {
    const invited = await invite(app);
    const answer = await accept(invited, body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toContain(
      pointer,
    );
    expect(await inviteStatus(invited)).toBe('invited');
    expect((await accept(invited, { password: strong })).status).toBe(200);
  });

  test('for a password that holds the own address', async () => {
    const invited = await invite(app, { email: 'wilhelmina@example.com' });
    const { status, body } = await accept(invited, { password: 'wilhelmina is home' });
    expect([status, body.code]).toEqual([422, 'password-too-weak']);
  });
});
