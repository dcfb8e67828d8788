import { addPlatformRoles } from '../../src/domain/identity/memberships';
import { deactivateAccount } from '../../src/domain/identity/accounts';
import { startPageApp } from './page-app';
import type { PageApp } from './page-app';
import { formTokenOf, visitorOf } from './visitor';
import type { Seen, Visitor } from './visitor';

const password = 'seven quiet boats at dusk';

let app: PageApp;
let visitor: Visitor;
let count = 0;

beforeAll(async () => {
  app = await startPageApp({
    env: {
      OIDC_ISSUERS: JSON.stringify([
        {
          name: 'nordlicht',
          issuer: 'https://id.nordlicht.example',
          client_id: 'usher',
          audiences: { usher: 'customer' },
        },
        { name: 'tokens-only', issuer: 'https://t.example', audiences: { usher: 'operator' } },
      ]),
    },
  });
});

afterAll(async () => {
  await app.close();
});

beforeEach(() => {
  visitor = visitorOf(app.url);
});

const newEmail = (): string => `kim-${String((count += 1))}@known.example`;
async function send(fields: Record<string, string>, page?: Seen): Promise<Seen> {
  const form_token = formTokenOf(page ?? (await visitor.get('/sign-in')));
  return visitor.post('/sign-in', { form_token, action: 'password', ...fields });
}

describe('GET /', () => {
  it('leads everybody where they belong', async () => {
    expect((await visitor.get('/')).location).toBe('/sign-in');
    const customer = await app.account(newEmail());
    visitor.cookies.set('usher_session', await app.session(customer));
    expect((await visitor.get('/')).location).toBe('/onboarding/progress');
    const operator = await app.account(newEmail());
    await app.act((tx) => addPlatformRoles(tx, operator, ['operator'], 'local'));
    visitor.cookies.set('usher_session', await app.session(operator));
    expect((await visitor.get('/')).location).toBe('/console');
  });
});

describe('GET /sign-in', () => {
  it('offers a password, a link by mail, and the providers that people can sign in at', async () => {
    const page = await visitor.get('/sign-in');
    expect([page.status, page.heading]).toEqual([200, 'Sign in']);
    const links = [...page.text.matchAll(/href="(\/auth\/[^"]+)"/g)].map(([, href]) => href);
    expect(links).toEqual(['/auth/oidc/nordlicht']);
  });

  it('tells who is signed in, and lets them go on or sign out', async () => {
    visitor.cookies.set('usher_session', await app.session(await app.account(newEmail())));
    const page = await visitor.get('/sign-in');
    expect([page.status, page.heading]).toEqual([200, 'You are signed in']);
    expect(page.text).toContain('Welcome, <bdi>Mara Lund</bdi>');
    expect(page.text).toContain('href="/onboarding/progress"');
    const token = visitor.cookies.get('usher_session')!;
    const out = await visitor.post('/sign-out', { form_token: formTokenOf(page) });
    expect([out.status, out.location]).toEqual([303, '/sign-in']);
    visitor.cookies.set('usher_session', token);
    expect((await visitor.get('/sign-in')).heading).toBe('Sign in');
  });
});

describe('POST /sign-in', () => {
  it('opens a session, ends the one before, and leads on', async () => {
    const email = newEmail();
    const before = await app.session(await app.account(email, password));
    const page = await visitor.get('/sign-in');
    visitor.cookies.set('usher_session', before);
    const answer = await send({ email: ` ${email.toUpperCase()} `, password }, page);
    expect([answer.status, answer.location]).toEqual([303, '/onboarding/progress']);
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^usher_session=[\w-]{43}; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
      ),
    ]);
    expect(visitor.cookies.get('usher_session')).not.toBe(before);
    visitor.cookies.set('usher_session', before);
    expect((await visitor.get('/')).location).toBe('/sign-in');
  });

  it('gives one answer to a wrong password and to an unknown address', async () => {
    const email = newEmail();
    await app.account(email, password);
    const [wrong, unknown] = [
      await send({ email, password: 'some other words' }),
      await send({ email: newEmail(), password }),
    ];
    for (const page of [wrong, unknown]) {
      expect(page.status).toBe(422);
      expect(page.text).toContain('The address and the password do not match.');
      expect(page.text).not.toContain(password);
      expect(page.headers.getSetCookie()).toEqual([]);
    }
    expect(wrong.text).toContain(`value="${email}"`);
  });

  it('tells only who knows the password that the account is closed', async () => {
    const email = newEmail();
    const userId = await app.account(email, password);
    await app.act((tx) =>
      deactivateAccount(tx, userId, 'system:test', { ip: null, userAgent: null }),
    );
    expect((await send({ email, password })).text).toContain('This account has been closed.');
    expect((await send({ email, password: 'a guess' })).text).not.toContain('closed');
  });

  it.each([
    [{ email: '', password: '' }, ['Enter your e-mail address.', 'Enter your password']],
    [{ email: 'kim@', password }, ['This is not a complete e-mail address']],
    [{ email: `${'k'.repeat(9000)}@x.example`, password }, ['This is not a complete e-mail']],
    [{ email: '"><script>@x.example', password }, ['This is not a complete e-mail address']],
    [{ email: '', action: 'link' }, ['Enter your e-mail address.']],
  ] as [Record<string, string>, string[]][])('answers 422 to %j', async (fields, told) => {
    const page = await send(fields);
    expect(page.status).toBe(422);
    for (const text of told) expect(page.text).toContain(text);
    expect(page.text).not.toContain('<script>@');
  });

  it('mails a link, and never tells whether there is an account', async () => {
    const email = newEmail();
    const userId = await app.account(email);
    const answers = [
      await send({ email, action: 'link' }),
      await send({ email: newEmail(), action: 'link' }),
    ];
    for (const { status, heading } of answers) {
      expect([status, heading]).toEqual([200, 'Check your mailbox']);
    }
    const { mails } = await app.act((tx) =>
      tx.one<{ mails: number }>(
        `select count(*)::int as mails from mails where kind = 'login-link' and user_id = $1`,
        [userId],
      ),
    );
    expect(mails).toBe(1);
  });

  it('answers 403 without the signed token, and to a form that another site sent', async () => {
    const email = newEmail();
    await app.account(email, password);
    const fields = { email, password, action: 'password' };
    const form_token = formTokenOf(await visitor.get('/sign-in'));
    const foreign = { 'sec-fetch-site': 'cross-site' };
    expect((await visitor.post('/sign-in', fields)).status).toBe(403);
    expect((await visitor.post('/sign-in', { ...fields, form_token }, foreign)).status).toBe(403);
    expect((await visitor.post('/sign-out', { form_token })).status).toBe(403);
    expect((await send(fields)).status).toBe(303);
  });
});
