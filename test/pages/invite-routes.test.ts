import { randomBytes } from 'node:crypto';
import {
  declineInvite,
  lockInvite,
  resendInvite,
  revokeInvite,
} from '../../src/domain/onboarding/invites';
import { deactivateAccount } from '../../src/domain/identity/accounts';
import { startPageApp } from './page-app';
import type { PageApp, TestInvite } from './page-app';
import { formTokenOf, visitorOf } from './visitor';
import type { Seen, Visitor } from './visitor';

const password = 'seven quiet boats at dusk';
const answers = { name: 'Mara Lund', sign_in: 'password', password, accept_terms: 'true' };
const source = { ip: null, userAgent: null };

let app: PageApp;
let visitor: Visitor;

beforeAll(async () => {
  app = await startPageApp({
    env: {
      OIDC_ISSUERS: JSON.stringify(
        [
          ['nordlicht', 'customer', 'sso-client', 'known.example'],
          ['elsewhere', 'customer', 'sso-client', 'other.example'],
          ['staff', 'operator', 'sso-client', 'known.example'],
          ['tokens-only', 'customer', undefined, 'known.example'],
        ].map(([name, surface, client, domain]) => ({
          name,
          issuer: `https://${String(name)}.example`,
          ...(client ? { client_id: client } : {}),
          audiences: { 'sso-client': surface },
          authoritative_domains: [domain],
        })),
      ),
    },
  });
});

afterAll(async () => {
  await app.close();
});

beforeEach(() => {
  visitor = visitorOf(app.url);
});

const withLocked = (invite: TestInvite, fn: Parameters<typeof lockedThen>[1]): Promise<unknown> =>
  lockedThen(invite, fn);
async function lockedThen(
  invite: TestInvite,
  fn: (
    tx: Parameters<typeof lockInvite>[0],
    row: Awaited<ReturnType<typeof lockInvite>>,
  ) => Promise<unknown>,
): Promise<unknown> {
  return app.act(async (tx) => fn(tx, await lockInvite(tx, invite.id)));
}
async function update(sql: string, ...params: unknown[]): Promise<void> {
  await app.act((tx) => tx.run(sql, params));
}
async function one<R extends object>(sql: string, ...params: unknown[]): Promise<R> {
  return app.act((tx) => tx.one<R & Record<string, unknown>>(sql, params));
}
async function open(invite: TestInvite): Promise<Seen> {
  const page = await visitor.get(invite.path);
  expect(page.status).toBe(200);
  return page;
}
async function send(
  invite: TestInvite,
  fields: Record<string, string>,
  page?: Seen,
): Promise<Seen> {
  const form_token = formTokenOf(page ?? (await open(invite)));
  return visitor.post(invite.path, { form_token, ...fields });
}

