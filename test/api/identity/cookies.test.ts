import { createCookies } from '../../../api/middleware/cookies';
import { startIdentityApp } from '../../support/identity-app';
import { createPerson, signIn } from '../../support/identity-people';

describe('the session cookie', () => {
  test.each([
    ['prod', 'https://usher.example', '__Host-usher_session'],
    ['prod', 'http://usher.example', '__Host-usher_session'],
    ['stage', 'http://localhost:8090', '__Host-usher_session'],
    ['dev', 'https://usher.example', '__Host-usher_session'],
    ['dev', 'http://localhost:8090', 'usher_session'],
  ] as const)('in %s on %s is %s', (APP_ENV, PUBLIC_URL, name) => {
    const { session } = createCookies({ APP_ENV, PUBLIC_URL });
    expect(session.name).toBe(name);
    const set = session.set('token', new Date('2026-11-21T12:00:00Z'));
    expect(set).toContain('; Path=/; ');
    expect(set).toContain('; HttpOnly');
    expect(set).toContain('; SameSite=Lax');
    expect(set.includes('; Secure')).toBe(name.startsWith('__Host-'));
    expect(set).not.toContain('Domain');
    expect(session.clear()).toContain('Max-Age=0');
  });
});

test('the onboarding cookie opens no session, and a session goes before it', async () => {
  const app = await startIdentityApp();
  const person = await createPerson(app);
  app.onboarding = {
    kind: 'onboarding',
    actorId: `user:${person.id}`,
    userId: person.id,
    onboardingId: '0190a0a0-0000-7000-8000-000000000001',
    tenantId: '0190a0a0-0000-7000-8000-000000000002',
  };
  expect(await app.ask('GET', '/me')).toMatchObject({ status: 401 });
  const session = await signIn(app, person);
  expect(await app.ask('GET', '/me', { session })).toMatchObject({
    status: 200,
    body: { user: { id: person.id } },
  });
  await app.close();
});
