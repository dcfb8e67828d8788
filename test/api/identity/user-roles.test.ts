import { newId } from '../../../src/platform/ids';
import { makeOwner } from '../../../src/domain/identity/platform-roles';
import { withSystem } from '../../../src/platform/db';
import { startIdentityApp } from '../../support/identity-app';
import type { IdentityApp } from '../../support/identity-app';
import { age, auditTrail, createPerson, signIn } from '../../support/identity-people';
import type { TestPerson } from '../../support/identity-people';

let app: IdentityApp;

beforeEach(async () => (app = await startIdentityApp()));
afterEach(() => app.close());

const put = (session: string, person: { id: string }, roles: readonly string[]) =>
  app.ask('PUT', `/users/${person.id}/roles`, { session, body: { roles } });
const staff = (role: 'owner' | 'admin' | 'operator') => createPerson(app, { roles: [role] });
const me = async (session: string) => app.ask('GET', '/me', { session });

describe('PUT /users/{id}/roles', () => {
  test('200 sets the roles and ends the person’s sessions, so that nothing goes on with the old ones', async () => {
    const owner = await signIn(app, await staff('owner'));
    const person = await staff('operator');
    const session = await signIn(app, person);
    expect(await put(owner, person, ['auditor', 'support'])).toMatchObject({
      status: 200,
      body: { user_id: person.id, roles: ['support', 'auditor'] },
    });
    expect(await me(session)).toMatchObject({ status: 401 });
    expect((await me(await signIn(app, person))).body.roles.sort()).toEqual(['auditor', 'support']);
    expect(await auditTrail(app, 'user.roles_changed')).toHaveLength(1);
  });

  test('200 for the roles that are held already changes nothing and ends no session', async () => {
    const owner = await signIn(app, await staff('owner'));
    const person = await staff('operator');
    const session = await signIn(app, person);
    expect(await put(owner, person, ['operator'])).toMatchObject({ status: 200 });
    expect(await me(session)).toMatchObject({ status: 200 });
    expect(await auditTrail(app, 'user.roles_changed')).toEqual([]);
  });

  test('403 for giving or taking a role above one’s own', async () => {
    const [owner, admin] = [await staff('owner'), await signIn(app, await staff('admin'))];
    const person = await createPerson(app);
    expect(await put(admin, person, ['owner'])).toMatchObject({
      status: 403,
      body: { code: 'role-too-high' },
    });
    expect(await put(admin, owner, [])).toMatchObject({ status: 403 });
    expect(await put(admin, person, ['admin'])).toMatchObject({ status: 200 });
  });

  test('403 for who may not grant, and for who signed in too long ago', async () => {
    const person = await createPerson(app);
    const operator = await signIn(app, await staff('operator'));
    expect(await put(operator, person, ['support'])).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
    const owner = await signIn(app, await staff('owner'));
    await age(app, '10 minutes');
    expect(await put(owner, person, ['support'])).toMatchObject({
      status: 403,
      body: { code: 'step-up-required' },
    });
  });

  test('409 rather than leave the platform without an owner, also when two try at once', async () => {
    const [a, b] = [await staff('owner'), await staff('owner')];
    const [first, second] = [await signIn(app, a), await signIn(app, b)];
    const answers = await Promise.all([put(first, b, []), put(second, a, [])]);
    // One takes the role from the other; the second attempt finds itself without a session or without a last owner.
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const left =
      answers[0].status === 200 ? { session: first, id: a.id } : { session: second, id: b.id };
    expect(await put(left.session, left, ['admin'])).toMatchObject({
      status: 409,
      body: { code: 'last-owner' },
    });
  });

  test('404 for nobody, 422 for a role that does not exist', async () => {
    const owner = await signIn(app, await staff('owner'));
    expect(await put(owner, { id: newId() }, [])).toMatchObject({
      status: 404,
      body: { code: 'user-not-found' },
    });
    expect(await put(owner, { id: newId() }, ['emperor'])).toMatchObject({ status: 422 });
  });

  test('403 for a service account with a role as shorthand, 200 with the permission by name', async () => {
    const owner = await signIn(app, await staff('owner'));
    const person: TestPerson = await createPerson(app);
    const keyOf = async (body: Record<string, unknown>) =>
      (
        await app.ask('POST', '/service-accounts', {
          session: owner,
          body: { name: 'robot', role: 'admin', ...body },
        })
      ).body.key as string;
    const byKey = (key: string) =>
      app.ask('PUT', `/users/${person.id}/roles`, {
        headers: { 'x-api-key': key },
        body: { roles: ['auditor'] },
      });
    expect(await byKey(await keyOf({}))).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
    expect(await byKey(await keyOf({ permissions: ['users:grant'] }))).toMatchObject({
      status: 200,
    });
  });
});

test('the command line makes an owner of anybody, once or again', async () => {
  const person = await createPerson(app);
  for (let n = 0; n < 2; n += 1) {
    await withSystem(app.db, 'cli', (tx) => makeOwner(tx, person.id));
  }
  expect((await me(await signIn(app, person))).body.roles).toEqual(['owner']);
  expect(await auditTrail(app, 'user.roles_changed')).toEqual([
    'user.roles_changed success system:cli',
  ]);
});