describe('GET /invite/{token}', () => {
  it('says who invites to what, with the headers of every page and a fresh nonce each time', async () => {
    const invite = await app.invite({ name: 'Mara "M" Lund' });
    const page = await open(invite);
    expect(page.text).toContain('Nordlicht Handel GmbH');
    expect(page.text).toContain('value="Mara &quot;M&quot; Lund"');
    expect(page.text).not.toContain(invite.email);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const nonces = [page, await open(invite)].map(
      (seen) => /'nonce-([^']+)'/.exec(seen.headers.get('content-security-policy') ?? '')?.[1],
    );
    expect(new Set(nonces).size).toBe(2);
    expect(page.text).toContain(`nonce="${nonces[0]!}"`);
  });

  it('changes nothing: not a row differs after ten GET and HEAD of an open, an old and an unknown link', async () => {
    const [fresh, old] = [await app.invite(), await app.invite()];
    await update(`update invites set expires_at = now() - interval '1 hour' where id = $1`, old.id);
    const before = await app.snapshot();
    for (const path of [fresh.path, old.path, '/invite/unknown', '/invite', '/terms']) {
      await visitor.get(path);
      await visitor.head(path);
    }
    expect(await app.snapshot()).toEqual(before);
    expect((await visitor.head(fresh.path)).status).toBe(200);
  });

  it.each([
    ['unknown', '/invite/tGx5uV0m1c4qkQ9bYw2rN8sJ6eHd3aLfZpTiKoRyWvM'],
    ['cut off in the middle of a character', '/invite/%E0%A4%A'],
    ['no token at all', '/invite/..%2f..%2fetc%2fpasswd'],
    ['far too long', `/invite/${'a'.repeat(5000)}`],
  ])('answers 404 to a link that is %s', async (_what, path) => {
    const page = await visitor.get(path);
    expect([page.status, page.heading]).toEqual([404, 'We do not know this link']);
  });

  it('answers 410 with the moment to an expired link, and a form that asks for a new one', async () => {
    const invite = await app.invite();
    await update(`update invites set expires_at = '2026-03-04T05:06:00Z' where id = $1`, invite.id);
    const page = await visitor.get(invite.path);
    expect([page.status, page.heading]).toEqual([410, 'This invite has expired']);
    expect(page.text).toContain('datetime="2026-03-04T05:06:00.000Z"');
    expect(page.text).toContain('value="request-new-link"');
  });

  it('answers 410 with the moment to a link that a newer one replaced; the newer one works', async () => {
    const invite = await app.invite();
    await update('update invites set last_sent_at = null where id = $1', invite.id);
    const resent = (await withLocked(invite, (tx, row) =>
      resendInvite(tx, app.deps, row, 'system:test'),
    )) as { link: string };
    const page = await visitor.get(invite.path);
    expect([page.status, page.heading]).toEqual([410, 'There is a newer link']);
    expect(page.text).toContain('value="request-new-link"');
    expect((await visitor.get(new URL(resent.link).pathname)).status).toBe(200);
  });

  it('answers 410 to a revoked and to a declined link, without a form that could not help', async () => {
    const [revoked, declined] = [await app.invite(), await app.invite()];
    await withLocked(revoked, (tx, row) => revokeInvite(tx, app.deps, row, 'system:test'));
    await withLocked(declined, (tx, row) =>
      declineInvite(tx, app.deps, row, { reason: undefined, sourceIp: '127.0.0.1' }),
    );
    const pages = [await visitor.get(revoked.path), await visitor.get(declined.path)];
    expect(pages.map(({ status }) => status)).toEqual([410, 410]);
    expect(pages.map(({ heading }) => heading)).toEqual([
      'This invite was withdrawn',
      'This invite was declined',
    ]);
    for (const { text } of pages) expect(text).not.toContain('<form');
  });

  it('answers 409 to a used link; who accepted it is shown the way to the progress', async () => {
    const invite = await app.invite();
    expect((await send(invite, { ...answers, action: 'accept' })).status).toBe(303);
    const mine = await visitor.get(invite.path);
    expect([mine.status, mine.heading]).toEqual([409, 'This invite has already been accepted']);
    expect(mine.text).toContain('href="/onboarding/progress"');
    const other = await visitorOf(app.url).get(invite.path);
    expect(other.status).toBe(409);
    expect(other.text).not.toContain('href="/onboarding/progress"');
    expect(other.text).toContain('href="/sign-in"');
  });

  it.each(['suspended', 'archived'])('answers 409 while the tenant is %s', async (status) => {
    const invite = await app.invite();
    await update('update tenants set status = $2 where id = $1', invite.tenantId, status);
    const page = await visitor.get(invite.path);
    expect([page.status, page.heading]).toEqual([
      409,
      'This invite cannot be accepted at the moment',
    ]);
  });

  it('answers 409 to an invite that waits for its roll-out stage', async () => {
    const invite = await app.invite();
    await update('update invites set held = true where id = $1', invite.id);
    expect((await visitor.get(invite.path)).status).toBe(409);
  });

  it('asks for the account that the address has, with the ways in that it really has', async () => {
    const [plain, closed] = [await app.invite(), await app.invite()];
    const linked = await app.invite({ email: 'kim@known.example' });
    await app.account(plain.email, password);
    await app.account(linked.email);
    const userId = await app.account(closed.email, password);
    await app.act((tx) => deactivateAccount(tx, userId, 'system:test', source));

    const page = await open(plain);
    expect(page.text).toContain('autocomplete="current-password"');
    expect(page.text).toContain('value="login-link"');
    expect(page.text).not.toContain('/auth/oidc/');
    const sso = await open(linked);
    expect(sso.text).not.toContain('autocomplete="current-password"');
    const links = [...sso.text.matchAll(/href="(\/auth\/[^"]+)"/g)].map(([, href]) => href);
    expect(links).toEqual([`/auth/oidc/nordlicht?invite=${linked.token}`]);
    expect((await visitor.get(closed.path)).status).toBe(409);
  });

  it('asks the person who is signed in for the terms only', async () => {
    const invite = await app.invite();
    visitor.cookies.set('usher_session', await app.session(await app.account(invite.email)));
    const page = await open(invite);
    expect(page.heading).toContain('Nordlicht');
    expect(page.text).not.toMatch(/name="password"|name="name"/);
    expect((await send(invite, { accept_terms: 'true', action: 'accept' }, page)).status).toBe(303);
  });
});

