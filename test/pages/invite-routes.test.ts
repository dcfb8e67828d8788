import { declineInvite, revokeInvite } from '../../src/domain/onboarding/close-invite';
import { lockInvite } from '../../src/domain/onboarding/invites';
import { resendInvite } from '../../src/domain/onboarding/resend-invite';
import { deactivateAccount } from '../../src/domain/identity/accounts';
import type { InviteRow } from '../../src/domain/onboarding/invites';
import type { Tx } from '../../src/platform/db';
import { startPageApp } from './page-app';
import type { PageApp, TestInvite } from './page-app';
import { formTokenOf, guestOf, visitorOf } from './visitor';
import type { Guest } from './visitor';

const password = 'seven quiet boats at dusk';
const answers = { name: 'Mara Lund', sign_in: 'password', password, accept_terms: 'true' };
const source = { ip: null, userAgent: null };

let app: PageApp;
let guest: Guest;

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
  guest = guestOf(app.url);
});

const withLocked = (
  invite: TestInvite,
  fn: (tx: Tx, row: InviteRow) => Promise<unknown>,
): Promise<unknown> => app.act(async (tx) => fn(tx, await lockInvite(tx, invite.id)));

describe('GET /invite/{token}', () => {
  it('says who invites to what, with the headers of every page and a fresh nonce each time', async () => {
    const invite = await app.invite({ name: 'Mara "M" Lund' });
    const page = await guest.open(invite);
    expect(page.text).toContain('Nordlicht Handel GmbH');
    expect(page.text).toContain('value="Mara &quot;M&quot; Lund"');
    expect(page.text).not.toContain(invite.email);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const nonces = [page, await guest.open(invite)].map(
      (seen) => /'nonce-([^']+)'/.exec(seen.headers.get('content-security-policy') ?? '')?.[1],
    );
    expect(new Set(nonces).size).toBe(2);
    expect(page.text).toContain(`nonce="${nonces[0]!}"`);
  });

  it('changes nothing: not a row differs after ten GET and HEAD of an open, an old and an unknown link', async () => {
    const [fresh, old] = [await app.invite(), await app.invite()];
    await app.run(
      `update invites set expires_at = now() - interval '1 hour' where id = $1`,
      old.id,
    );
    const before = await app.snapshot();
    for (const path of [fresh.path, old.path, '/invite/unknown', '/invite', '/terms']) {
      await guest.get(path);
      await guest.head(path);
    }
    expect(await app.snapshot()).toEqual(before);
    expect((await guest.head(fresh.path)).status).toBe(200);
  });

  it.each([
    ['unknown', '/invite/tGx5uV0m1c4qkQ9bYw2rN8sJ6eHd3aLfZpTiKoRyWvM'],
    ['cut off in the middle of a character', '/invite/%E0%A4%A'],
    ['no token at all', '/invite/..%2f..%2fetc%2fpasswd'],
    ['far too long', `/invite/${'a'.repeat(5000)}`],
  ])('answers 404 to a link that is %s', async (_what, path) => {
    const page = await guest.get(path);
    expect([page.status, page.heading]).toEqual([404, 'We do not know this link']);
  });

  it('answers 410 with the moment to an expired link, and a form that asks for a new one', async () => {
    const invite = await app.invite();
    await app.run(
      `update invites set expires_at = '2026-03-04T05:06:00Z' where id = $1`,
      invite.id,
    );
    const page = await guest.get(invite.path);
    expect([page.status, page.heading]).toEqual([410, 'This invite has expired']);
    expect(page.text).toContain('datetime="2026-03-04T05:06:00.000Z"');
    expect(page.text).toContain('value="request-new-link"');
  });

  it('answers 410 with the moment to a link that a newer one replaced; the newer one works', async () => {
    const invite = await app.invite();
    await app.run('update invites set last_sent_at = null where id = $1', invite.id);
    const resent = (await withLocked(invite, (tx, row) =>
      resendInvite(tx, app.deps, row, 'system:test'),
    )) as { link: string };
    const page = await guest.get(invite.path);
    expect([page.status, page.heading]).toEqual([410, 'There is a newer link']);
    expect(page.text).toContain('value="request-new-link"');
    expect((await guest.get(new URL(resent.link).pathname)).status).toBe(200);
  });

  it('answers 410 to a revoked and to a declined link, without a form that could not help', async () => {
    const [revoked, declined] = [await app.invite(), await app.invite()];
    await withLocked(revoked, (tx, row) => revokeInvite(tx, app.deps, row, 'system:test'));
    await withLocked(declined, (tx, row) =>
      declineInvite(tx, app.deps, row, { reason: undefined, sourceIp: '127.0.0.1' }),
    );
    const pages = [await guest.get(revoked.path), await guest.get(declined.path)];
    expect(pages.map(({ status }) => status)).toEqual([410, 410]);
    expect(pages.map(({ heading }) => heading)).toEqual([
      'This invite was withdrawn',
      'This invite was declined',
    ]);
    for (const { text } of pages) expect(text).not.toContain('<form');
  });

  it('answers 409 to a used link; who accepted it is shown the way to the progress', async () => {
    const invite = await app.invite();
    expect((await guest.send(invite, { ...answers, action: 'accept' })).status).toBe(303);
    const mine = await guest.get(invite.path);
    expect([mine.status, mine.heading]).toEqual([409, 'This invite has already been accepted']);
    expect(mine.text).toContain('href="/onboarding/progress"');
    const other = await visitorOf(app.url).get(invite.path);
    expect(other.status).toBe(409);
    expect(other.text).not.toContain('href="/onboarding/progress"');
    expect(other.text).toContain('href="/sign-in"');
  });

  it.each(['suspended', 'archived'])('answers 409 while the tenant is %s', async (status) => {
    const invite = await app.invite();
    await app.run('update tenants set status = $2 where id = $1', invite.tenantId, status);
    const page = await guest.get(invite.path);
    expect([page.status, page.heading]).toEqual([
      409,
      'This invite cannot be accepted at the moment',
    ]);
  });

  it('answers 409 to an invite that waits for its roll-out stage', async () => {
    const invite = await app.invite();
    await app.run('update invites set held = true where id = $1', invite.id);
    expect((await guest.get(invite.path)).status).toBe(409);
  });

  it('asks for the account that the address has, with the ways in that it really has', async () => {
    const [plain, closed] = [await app.invite(), await app.invite()];
    const linked = await app.invite({ email: 'kim@known.example' });
    await app.account(plain.email, password);
    await app.account(linked.email);
    const userId = await app.account(closed.email, password);
    await app.act((tx) => deactivateAccount(tx, userId, 'system:test', source));

    const page = await guest.open(plain);
    expect(page.text).toContain('autocomplete="current-password"');
    expect(page.text).toContain('value="login-link"');
    expect(page.text).not.toContain('/auth/oidc/');
    const sso = await guest.open(linked);
    expect(sso.text).not.toContain('autocomplete="current-password"');
    const links = [...sso.text.matchAll(/href="(\/auth\/[^"]+)"/g)].map(([, href]) => href);
    expect(links).toEqual([`/auth/oidc/nordlicht?invite=${linked.token}`]);
    expect((await guest.get(closed.path)).status).toBe(409);
  });

  it('asks the person who is signed in for the terms only', async () => {
    const invite = await app.invite();
    guest.cookies.set('usher_session', await app.session(await app.account(invite.email)));
    const page = await guest.open(invite);
    expect(page.heading).toContain('Nordlicht');
    expect(page.text).not.toMatch(/name="password"|name="name"/);
    expect(
      (await guest.send(invite, { accept_terms: 'true', action: 'accept' }, page)).status,
    ).toBe(303);
  });
});

