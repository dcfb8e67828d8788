import { hash } from 'argon2';
import { deactivateAccount, findAccount } from '../../../src/domain/identity/accounts';
import { withSystem } from '../../../src/platform/db';
import { startIdentityApp } from '../../support/identity-app';
import type { IdentityApp } from '../../support/identity-app';
import {
  age,
  auditTrail,
  createPerson,
  createTenant,
  password,
  signIn,
} from '../../support/identity-people';

let app: IdentityApp;
const nobody = { ip: null, userAgent: null };

beforeAll(async () => (app = await startIdentityApp()));
afterAll(() => app.close());

const login = (email: string, pass = password, over = {}) =>
  app.ask('POST', '/auth/login', { body: { email, password: pass }, ...over });

describe('POST /auth/login', () => {
  test('200 opens a session whose cookie scripts cannot read, and which says who one is', async () => {
    const person = await createPerson(app, { roles: ['operator'] });
    const answer = await login(person.email.toUpperCase());
    expect(answer).toMatchObject({
      status: 200,
      body: { success: true, user_id: person.id, surface: 'operator', must_change_password: false },
    });
    expect(answer.cookies[0]).toMatch(/; Path=\/; Expires=.*; HttpOnly; SameSite=Lax$/);
    expect(answer.session).toMatch(/^[\w-]{43}$/);
    const me = await app.ask('GET', '/me', { session: answer.session });
    expect(me.body).toMatchObject({
      user: { id: person.id, email: person.email },
      roles: ['operator'],
      surface: 'operator',
      partner: null,
    });
    expect(me.body.permissions).toContain('invites:create');
    expect(me.body.permissions).not.toContain('onboardings:skip');
  });

  test('only the hash of the token is stored', async () => {
    const token = await signIn(app, await createPerson(app));
    const { rows } = await app.db.pool.query<{ row: string }>(
      'select to_jsonb(s)::text as row from sessions as s',
    );
    expect(rows.map(({ row }) => row).join()).not.toContain(token);
  });

  test('401 is one answer for a wrong password, an unknown address and an account without password', async () => {
    const person = await createPerson(app);
    const link = await createPerson(app, { password: null });
    const answers = await Promise.all([
      login(person.email, 'not the password at all'),
      login('nobody@nowhere.example'),
      login(link.email),
    ]);
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 401, body: { code: 'credentials-invalid' } });
      expect({ ...answer.body, request_id: '' }).toEqual({ ...answers[0].body, request_id: '' });
      expect(answer.cookies).toEqual([]);
    }
  });

  test('403 tells of a deactivated account only to who knows its password', async () => {
    const person = await createPerson(app);
    await withSystem(app.db, 'identity', (tx) =>
      deactivateAccount(tx, person.id, 'user:test', nobody),
    );
    expect(await login(person.email, 'wrong')).toMatchObject({ status: 401 });
    expect(await login(person.email)).toMatchObject({
      status: 403,
      body: { code: 'user-deactivated' },
    });
  });

  test('401 for a temporary password that has run out', async () => {
    const person = await createPerson(app);
    await app.db.pool.query(
      `update users set must_change_password = true, temporary_password_expires_at = now() - interval '1 second' where id = $1`,
      [person.id],
    );
    expect(await login(person.email)).toMatchObject({ status: 401 });
  });

  test('signing in again ends the session that the browser carried', async () => {
    const person = await createPerson(app);
    const first = await signIn(app, person);
    const again = await login(person.email, password, { session: first });
    expect(again.session).not.toBe(first);
    expect(await app.ask('GET', '/me', { session: first })).toMatchObject({ status: 401 });
    expect(await app.ask('GET', '/me', { session: again.session })).toMatchObject({ status: 200 });
  });

  test('a password that was hashed with older parameters is hashed anew', async () => {
    const person = await createPerson(app);
    const old = await hash(password, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
    await app.db.pool.query('update users set password_hash = $2 where id = $1', [person.id, old]);
    await signIn(app, person);
    const account = await withSystem(app.db, 'identity', (tx) => findAccount(tx, person.id));
    expect(account?.passwordHash).toMatch(/m=65536,t=3,p=1/);
  });

  test('is audited, successes and failures, with ids only', async () => {
    const person = await createPerson(app);
    await login(person.email, 'wrong', { headers: { 'user-agent': 'curl' } });
    await signIn(app, person);
    const trail = await auditTrail(app);
    expect(trail.slice(-2)).toEqual([
      'session.refused failure anonymous',
      `session.opened success user:${person.id}`,
    ]);
    const { rows } = await withSystem(app.db, 'identity', async (tx) => ({
      rows: await tx.rows<{ row: string }>('select to_jsonb(a)::text as row from audit_trail as a'),
    }));
    expect(rows.map(({ row }) => row).join()).not.toContain('@');
  });

  test('nothing of an address or a password reaches the log', async () => {
    await login('nobody@nowhere.example', 'a-password-in-the-log');
    expect(app.log.join()).not.toMatch(/nowhere|a-password-in-the-log/);
  });

  test.each([
    [422, { email: 'no address', password: 'x' }],
    [422, { email: 'a@b.example', password: '' }],
    [422, { email: 'a@b.example', password: 'x'.repeat(1025) }],
    [422, { email: 'a@b.example', password: 'x', role: 'owner' }],
    [422, { email: 'a@b.example', password: 'x\u0000' }],
    [422, []],
  ])('%i for %j', async (status, body) => {
    expect(await app.ask('POST', '/auth/login', { body })).toMatchObject({ status });
  });
});