describe('POST /invite/{token}: accept', () => {
  it('leads on to the progress with a cookie for it, and no session', async () => {
    const invite = await app.invite();
    const answer = await send(invite, { ...answers, action: 'accept' });
    expect([answer.status, answer.location]).toEqual([303, '/onboarding/progress']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const [cookie] = answer.headers.getSetCookie();
    expect(cookie).toMatch(
      /^usher_onboarding=[^;]+;.*Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
    );
    expect(visitor.cookies.has('usher_session')).toBe(false);
    const stored = await one<{ name: string; hashed: boolean; state: string; version: string }>(
      `select u.name, u.password_hash is not null as hashed, o.state, i.terms_version as version
       from invites i join onboardings o on o.invite_id = i.id join users u on u.id = o.user_id
       where i.id = $1 and i.opened_at is not null and i.terms_ip is not null`,
      invite.id,
    );
    expect(stored).toEqual({
      name: 'Mara Lund',
      hashed: true,
      state: 'email_confirmed',
      version: '1',
    });
    const progress = await visitor.get('/onboarding/progress');
    expect(progress.status).toBe(200);
  });

  it('makes an account without a password when a link by mail is chosen', async () => {
    const invite = await app.invite();
    const fields = { ...answers, sign_in: 'link', password: '', action: 'accept' };
    expect((await send(invite, fields)).status).toBe(303);
    const { hash } = await one<{ hash: string | null }>(
      'select password_hash as hash from users where email = $1',
      invite.email,
    );
    expect(hash).toBeNull();
  });

  it('names everything that is wrong at once with 422, keeps what was typed, and burns nothing', async () => {
    const invite = await app.invite();
    const wrong = {
      name: ' \u200b ',
      sign_in: 'password',
      password: 'tiny-secret',
      action: 'accept',
    };
    const page = await send(invite, wrong);
    expect(page.status).toBe(422);
    for (const field of ['name', 'password', 'accept_terms']) {
      expect(page.text).toContain(`<a href="#${field}">`);
    }
    expect(page.text).not.toContain('tiny-secret');
    const again = await send(invite, { ...answers, action: 'accept' }, page);
    expect(again.status).toBe(303);
  });

  it.each([
    ['password-required', ''],
    ['password-too-short', 'seven boats'],
    ['password-common', 'passwordpasswordpassword'],
    ['password-personal', 'we all love nordlicht boats'],
    ['password-too-long', 'a b c d e '.repeat(110)],
  ])('refuses a password for %s', async (code, bad) => {
    const page = await send(await app.invite(), { ...answers, password: bad, action: 'accept' });
    expect(page.status).toBe(422);
    const told: Record<string, string> = {
      'password-required': 'Enter a password.',
      'password-too-short': 'The password is too short. Use at least 15 characters.',
      'password-common': 'This password is widely known',
      'password-personal': 'The password contains your name',
      'password-too-long': 'The password is too long.',
    };
    expect(page.text).toContain(`<a href="#password">${told[code]!}`);
  });

  it('takes hostile names in without harm, and refuses endless ones', async () => {
    const invite = await app.invite();
    const long = await send(invite, { ...answers, name: 'W'.repeat(5000), action: 'accept' });
    expect(long.status).toBe(422);
    expect(long.text).toContain('The name is too long.');
    const name = `<script>alert(1)</script>\u0000\r\nBcc: x@evil.example\u202egnp.exe '); drop table users; --`;
    expect((await send(invite, { ...answers, name, action: 'accept' }, long)).status).toBe(303);
    const stored = await one<{ name: string }>(
      'select name from users where email = $1',
      invite.email,
    );
    expect(stored.name).toBe(
      `<script>alert(1)</script> Bcc: x@evil.examplegnp.exe '); drop table users; --`,
    );
  });

  it('leads on again who sends the same form once more because its answer was lost', async () => {
    const invite = await app.invite();
    const page = await open(invite);
    const first = await send(invite, { ...answers, action: 'accept' }, page);
    visitor.cookies.clear();
    const second = await send(invite, { name: 'Other', accept_terms: '', action: 'accept' }, page);
    expect([first.status, second.status, second.location]).toEqual([
      303,
      303,
      '/onboarding/progress',
    ]);
    expect((await visitor.get('/onboarding/progress')).status).toBe(200);
  });

  it('never leads on by another form of the same link', async () => {
    const invite = await app.invite();
    const [mine, theirs] = [await open(invite), await open(invite)];
    await send(invite, { ...answers, action: 'accept' }, mine);
    visitor.cookies.clear();
    const answer = await send(invite, { ...answers, action: 'accept' }, theirs);
    expect(answer.status).toBe(409);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it('makes one account of 20 parallel sendings of one form, and leads every one of them on', async () => {
    const invite = await app.invite();
    const page = await open(invite);
    const sent = await Promise.all(
      Array.from({ length: 20 }, () => send(invite, { ...answers, action: 'accept' }, page)),
    );
    expect(sent.map(({ status }) => status)).toEqual(Array(20).fill(303));
    expect(sent.every(({ headers }) => headers.getSetCookie().length === 1)).toBe(true);
    const { accounts, accepts } = await one<{ accounts: number; accepts: number }>(
      `select (select count(*)::int from users where email = $1) as accounts,
         (select count(*)::int from audit_entries where action = 'invite.accepted' and tenant_id = $2) as accepts`,
      invite.email,
      invite.tenantId,
    );
    expect([accounts, accepts]).toEqual([1, 1]);
  });

  it('has one winner among 20 parallel sendings of different forms', async () => {
    const invite = await app.invite();
    const forms = await Promise.all(Array.from({ length: 20 }, () => open(invite)));
    const sent = await Promise.all(
      forms.map((page) => send(invite, { ...answers, action: 'accept' }, page)),
    );
    const statuses = sent.map(({ status }) => status).sort();
    expect(statuses).toEqual([303, ...Array<number>(19).fill(409)]);
  });

  it('takes the password of an existing account, tells a wrong one, and never sets one', async () => {
    const invite = await app.invite();
    await app.account(invite.email, password);
    const fields = { accept_terms: 'true', action: 'accept' };
    const wrong = await send(invite, { ...fields, password: 'some other words here' });
    expect(wrong.status).toBe(422);
    expect(wrong.text).toContain('This is not the password of the account.');
    const none = await send(invite, { ...fields, password: '' }, wrong);
    expect(none.text).toContain('Enter a password.');
    const before = await one('select password_hash from users where email = $1', invite.email);
    expect((await send(invite, { ...fields, password }, none)).status).toBe(303);
    expect(await one('select password_hash from users where email = $1', invite.email)).toEqual(
      before,
    );
    expect(visitor.cookies.has('usher_session')).toBe(false);
  });

  it('answers 403 when somebody else is signed in by now; signing out leads back to the invite', async () => {
    const invite = await app.invite();
    const [owner, other] = [await app.account(invite.email), await app.account('else@x.example')];
    visitor.cookies.set('usher_session', await app.session(owner));
    const page = await open(invite);
    visitor.cookies.set('usher_session', await app.session(other));
    const answer = await send(invite, { accept_terms: 'true', action: 'accept' }, page);
    expect([answer.status, answer.heading]).toEqual([403, 'This invite is for another account']);
    const out = await visitor.post('/sign-out', { form_token: formTokenOf(answer) });
    expect([out.status, out.location]).toEqual([303, invite.path]);
    expect(visitor.cookies.size).toBe(0);
    expect((await visitor.get(invite.path)).text).toContain('You already have an account');
  });

  it('asks for the account again when its session ended while the form was open', async () => {
    const invite = await app.invite();
    visitor.cookies.set(
      'usher_session',
      await app.session(await app.account(invite.email, password)),
    );
    const page = await open(invite);
    visitor.cookies.clear();
    const answer = await send(invite, { accept_terms: 'true', action: 'accept' }, page);
    expect(answer.status).toBe(422);
    expect(answer.text).toContain('autocomplete="current-password"');
  });

  it('says what holds now when the invite was revoked while the form was open', async () => {
    const invite = await app.invite();
    const page = await open(invite);
    await withLocked(invite, (tx, row) => revokeInvite(tx, app.deps, row, 'system:test'));
    const answer = await send(invite, { ...answers, action: 'accept' }, page);
    expect([answer.status, answer.heading]).toEqual([410, 'This invite was withdrawn']);
  });

  it('answers 409 when the inviter lost the right to invite', async () => {
    const invite = await app.invite();
    await update(`update invites set invited_by = 'user:${randomUuid()}' where id = $1`, invite.id);
    const answer = await send(invite, { ...answers, action: 'accept' });
    expect([answer.status, answer.heading]).toEqual([
      409,
      'This invite cannot be accepted at the moment',
    ]);
  });
});

describe('POST /invite/{token}: the form', () => {
  it('answers 403 to a form without its signed token, with that of another link, or after 24 hours', async () => {
    const [invite, other] = [await app.invite(), await app.invite()];
    const [page, foreign] = [await open(invite), await open(other)];
    const fields = { ...answers, action: 'accept' };
    const refused = [
      await visitor.post(invite.path, fields),
      await visitor.post(invite.path, { ...fields, form_token: 'x.y' }),
      await send(invite, fields, foreign),
      await send(invite, { ...answers, action: 'destroy' }, page),
      await send(invite, answers, page),
    ];
    app.later(24 * 3_600_000);
    refused.push(await send(invite, fields, page));
    for (const answer of refused) {
      expect([answer.status, answer.heading]).toEqual([403, 'This form is no longer valid']);
      expect(answer.text).toContain(`href="${invite.path}"`);
    }
    expect((await send(invite, fields)).status).toBe(303);
  });

  it('refuses a form that another site sent, and takes one from a browser that cannot tell', async () => {
    const invite = await app.invite();
    const fields = { ...answers, form_token: formTokenOf(await open(invite)), action: 'accept' };
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: app.url },
      { origin: 'https://evil.example' },
    ] as Record<string, string>[]) {
      const answer = await visitor.post(invite.path, fields, headers);
      expect([answer.status, answer.heading]).toEqual([403, 'This form is no longer valid']);
    }
    expect((await visitor.post(invite.path, fields, { origin: 'null' })).status).toBe(303);
  });

  it('answers 413 above 64 KiB, 415 to an unknown encoding and 403 to JSON, each with a page', async () => {
    const invite = await app.invite();
    const form_token = formTokenOf(await open(invite));
    const large = await visitor.post(invite.path, { form_token, name: 'x'.repeat(65_536) });
    expect([large.status, large.lang]).toEqual([413, 'en']);
    const odd = await visitor.post(invite.path, 'a=b', {
      'content-type': 'application/x-www-form-urlencoded; charset=utf-7',
    });
    expect([odd.status, odd.lang]).toEqual([415, 'en']);
    const json = await visitor.post(invite.path, JSON.stringify({ form_token, action: 'accept' }), {
      'content-type': 'application/json',
    });
    expect(json.status).toBe(403);
  });

  it('reads a field that is given twice, or with a name of an object’s own, as missing', async () => {
    const invite = await app.invite();
    const form_token = formTokenOf(await open(invite));
    const twice = `form_token=${form_token}&form_token=${form_token}&action=accept`;
    expect((await visitor.post(invite.path, twice)).status).toBe(403);
    const odd = `form_token=${form_token}&action=constructor&__proto__=x&toString=y`;
    expect((await visitor.post(invite.path, odd)).status).toBe(403);
  });
});

