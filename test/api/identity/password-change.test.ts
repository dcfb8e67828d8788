import { mintLoginLink } from '../../../src/domain/identity/login-links';
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
import type { TestPerson } from '../../support/identity-people';

let app: IdentityApp;
const fresh = 'seven quiet rivers bend';

let tenant: { id: string };

beforeAll(async () => {
  app = await startIdentityApp();
  tenant = await createTenant(app, { name: 'Nordlicht GmbH', slug: 'kunde-eins' });
});
afterAll(() => app.close());

const change = (session: string | undefined, body: Record<string, unknown>) =>
  app.ask('POST', '/auth/password', { session, body });
const me = (session: string | undefined) => app.ask('GET', '/me', { session });

async function signInByLink(person: TestPerson): Promise<string | undefined> {
  const { token } = await withSystem(app.db, 'cli', (tx) => mintLoginLink(tx, person.id));
  const page = await app.ask('GET', `/login/${token}`);
  const form = { form_token: /name="form_token" value="([^"]+)"/.exec(page.body)![1]! };
  return (await app.ask('POST', `/login/${token}`, { form })).session;
}

describe('POST /auth/password', () => {
  test('200 changes it, ends every other session and gives this one a new token', async () => {
    const person = await createPerson(app);
    const [mine, other] = [await signIn(app, person), await signIn(app, person)];
    const answer = await change(mine, { current_password: password, new_password: fresh });
    expect(answer).toMatchObject({ status: 200, body: { success: true } });
    expect(await me(other)).toMatchObject({ status: 401 });
    expect(await me(mine)).toMatchObject({ status: 401 });
    expect(await me(answer.session)).toMatchObject({ status: 200 });
    const login = (pass: string) =>
      app.ask('POST', '/auth/login', { body: { email: person.email, password: pass } });
    expect(await login(password)).toMatchObject({ status: 401 });
    expect(await login(fresh)).toMatchObject({ status: 200 });
    expect((await auditTrail(app, 'user.password_changed')).at(-1)).toContain(person.id);
  });

  test('401 with a wrong current password, and nothing changes', async () => {
    const session = await signIn(app, await createPerson(app));
    const answer = await change(session, { current_password: 'wrong', new_password: fresh });
    expect(answer).toMatchObject({ status: 401, body: { code: 'credentials-invalid' } });
    expect(await me(session)).toMatchObject({ status: 200 });
  });

  test('401 without the current password after a sign-in by password', async () => {
    const session = await signIn(app, await createPerson(app));
    expect(await change(session, { new_password: fresh })).toMatchObject({ status: 401 });
  });

  test('200 without the current password within 10 minutes of a login link: a forgotten one is replaced', async () => {
    const person = await createPerson(app);
    const session = await signInByLink(person);
    expect(await change(session, { new_password: fresh })).toMatchObject({ status: 200 });
  });

  test('401 without the current password later than that', async () => {
    const session = await signInByLink(await createPerson(app));
    await age(app, '11 minutes');
    expect(await change(session, { new_password: fresh })).toMatchObject({ status: 401 });
  });

  test.each([
    ['password-too-short', 'velvet anchor'],
    ['password-common', 'passwordpassword'],
    ['password-personal', 'all about nordlicht today'],
    ['password-personal', 'quiet kunde-eins rivers'],
  ])('422 as %s for %s', async (reason, next) => {
    const person = await createPerson(app, { tenants: [{ id: tenant.id, role: 'client' }] });
    const answer = await change(await signIn(app, person), {
      current_password: password,
      new_password: next,
    });
    expect(answer).toMatchObject({
      status: 422,
      body: { code: 'password-too-weak', reason, errors: [{ pointer: '/new_password' }] },
    });
    expect(JSON.stringify(answer.body)).not.toContain(next);
  });
});

describe('a temporary password', () => {
  test('lets its owner do nothing but change it', async () => {
    const person = await createPerson(app, { roles: ['admin'] });
    await app.db.pool.query(
      `update users set must_change_password = true, temporary_password_expires_at = now() + interval '1 day' where id = $1`,
      [person.id],
    );
    const login = await app.ask('POST', '/auth/login', {
      body: { email: person.email, password },
    });
    expect(login.body.must_change_password).toBe(true);
    const session = login.session;
    expect(await app.ask('GET', '/service-accounts', { session })).toMatchObject({
      status: 403,
      body: { code: 'password-change-required' },
    });
    expect((await me(session)).body.must_change_password).toBe(true);
    const changed = await change(session, { current_password: password, new_password: fresh });
    expect(changed.status).toBe(200);
    expect(await app.ask('GET', '/service-accounts', { session: changed.session })).toMatchObject({
      status: 200,
    });
  });
});
