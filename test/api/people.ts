import { createServiceAccount } from '../../src/domain/identity/service-accounts';
import { createPasswords } from '../../src/platform/crypto/passwords';
import { withSystem } from '../../src/platform/db';
import type { IdentityApp } from '../support/identity-app';
import { createPerson, password } from '../support/identity-people';
import type { PersonWish, TestPerson } from '../support/identity-people';
import type { TestApp } from '../support/test-app';

// One per app, since `createPerson` hashes the password once for each.
const homes = new WeakMap<TestApp, IdentityApp>();

/** Creates an account with roles and the password of all test people. */
export function person(app: TestApp, wish: PersonWish = {}): Promise<TestPerson> {
  const home =
    homes.get(app) ??
    ({
      db: app.deps.db,
      passwords: createPasswords({ minLength: app.deps.env.PASSWORD_MIN_LENGTH }),
    } as IdentityApp);
  homes.set(app, home);
  return createPerson(home, wish);
}

/** Headers of a browser in which a person is signed in. */
export async function signedIn(
  app: TestApp,
  who: Pick<TestPerson, 'email'>,
): Promise<{ cookie: string; 'sec-fetch-site': string }> {
  const { status, headers } = await app.call('POST', '/auth/login', {
    anonymous: true,
    body: { email: who.email, password },
  });
  const cookie = headers.getSetCookie().find((line) => line.startsWith('usher_session='));
  if (!cookie) throw new Error(`The sign-in answered ${String(status)}`);
  return { cookie: cookie.split(';')[0] ?? '', 'sec-fetch-site': 'same-origin' };
}

/** Headers of a browser that holds the cookie which an accept has set. */
export function onboardingCookie(headers: Headers): { cookie: string; 'sec-fetch-site': string } {
  const cookie = headers.getSetCookie().find((line) => line.startsWith('usher_onboarding='));
  if (!cookie) throw new Error('The accept has set no onboarding cookie');
  return { cookie: cookie.split(';')[0] ?? '', 'sec-fetch-site': 'same-origin' };
}

/** The key of a service account with just these permissions, and the account's id. */
export async function machine(
  app: TestApp,
  permissions: readonly string[],
): Promise<{ id: string; key: string }> {
  const created = await withSystem(app.deps.db, 'cli', (tx) =>
    createServiceAccount(
      tx,
      app.deps.serviceKeys,
      { actorId: 'system:cli', permissions: 'all' },
      { name: permissions.join(' '), permissions: [...permissions], allowedCidrs: [] },
      { ip: null, userAgent: null },
    ),
  );
  return { id: created.id, key: created.key };
}