describe('POST /invite/{token}: the form', () => {
  it('answers 403 to a form without its signed token, with that of another link, or after 24 hours', async () => {
    const [invite, other] = [await app.invite(), await app.invite()];
    const [page, foreign] = [await guest.open(invite), await guest.open(other)];
    const fields = { ...answers, action: 'accept' };
    const refused = [
      await guest.post(invite.path, fields),
      await guest.post(invite.path, { ...fields, form_token: 'x.y' }),
      await guest.send(invite, fields, foreign),
      await guest.send(invite, { ...answers, action: 'destroy' }, page),
      await guest.send(invite, answers, page),
    ];
    app.later(24 * 3_600_000);
    refused.push(await guest.send(invite, fields, page));
    for (const answer of refused) {
      expect([answer.status, answer.heading]).toEqual([403, 'This form is no longer valid']);
      expect(answer.text).toContain(`href="${invite.path}"`);
    }
    expect((await guest.send(invite, fields)).status).toBe(303);
  });

  it('refuses a form that another site sent, and takes one from a browser that cannot tell', async () => {
    const invite = await app.invite();
    const fields = {
      ...answers,
      form_token: formTokenOf(await guest.open(invite)),
      action: 'accept',
    };
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: app.url },
      { origin: 'https://evil.example' },
    ] as Record<string, string>[]) {
      const answer = await guest.post(invite.path, fields, headers);
      expect([answer.status, answer.heading]).toEqual([403, 'This form is no longer valid']);
    }
    expect((await guest.post(invite.path, fields, { origin: 'null' })).status).toBe(303);
  });

  it('answers 413 above 64 KiB, 415 to an unknown encoding and 403 to JSON, each with a page', async () => {
    const invite = await app.invite();
    const form_token = formTokenOf(await guest.open(invite));
    const large = await guest.post(invite.path, { form_token, name: 'x'.repeat(65_536) });
    expect([large.status, large.lang]).toEqual([413, 'en']);
    const odd = await guest.post(invite.path, 'a=b', {
      'content-type': 'application/x-www-form-urlencoded; charset=utf-7',
    });
    expect([odd.status, odd.lang]).toEqual([415, 'en']);
    const json = await guest.post(invite.path, JSON.stringify({ form_token, action: 'accept' }), {
      'content-type': 'application/json',
    });
    expect(json.status).toBe(403);
  });

  it('reads a field that is given twice, or with a name of an object’s own, as missing', async () => {
    const invite = await app.invite();
    const form_token = formTokenOf(await guest.open(invite));
    const twice = `form_token=${form_token}&form_token=${form_token}&action=accept`;
    expect((await guest.post(invite.path, twice)).status).toBe(403);
    const odd = `form_token=${form_token}&action=constructor&__proto__=x&toString=y`;
    expect((await guest.post(invite.path, odd)).status).toBe(403);
  });
});

