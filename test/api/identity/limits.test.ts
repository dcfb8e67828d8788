import { startIdentityApp } from '../../support/identity-app';
import type { IdentityApp } from '../../support/identity-app';
import { createPerson, password } from '../../support/identity-people';

let app: IdentityApp;

// RATE_LOGIN at its default of 5/60.
beforeAll(async () => (app = await startIdentityApp({ env: { RATE_LOGIN: '5/60' } })));
afterAll(() => app.close());

const login = (email: string, pass: string, from: string) =>
  app.ask('POST', '/auth/login', { body: { email, password: pass }, from });
const limited = { status: 429, body: { code: 'rate-limited' } };

describe('the login limit', () => {
  test('429 with Retry-After after five failures from one source, and never for another source', async () => {
    const { email } = await createPerson(app);
    for (let n = 0; n < 5; n += 1) {
      expect(await login(email, 'wrong', '192.0.2.10')).toMatchObject({ status: 401 });
    }
    const refused = await login(email, password, '192.0.2.10');
    expect(refused).toMatchObject(limited);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(await login(email, password, '192.0.2.11')).toMatchObject({ status: 200 });
  });

  test('holds for unknown addresses just as for known ones', async () => {
    const answers = [];
    for (let n = 0; n < 6; n += 1) {
      answers.push((await login('ghost@nowhere.example', 'wrong', '192.0.2.20')).status);
    }
    expect(answers).toEqual([401, 401, 401, 401, 401, 429]);
  });

  test('does not count sign-ins that succeed', async () => {
    const { email } = await createPerson(app);
    for (let n = 0; n < 7; n += 1) {
      expect(await login(email, password, '192.0.2.30')).toMatchObject({ status: 200 });
    }
  });

  test('holds for parallel guesses, too', async () => {
    const { email } = await createPerson(app);
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => login(email, 'wrong', '192.0.2.40')),
    );
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(7);
  });

  test('counts a /56 of IPv6 as one source', async () => {
    const { email } = await createPerson(app);
    for (let n = 0; n < 5; n += 1) await login(email, 'wrong', `2001:db8:1:2${n}0::${n + 1}`);
    expect(await login(email, 'wrong', '2001:db8:1:2ff::9')).toMatchObject(limited);
    expect(await login(email, 'wrong', '2001:db8:1:300::9')).toMatchObject({ status: 401 });
  });

  test('stops one source that tries one password on many accounts', async () => {
    const spray = (n: number, from: string) =>
      app.ask('POST', '/auth/link', { body: { email: `a${n}@nowhere.example` }, from });
    const answers = await Promise.all(Array.from({ length: 55 }, (_, n) => spray(n, '192.0.2.50')));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(50);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(5);
    expect(await login('a0@nowhere.example', 'wrong', '192.0.2.50')).toMatchObject(limited);
    expect(await spray(0, '192.0.2.51')).toMatchObject({ status: 202 });
  });

  test('holds for login links: five per minute for one address from one source', async () => {
    const ask = () =>
      app.ask('POST', '/auth/link', { body: { email: 'a@nowhere.example' }, from: '192.0.2.60' });
    for (let n = 0; n < 5; n += 1) expect(await ask()).toMatchObject({ status: 202 });
    expect(await ask()).toMatchObject(limited);
  });
});