describe('POST /invite/{token}: decline', () => {
  it('tells the tenant’s name and keeps the reason; the same form again is no error', async () => {
    const invite = await app.invite();
    const page = await open(invite);
    const fields = { action: 'decline', reason: ' Not\r\nnow \u202e ' };
    const [first, second] = [await send(invite, fields, page), await send(invite, fields, page)];
    for (const answer of [first, second]) {
      expect([answer.status, answer.heading]).toEqual([200, 'You have declined the invite']);
      expect(answer.text).toContain('Nordlicht Handel GmbH');
    }
    const row = await one('select status, declined_reason from invites where id = $1', invite.id);
    expect(row).toEqual({ status: 'declined', declined_reason: 'Not\nnow' });
    const later = await send(invite, { ...answers, action: 'accept' }, page);
    expect([later.status, later.heading]).toEqual([410, 'This invite was declined']);
  });

  it('answers 422 to a reason that is too long, and keeps it', async () => {
    const invite = await app.invite();
    const page = await send(invite, { action: 'decline', reason: 'no '.repeat(200) });
    expect(page.status).toBe(422);
    expect(page.text).toContain('<a href="#reason">The reason is too long.');
    expect(page.text).toContain('no no no');
    const { status } = await one<{ status: string }>(
      'select status from invites where id = $1',
      invite.id,
    );
    expect(status).toBe('invited');
  });
});