describe('POST /invite/{token}: decline', () => {
  it('tells the tenant’s name and keeps the reason; the same form again is no error', async () => {
    const invite = await app.invite();
    const page = await guest.open(invite);
    const fields = { action: 'decline', reason: ' Not\r\nnow \u202e ' };
    const [first, second] = [
      await guest.send(invite, fields, page),
      await guest.send(invite, fields, page),
    ];
    for (const answer of [first, second]) {
      expect([answer.status, answer.heading]).toEqual([200, 'You have declined the invite']);
      expect(answer.text).toContain('Nordlicht Handel GmbH');
    }
    const row = await app.one(
      'select status, declined_reason from invites where id = $1',
      invite.id,
    );
    expect(row).toEqual({ status: 'declined', declined_reason: 'Not\nnow' });
    const later = await guest.send(invite, { ...answers, action: 'accept' }, page);
    expect([later.status, later.heading]).toEqual([410, 'This invite was declined']);
  });

  it('answers 422 to a reason that is too long, and keeps it', async () => {
    const invite = await app.invite();
    const page = await guest.send(invite, { action: 'decline', reason: 'no '.repeat(200) });
    expect(page.status).toBe(422);
    expect(page.text).toContain('<a href="#reason">The reason is too long.');
    expect(page.text).toContain('no no no');
    const { status } = await app.one<{ status: string }>(
      'select status from invites where id = $1',
      invite.id,
    );
    expect(status).toBe('invited');
  });
});

describe('POST /invite/{token}: request-new-link', () => {
  it('tells the sender once, whatever the link was', async () => {
    const invite = await app.invite();
    await app.run(
      'update invites set inviter_user_id = $2 where id = $1',
      invite.id,
      await app.account('boss@x.example'),
    );
    await app.run(
      `update invites set expires_at = now() - interval '1 minute' where id = $1`,
      invite.id,
    );
    const page = await guest.get(invite.path);
    for (let n = 0; n < 2; n += 1) {
      const answer = await guest.send(invite, { action: 'request-new-link' }, page);
      expect([answer.status, answer.heading]).toEqual([200, 'Your request has been noted']);
    }
    const { mails } = await app.one<{ mails: number }>(
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
    const answer = await guest.send(invite, { action: 'login-link' });
    expect([answer.status, answer.heading]).toEqual([200, 'Check your mailbox']);
    const { mails } = await app.one<{ mails: number }>(
      `select count(*)::int as mails from mails where kind = 'login-link' and user_id = $1`,
      userId,
    );
    expect(mails).toBe(1);
    guest.cookies.set('usher_session', await app.session(userId));
    const landed = await guest.get('/onboarding/progress');
    expect([landed.status, landed.location]).toEqual([303, invite.path]);
    expect(guest.cookies.has('usher_back')).toBe(false);
    expect((await guest.get(invite.path)).text).toContain('Accept with your account');
  });

  it('mails nobody who has no account', async () => {
    const invite = await app.invite();
    const answer = await guest.send(invite, { action: 'login-link' });
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
    const page = await guest.open(invite);
    expect((await guest.send(invite, { action: 'accept' }, page)).lang).toBe('de');
    const declined = await guest.send(invite, { action: 'decline' }, page);
    expect([declined.lang, declined.heading]).toEqual(['de', 'Sie haben die Einladung abgelehnt']);
  });
});

describe('what is logged', () => {
  it('never holds a token, an address or a password', async () => {
    const invite = await app.invite();
    await guest.send(invite, { ...answers, action: 'accept' });
    await guest.get(invite.path);
    const log = app.logs.join('');
    for (const secret of [invite.token, invite.email, password]) expect(log).not.toContain(secret);
  });
});
