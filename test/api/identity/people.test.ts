import { atBarrier } from '../../support/at-barrier';
import { startTestApp } from '../../support/test-app';
import type { TestApp, TestRequest } from '../../support/test-app';
import { permissionsOf } from '../../../src/domain/identity/roles.rules';
import { newId } from '../../../src/platform/ids';
import { openRows } from '../../workflows/rows';
import type { Rows } from '../../workflows/rows';
import { machine, person, signedIn } from '../people';
import { sql } from '../rows';
import { relayMails } from '../../../src/domain/mails/mails';
import { createMailSender } from '../../../src/main/mailing';
import { createMailTransport } from '../../../src/platform/mail/transport';

let app: TestApp;
let rows: Rows;
/** A machine that may invite, which no role as shorthand gives it. */
let inviter: string;

beforeAll(async () => {
  app = await startTestApp({ worker: false });
  inviter = (await machine(app, permissionsOf('platform', 'owner'))).key;
  rows = await openRows(app);
});
afterAll(async () => {
  await rows.close();
  await app.stop();
});

const as = async (role: 'owner' | 'admin' | 'operator' | 'support'): Promise<TestRequest> => ({
  anonymous: true,
  headers: await signedIn(app, await person(app, { roles: [role] })),
});
const login = (email: string, password: string) =>
  app.call('POST', '/auth/login', { anonymous: true, body: { email, password } });

describe('GET /users', () => {
  test('200 filters all, admins and inactive, searches, counts and pages', async () => {
    const tag = newId().slice(-8);
    const admin = await person(app, { email: `ada-${tag}@people.example`, roles: ['admin'] });
    const both = await person(app, {
      email: `bob-${tag}@people.example`,
      roles: ['auditor', 'operator'],
      tenants: [{ id: '00000000-0000-0000-0000-000000000001', role: 'owner' }],
    });
    const gone = await person(app, { email: `cyd-${tag}@people.example` });
    await app.call('POST', `/users/${gone.id}/deactivate`, { body: {} });
    const list = async (query: string) => (await app.call('GET', `/users?q=${tag}${query}`)).body;
    const emails = (body: { items: { email: string }[] }) =>
      body.items.map(({ email }) => email.slice(0, 3));
    expect(emails(await list(''))).toEqual(['cyd', 'bob', 'ada']);
    expect(emails(await list('&filter=admins'))).toEqual(['ada']);
    expect(emails(await list('&filter=inactive'))).toEqual(['cyd']);
    expect((await list('&filter=admins')).counts).toEqual({ all: 3, admins: 1, inactive: 1 });
    const page = await list('&limit=2');
    expect(emails(page)).toEqual(['cyd', 'bob']);
    expect(emails(await list(`&limit=2&cursor=${encodeURIComponent(page.next_cursor)}`))).toEqual([
      'ada',
    ]);
    const shown = await app.call('GET', `/users/${both.id}`);
    expect(shown.body).toMatchObject({
      email: both.email,
      status: 'active',
      roles: ['operator', 'auditor'],
      memberships: [{ scope: 'tenant', tenant_slug: 'acme', role: 'owner' }],
    });
    expect(shown.headers.get('etag')).toBe('"v1"');
    expect((await app.call('GET', `/users?q=${admin.id}`)).body.items).toHaveLength(1);
    expect((await app.call('GET', `/users/${newId()}`)).body.code).toBe('user-not-found');
    expect((await app.call('GET', '/users?filter=some')).status).toBe(422);
  });

  test('shows no hash, no secret and no password', async () => {
    await person(app, { roles: ['support'] });
    const { body } = await app.call('GET', '/users');
    expect(JSON.stringify(body)).not.toMatch(/hash|argon2|password_set/);
  });
});