describe('a session', () => {
  test('of staff ends after 30 minutes without a request, and lives on with requests', async () => {
    const session = await signIn(app, await createPerson(app, { roles: ['support'] }));
    await age(app, '29 minutes');
    expect(await app.ask('GET', '/me', { session })).toMatchObject({ status: 200 });
    await age(app, '29 minutes');
    expect(await app.ask('GET', '/me', { session })).toMatchObject({ status: 200 });
    await age(app, '31 minutes');
    expect(await app.ask('GET', '/me', { session })).toMatchObject({ status: 401 });
  });

  test('of staff ends after 12 hours in any case', async () => {
    const session = await signIn(app, await createPerson(app, { roles: ['support'] }));
    for (let n = 0; n < 25; n += 1) {
      await age(app, '28 minutes');
      expect(await app.ask('GET', '/me', { session })).toMatchObject({ status: 200 });
    }
    await age(app, '28 minutes');
    expect(await app.ask('GET', '/me', { session })).toMatchObject({ status: 401 });
  });

  test('of a customer may idle for hours', async () => {
    const tenant = await createTenant(app);
    const person = await createPerson(app, { tenants: [{ id: tenant.id, role: 'client' }] });
    const session = await signIn(app, person);
    await age(app, '7 hours');
    expect((await app.ask('GET', '/me', { session })).body).toMatchObject({
      surface: 'customer',
      roles: ['client'],
      memberships: [{ scope: 'tenant', tenant_id: tenant.id, tenant_slug: tenant.slug }],
    });
    await age(app, '9 hours');
    expect(await app.ask('GET', '/me', { session })).toMatchObject({ status: 401 });
  });

  test('is written to at most once a minute', async () => {
    const session = await signIn(app, await createPerson(app));
    const lastSeen = async () =>
      (
        await app.db.pool.query<{ at: Date }>(
          'select last_seen_at as at from sessions order by created_at desc limit 1',
        )
      ).rows[0]!.at.getTime();
    const before = await lastSeen();
    await app.ask('GET', '/me', { session });
    expect(await lastSeen()).toBe(before);
    await age(app, '61 seconds');
    await app.ask('GET', '/me', { session });
    expect(await lastSeen()).toBeGreaterThanOrEqual(before);
  });

  test('of a deactivated person is dead at once, and stays dead when they are activated again', async () => {
    const person = await createPerson(app);
    const session = await signIn(app, person);
    await withSystem(app.db, 'identity', (tx) =>
      deactivateAccount(tx, person.id, 'user:test', nobody),
    );
    expect(await app.ask('GET', '/me', { session })).toMatchObject({ status: 401 });
    await app.db.pool.query(`update users set status = 'active' where id = $1`, [person.id]);
    expect(await app.ask('GET', '/me', { session })).toMatchObject({ status: 401 });
  });

  test('that never was, or is no token at all, is like none', async () => {
    for (const session of ['x', 'A'.repeat(43), '%00', 'a'.repeat(5_000)]) {
      expect(await app.ask('GET', '/me', { session })).toMatchObject({ status: 401 });
    }
  });
});

describe('POST /auth/logout', () => {
  test('204 ends the session and removes its cookie', async () => {
    const person = await createPerson(app);
    const session = await signIn(app, person);
    expect(await app.ask('POST', '/auth/logout', { session })).toMatchObject({
      status: 204,
      session: '',
    });
    expect(await app.ask('GET', '/me', { session })).toMatchObject({ status: 401 });
    expect((await auditTrail(app, 'session.ended')).at(-1)).toContain(person.id);
  });
});

describe('a request that carries a cookie', () => {
  const post = async (headers: Record<string, string>) => {
    const session = await signIn(app, await createPerson(app));
    return app.ask('POST', '/auth/logout', {
      headers: { cookie: `usher_session=${session}`, ...headers },
    });
  };

  test.each([
    [204, { 'sec-fetch-site': 'same-origin' }],
    [204, { 'sec-fetch-site': 'none' }],
    [204, { origin: 'http://localhost:8090' }],
    [403, {}],
    [403, { 'sec-fetch-site': 'same-site' }],
    [403, { 'sec-fetch-site': 'cross-site', origin: 'http://localhost:8090' }],
    [403, { origin: 'https://evil.example' }],
    [403, { origin: 'null' }],
  ])('is answered %i with %j', async (status, headers) => {
    const answer = await post(headers);
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.body.code).toBe('cross-origin');
  });
});