describe('POST /invite/{token}: request-new-link', () => {
  it('tells the sender once, whatever the link was', async () => {
    const invite = await app.invite();
    await update(
      'update invites set inviter_user_id = $2 where id = $1',
      invite.id,
      await app.account('boss@x.example'),
    );
    await update(
      `update invites set expires_at = now() - interval '1 minute' where id = $1`,
      invite.id,
    );
    const page = await visitor.get(invite.path);
    for (let n = 0; n < 2; n += 1) {
      const answer = await send(invite, { action: 'request-new-link' }, page);
      expect([answer.status, answer.heading]).toEqual([200, 'Your request has been noted']);
    }
    const { mails } = await one<{ mails: number }>(
      `select count(*)::int as mails from mails where invite_id = $1 and kind = 'new-link-requested'`,
      invite.id,
    );
    expect(mails).toBe(1);
  });
});

describe('POST /invite/{token}: login-link', () => {
  it('mails a link to the account’s address, and signing in leads back to the invite', async () => {
    const invite = await app.invite();
    const userId = await app.account(invite.email);
    const answer = await send(invite, { action: 'login-link' });
    expect([answer.status, answer.heading]).toEqual([200, 'Look into your mailbox']);
    const { mails } = await one<{ mails: number }>(
      `select count(*)::int as mails from mails where kind = 'login-link' and user_id = $1`,
      userId,
    );
    expect(mails).toBe(1);
    visitor.cookies.set('usher_session', await app.session(userId));
    const landed = await visitor.get('/onboarding/progress');
    expect([landed.status, landed.location]).toEqual([303, invite.path]);
    expect(visitor.cookies.has('usher_back')).toBe(false);
    expect((await visitor.get(invite.path)).text).toContain('Accept with your account');
  });

  it('mails nobody who has no account', async () => {
    const invite = await app.invite();
    const answer = await send(invite, { action: 'login-link' });
    expect([answer.status, answer.location]).toEqual([303, invite.path]);
  });
});