describe('POST /users/{id}/deactivate', () => {
  const deactivate = (id: string, request: TestRequest = {}) =>
    app.call('POST', `/users/${id}/deactivate`, { body: { reason: 'Left us' }, ...request });

  test('200 ends sessions and sign-ins at once; is repeatable; activate undoes it', async () => {
    const somebody = await person(app, { roles: ['support'] });
    const session = { anonymous: true, headers: await signedIn(app, somebody) };
    const { status, body } = await deactivate(somebody.id);
    expect([status, body.status, body.roles]).toEqual([200, 'deactivated', ['support']]);
    expect((await app.call('GET', '/me', session)).status).toBe(401);
    expect((await login(somebody.email, 'velvet anchor meadow glacier')).body.code).toBe(
      'user-deactivated',
    );
    expect((await deactivate(somebody.id)).body.version).toBe(body.version);
    const entries = await sql(
      app,
      `select action, description from audit_trail where targets @> $1 and action like 'user.%'`,
      [JSON.stringify([{ type: 'user', id: somebody.id }])],
    );
    expect(entries).toEqual([{ action: 'user.deactivated', description: 'Left us' }]);
    const back = await app.call('POST', `/users/${somebody.id}/activate`, { body: {} });
    expect([back.body.status, back.body.deactivated_at]).toEqual(['active', null]);
    expect((await login(somebody.email, 'velvet anchor meadow glacier')).status).toBe(200);
  });

  test('answers only after the barrier', async () => {
    const somebody = await person(app);
    const { status } = await atBarrier(app, rows, () => deactivate(somebody.id));
    expect(status).toBe(200);
  });

  test('403 role-too-high for somebody above, 403 without users:write, 404, 412', async () => {
    const owner = await person(app, { roles: ['owner'] });
    const tooHigh = await deactivate(owner.id, await as('admin'));
    expect([tooHigh.status, tooHigh.body.code]).toEqual([403, 'role-too-high']);
    const { key } = await machine(app, ['users:write']);
    expect((await deactivate(owner.id, { key })).body.code).toBe('role-too-high');
    const support = await person(app, { roles: ['support'] });
    expect((await deactivate(support.id, await as('operator'))).body.code).toBe('forbidden');
    expect((await deactivate(newId())).body.code).toBe('user-not-found');
    const stale = await deactivate(support.id, { headers: { 'if-match': '"v7"' } });
    expect([stale.status, stale.headers.get('etag')]).toEqual([412, '"v1"']);
  });

  test('409 last-owner for the only owner there is', async () => {
    await sql(
      app,
      `update users set status = 'deactivated' where id in (
         select user_id from memberships where scope = 'platform' and role = 'owner') returning id`,
    );
    const only = await person(app, { roles: ['owner'] });
    const { status, body } = await deactivate(only.id, await as('owner'));
    expect([status, body.code]).toEqual([200, undefined]);
    const [last] = await sql<{ user_id: string }>(
      app,
      `select m.user_id from memberships as m join users as u on u.id = m.user_id
       where m.scope = 'platform' and m.role = 'owner' and u.status = 'active'`,
    );
    expect((await deactivate(last?.user_id ?? '')).body.code).toBe('last-owner');
  });
});

