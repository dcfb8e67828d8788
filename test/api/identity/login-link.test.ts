import { deactivateAccount } from '../../../src/domain/identity/accounts';
import { mintLoginLink } from '../../../src/domain/identity/login-links';
import { reveal } from '../../../src/domain/secrets/secrets';
import { withSystem } from '../../../src/platform/db';
import { startIdentityApp } from '../../support/identity-app';
import type { IdentityApp } from '../../support/identity-app';
import { auditTrail, createPerson } from '../../support/identity-people';

let app: IdentityApp;

beforeAll(async () => (app = await startIdentityApp()));
afterAll(() => app.close());

interface MailRow {
  readonly user_id: string;
  readonly owner: string;
  readonly locale: string;
  readonly secret_id: string;
  readonly row: string;
}

const request = (email: string) => app.ask('POST', '/auth/link', { body: { email } });
const mailTo = (email: string) =>
  withSystem(app.db, 'identity', (tx) =>
    tx.maybe<MailRow>(
      `select user_id, owner, locale, secret_id, to_jsonb(m)::text as row from mails as m
       where to_email = $1 and kind = 'login-link' order by created_at desc limit 1`,
      [email],
    ),
  );

async function linkOf(email: string): Promise<string> {
  await request(email);
  const mail = await mailTo(email);
  return reveal(app.db, app.ring, mail!.secret_id, { who: 'system:mail', why: 'test' });
}

/** The form token of a link's page, as a browser would post it. */
async function formOf(token: string): Promise<Record<string, string>> {
  const page = await app.ask('GET', `/login/${token}`);
  return { form_token: /name="form_token" value="([^"]+)"/.exec(page.body)?.[1] ?? '' };
}

const open = async (token: string, form?: Record<string, string>) =>
  app.ask('POST', `/login/${token}`, { form: form ?? (await formOf(token)) });

describe('POST /auth/link', () => {
  test('202 writes a mail for the relay, whose token is sealed', async () => {
    const person = await createPerson(app);
    expect(await request(person.email)).toMatchObject({ status: 202, body: { success: true } });
    const mail = await mailTo(person.email);
    expect(mail).toMatchObject({ user_id: person.id, owner: 'relay', locale: 'en' });
    const token = await reveal(app.db, app.ring, mail!.secret_id, { who: 'test', why: 'test' });
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(mail!.row).not.toContain(token);
  });

  test('202 is the same answer for an unknown and for a deactivated address, and no mail goes out', async () => {
    const person = await createPerson(app);
    await withSystem(app.db, 'identity', (tx) =>
      deactivateAccount(tx, person.id, 'user:test', { ip: null, userAgent: null }),
    );
    for (const email of [person.email, 'nobody@nowhere.example']) {
      expect(await request(email)).toMatchObject({ status: 202, body: { success: true } });
      expect(await mailTo(email)).toBeUndefined();
    }
    expect((await auditTrail(app, 'login_link.requested')).slice(-2)).toEqual([
      'login_link.requested failure anonymous',
      'login_link.requested failure anonymous',
    ]);
  });
});

describe('GET /login/{token}', () => {
  test('200 shows an inert page: looked at any number of times, the link still opens', async () => {
    const person = await createPerson(app);
    const token = await linkOf(person.email);
    for (let n = 0; n < 3; n += 1) {
      const page = await app.ask('GET', `/login/${token}?utm_source=gateway`);
      expect(page.status).toBe(200);
      expect(page.cookies).toEqual([]);
      expect(page.body).not.toContain(person.email);
      expect(page.headers.get('referrer-policy')).toBe('no-referrer');
      expect(page.headers.get('cache-control')).toBe('no-store');
      expect(page.headers.get('content-security-policy')).toMatch(/script-src 'nonce-/);
    }
    expect((await app.ask('HEAD', `/login/${token}`)).status).toBe(200);
    expect((await open(token)).status).toBe(303);
  });

  test('200 in the language that is asked for', async () => {
    const token = await linkOf((await createPerson(app)).email);
    const page = await app.ask('GET', `/login/${token}?lang=de`);
    expect(page.body).toContain('<html lang="de"');
  });

  test.each(['x', 'A'.repeat(43), '%F0%9F%A6%8A'])(
    '410 for %s is a page that explains',
    async (token) => {
      const page = await app.ask('GET', `/login/${token}`);
      expect(page.status).toBe(410);
      expect(page.headers.get('content-type')).toContain('text/html');
    },
  );
});

describe('POST /login/{token}', () => {
  test('303 opens a session once', async () => {
    const person = await createPerson(app, { roles: ['operator'] });
    const token = await linkOf(person.email);
    const form = await formOf(token);
    const first = await open(token, form);
    expect(first).toMatchObject({ status: 303 });
    expect(first.headers.get('location')).toBe('/landing/operator');
    const me = await app.ask('GET', '/me', { session: first.session });
    expect(me.body.user.id).toBe(person.id);
    const second = await open(token, form);
    expect(second.status).toBe(410);
    expect(second.cookies).toEqual([]);
    expect((await app.ask('GET', `/login/${token}`)).status).toBe(410);
  });

  test('of twenty posts at once, one opens a session', async () => {
    const token = await linkOf((await createPerson(app)).email);
    const form = await formOf(token);
    const answers = await Promise.all(Array.from({ length: 20 }, () => open(token, form)));
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 410)).toHaveLength(19);
  });

  test('410 after 15 minutes', async () => {
    const token = await linkOf((await createPerson(app)).email);
    const form = await formOf(token);
    await app.db.pool.query(
      `update login_links set expires_at = expires_at - interval '15 minutes'`,
    );
    expect((await open(token, form)).status).toBe(410);
  });

  test('410 for an account that was deactivated meanwhile', async () => {
    const person = await createPerson(app);
    const token = await linkOf(person.email);
    const form = await formOf(token);
    await withSystem(app.db, 'identity', (tx) =>
      deactivateAccount(tx, person.id, 'user:test', { ip: null, userAgent: null }),
    );
    expect((await open(token, form)).status).toBe(410);
  });

  test('403 without the signed token of its own page, and the link stays good', async () => {
    const [mine, other] = [
      await linkOf((await createPerson(app)).email),
      await linkOf((await createPerson(app)).email),
    ];
    for (const form of [{}, { form_token: 'forged.token' }, await formOf(other)]) {
      expect((await open(mine, form)).status).toBe(403);
    }
    expect((await open(mine)).status).toBe(303);
  });

  test('415 for anything that is no form', async () => {
    const token = await linkOf((await createPerson(app)).email);
    expect((await app.ask('POST', `/login/${token}`, { body: {} })).status).toBe(415);
  });
});

test('a link that the command line prints opens just as well', async () => {
  const person = await createPerson(app);
  const { token } = await withSystem(app.db, 'cli', (tx) => mintLoginLink(tx, person.id));
  expect((await open(token)).status).toBe(303);
});

test('no token reaches the log', async () => {
  const token = await linkOf((await createPerson(app)).email);
  await open(token);
  expect(app.log.join()).not.toContain(token);
});