describe('the language', () => {
  it('is the one asked for, then the one chosen before, then the invite’s, then the browser’s', async () => {
    const invite = await app.invite({ locale: 'ru' });
    const german = visitorOf(app.url, { 'accept-language': 'de-AT,en;q=0.5' });
    expect((await german.get('/invite')).lang).toBe('de');
    expect((await german.get(invite.path)).lang).toBe('ru');
    const asked = await german.get(`${invite.path}?lang=en`);
    expect(asked.lang).toBe('en');
    expect(asked.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^usher_language=en; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/),
    ]);
    expect((await german.get(invite.path)).lang).toBe('en');
    expect((await german.get('/sign-in')).lang).toBe('en');
    expect((await german.get(`${invite.path}?lang=xx&lang=de`)).lang).toBe('en');
  });

  it('stays through a form with mistakes, and on pages that only tell something', async () => {
    const invite = await app.invite({ locale: 'de' });
    const page = await open(invite);
    expect((await send(invite, { action: 'accept' }, page)).lang).toBe('de');
    const declined = await send(invite, { action: 'decline' }, page);
    expect([declined.lang, declined.heading]).toEqual(['de', 'Sie haben die Einladung abgelehnt']);
  });
});

describe('what is logged', () => {
  it('never holds a token, an address or a password', async () => {
    const invite = await app.invite();
    await send(invite, { ...answers, action: 'accept' });
    await visitor.get(invite.path);
    const log = app.logs.join('');
    for (const secret of [invite.token, invite.email, password]) expect(log).not.toContain(secret);
  });
});

function randomUuid(): string {
  const hex = randomBytes(16).toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join('-');
}