describe('POST /users/invite', () => {
  const invite = (body: Record<string, unknown>, request: TestRequest = {}) =>
    app.call('POST', '/users/invite', {
      body: { email: `${newId()}@staff.example`, name: 'Mara Lund', role: 'support', ...body },
      key: inviter,
      ...request,
    });
  const audited = (userId: string) =>
    sql<{ role: string; handoff: string }>(
      app,
      `select metadata->>'role' as role, metadata->>'handoff' as handoff from audit_trail
       where action = 'platform.user_invited' and targets @> $1`,
      [JSON.stringify([{ type: 'user', id: userId }])],
    );

  test('201 with a link, which is mailed as well, works once and lives 24 hours', async () => {
    const email = `${newId()}@staff.example`;
    const { status, body } = await invite({ email }, await as('owner'));
    expect(status).toBe(201);
    expect(Object.keys(body).sort()).toEqual(['link', 'subject', 'user_id']);
    expect(body.subject).toBe(`user:${body.user_id}`);
    expect(await audited(body.user_id)).toEqual([{ role: 'support', handoff: 'link' }]);
    const [link] = await sql<{ hours: number }>(
      app,
      `select extract(epoch from expires_at - created_at)::int / 3600 as hours from login_links where user_id = $1`,
      [body.user_id],
    );
    expect(link?.hours).toBe(24);
    const transport = createMailTransport({
      url: app.deps.env.SMTP_URL.reveal(),
      from: app.deps.env.MAIL_FROM,
    });
    await relayMails(createMailSender({ ...app.deps, transport }), 20);
    transport.close();
    const mail = app.mailbox.messages().find(({ to }) => to.includes(email));
    expect(mail?.subject).toBe('Your access to Usher');
    expect(mail?.text).toContain(body.link);
    const path = new URL(body.link).pathname;
    const open = () =>
      app.call('POST', path, {
        anonymous: true,
        body: '',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
    const page = await app.call('GET', path, { anonymous: true });
    expect(page.status).toBe(200);
    expect((await open()).status).not.toBe(500);
    const shown = await app.call('GET', `/users/${body.user_id}`);
    expect(shown.body).toMatchObject({ roles: ['support'], status: 'active' });
  });

  test('201 with a temporary password of 16 characters without look-alikes, which has to be changed', async () => {
    const email = `${newId()}@staff.example`;
    const { body } = await invite({ email, handoff: 'temp-password' });
    expect(Object.keys(body).sort()).toEqual(['subject', 'temp_password', 'user_id']);
    expect(body.temp_password).toMatch(/^[A-HJKMNP-Za-hjkmnp-z2-9]{16}$/);
    expect(await audited(body.user_id)).toEqual([{ role: 'support', handoff: 'temp-password' }]);
    expect(await sql(app, 'select 1 from mails where user_id = $1', [body.user_id])).toEqual([]);
    const before = await app.call('GET', `/users/${body.user_id}`);
    expect(before.body).toMatchObject({ activated_at: null, must_change_password: true });

    const opened = await login(email, body.temp_password);
    expect(opened.body).toMatchObject({ must_change_password: true, surface: 'operator' });
    const headers = {
      cookie:
        opened.headers
          .getSetCookie()
          .find((line) => line.startsWith('usher_session='))
          ?.split(';')[0] ?? '',
      'sec-fetch-site': 'same-origin',
    };
    const session = { anonymous: true, headers };
    expect((await app.call('GET', '/onboarding/invites', session)).body.code).toBe(
      'password-change-required',
    );
    const changed = await app.call('POST', '/auth/password', {
      ...session,
      body: { current_password: body.temp_password, new_password: 'copper violin over nine hills' },
    });
    expect(changed.status).toBe(200);
    const after = await app.call('GET', `/users/${body.user_id}`);
    expect(after.body.must_change_password).toBe(false);
    expect(after.body.activated_at).not.toBeNull();
  });

  test('a temporary password opens nothing after 24 hours', async () => {
    const email = `${newId()}@staff.example`;
    const { body } = await invite({ email, handoff: 'temp-password' });
    const [row] = await sql<{ hours: number }>(
      app,
      `select round(extract(epoch from temporary_password_expires_at - now()) / 3600)::int as hours
       from users where id = $1`,
      [body.user_id],
    );
    expect(row?.hours).toBe(24);
    await sql(
      app,
      `update users set temporary_password_expires_at = now() - interval '1 second' where id = $1`,
      [body.user_id],
    );
    expect((await login(email, body.temp_password)).body.code).toBe('credentials-invalid');
  });

  test('shows the secret once: a replay has it for 10 minutes, then null', async () => {
    const email = `${newId()}@staff.example`;
    const request = { headers: { 'idempotency-key': newId() } };
    const first = await invite({ email, handoff: 'temp-password' }, request);
    const again = await invite({ email, handoff: 'temp-password' }, request);
    expect(again.body).toEqual(first.body);
    await sql(app, `update idempotency_keys set once_expires_at = now() - interval '1 second'`);
    const late = await invite({ email, handoff: 'temp-password' }, request);
    expect(late.body).toMatchObject({
      user_id: first.body.user_id,
      temp_password: null,
      secret_expired: true,
    });
  });

  test('409 user-exists, 403 role-too-high, 403 step-up-required, 422', async () => {
    const email = `${newId()}@staff.example`;
    await invite({ email });
    const again = await invite({ email: email.toUpperCase() });
    expect([again.status, again.body.code]).toEqual([409, 'user-exists']);
    const operator = await as('operator');
    expect((await invite({ role: 'operator' }, operator)).status).toBe(201);
    expect((await invite({ role: 'admin' }, operator)).body.code).toBe('role-too-high');
    expect((await invite({ role: 'king' })).status).toBe(422);
    expect((await invite({ handoff: 'pigeon' })).status).toBe(422);
  });
});
