import { revokeInvite } from '../../src/domain/onboarding/close-invite';
import { lockInvite } from '../../src/domain/onboarding/invites';
import { newId } from '../../src/platform/ids';
import { startPageApp } from './page-app';
import type { PageApp } from './page-app';
import { formTokenOf, guestOf } from './visitor';
import type { Guest } from './visitor';

const password = 'seven quiet boats at dusk';
const answers = { name: 'Mara Lund', sign_in: 'password', password, accept_terms: 'true' };

let app: PageApp;
let guest: Guest;

beforeAll(async () => {
  app = await startPageApp();
});

afterAll(async () => {
  await app.close();
});

beforeEach(() => {
  guest = guestOf(app.url);
});

describe('POST /invite/{token}: accept', () => {
  it('leads on to the progress with a cookie for it, and no session', async () => {
    const invite = await app.invite();
    const answer = await guest.send(invite, { ...answers, action: 'accept' });
    expect([answer.status, answer.location]).toEqual([303, '/onboarding/progress']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const [cookie] = answer.headers.getSetCookie();
    expect(cookie).toMatch(
      /^usher_onboarding=[^;]+;.*Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
    );
    expect(guest.cookies.has('usher_session')).toBe(false);
    const stored = await app.one<{ name: string; hashed: boolean; state: string; version: string }>(
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
    const progress = await guest.get('/onboarding/progress');
    expect(progress.status).toBe(200);
  });

  it('makes an account without a password when a link by mail is chosen', async () => {
    const invite = await app.invite();
    const fields = { ...answers, sign_in: 'link', password: '', action: 'accept' };
    expect((await guest.send(invite, fields)).status).toBe(303);
    const { hash } = await app.one<{ hash: string | null }>(
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
    const page = await guest.send(invite, wrong);
    expect(page.status).toBe(422);
    for (const field of ['name', 'password', 'accept_terms']) {
      expect(page.text).toContain(`<a href="#${field}">`);
    }
    expect(page.text).not.toContain('tiny-secret');
    const again = await guest.send(invite, { ...answers, action: 'accept' }, page);
    expect(again.status).toBe(303);
  });

  it.each([
    ['password-required', ''],
    ['password-too-short', 'seven boats'],
    ['password-common', 'passwordpasswordpassword'],
    ['password-personal', 'we all love nordlicht boats'],
    ['password-too-long', 'a b c d e '.repeat(110)],
  ])('refuses a password for %s', async (code, bad) => {
    const page = await guest.send(await app.invite(), {
      ...answers,
      password: bad,
      action: 'accept',
    });
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
    const long = await guest.send(invite, { ...answers, name: 'W'.repeat(5000), action: 'accept' });
    expect(long.status).toBe(422);
    expect(long.text).toContain('The name is too long.');
    const name = `<script>alert(1)</script>\u0000\r\nBcc: x@evil.example\u202egnp.exe '); drop table users; --`;
    expect((await guest.send(invite, { ...answers, name, action: 'accept' }, long)).status).toBe(
      303,
    );
    const stored = await app.one<{ name: string }>(
      'select name from users where email = $1',
      invite.email,
    );
    expect(stored.name).toBe(
      `<script>alert(1)</script> Bcc: x@evil.examplegnp.exe '); drop table users; --`,
    );
  });

  it('leads on again who sends the same form once more because its answer was lost', async () => {
    const invite = await app.invite();
    const page = await guest.open(invite);
    const first = await guest.send(invite, { ...answers, action: 'accept' }, page);
    guest.cookies.clear();
    const second = await guest.send(
      invite,
      { name: 'Other', accept_terms: '', action: 'accept' },
      page,
    );
    expect([first.status, second.status, second.location]).toEqual([
      303,
      303,
      '/onboarding/progress',
    ]);
    expect((await guest.get('/onboarding/progress')).status).toBe(200);
  });

  it('never leads on by another form of the same link', async () => {
    const invite = await app.invite();
    const [mine, theirs] = [await guest.open(invite), await guest.open(invite)];
    await guest.send(invite, { ...answers, action: 'accept' }, mine);
    guest.cookies.clear();
    const answer = await guest.send(invite, { ...answers, action: 'accept' }, theirs);
    expect(answer.status).toBe(409);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it('makes one account of 20 parallel sendings of one form, and leads every one of them on', async () => {
    const invite = await app.invite();
    const page = await guest.open(invite);
    const sent = await Promise.all(
      Array.from({ length: 20 }, () => guest.send(invite, { ...answers, action: 'accept' }, page)),
    );
    expect(sent.map(({ status }) => status)).toEqual(Array(20).fill(303));
    expect(sent.every(({ headers }) => headers.getSetCookie().length === 1)).toBe(true);
    const { accounts, accepts } = await app.one<{ accounts: number; accepts: number }>(
      `select (select count(*)::int from users where email = $1) as accounts,
         (select count(*)::int from audit_trail where action = 'invite.accepted' and tenant_id = $2) as accepts`,
      invite.email,
      invite.tenantId,
    );
    expect([accounts, accepts]).toEqual([1, 1]);
  });

  it('has one winner among 20 parallel sendings of different forms', async () => {
    const invite = await app.invite();
    const forms = await Promise.all(Array.from({ length: 20 }, () => guest.open(invite)));
    const sent = await Promise.all(
      forms.map((page) => guest.send(invite, { ...answers, action: 'accept' }, page)),
    );
    const statuses = sent.map(({ status }) => status).sort();
    expect(statuses).toEqual([303, ...Array<number>(19).fill(409)]);
  });

  it('takes the password of an existing account, tells a wrong one, and never sets one', async () => {
    const invite = await app.invite();
    await app.account(invite.email, password);
    const fields = { accept_terms: 'true', action: 'accept' };
    const wrong = await guest.send(invite, { ...fields, password: 'some other words here' });
    expect(wrong.status).toBe(422);
    expect(wrong.text).toContain('That is not the password for this account.');
    const none = await guest.send(invite, { ...fields, password: '' }, wrong);
    expect(none.text).toContain('Enter a password.');
    const before = await app.one('select password_hash from users where email = $1', invite.email);
    expect((await guest.send(invite, { ...fields, password }, none)).status).toBe(303);
    expect(await app.one('select password_hash from users where email = $1', invite.email)).toEqual(
      before,
    );
    expect(guest.cookies.has('usher_session')).toBe(false);
  });

  it('answers 403 when somebody else is signed in by now; signing out leads back to the invite', async () => {
    const invite = await app.invite();
    const [owner, other] = [await app.account(invite.email), await app.account('else@x.example')];
    guest.cookies.set('usher_session', await app.session(owner));
    const page = await guest.open(invite);
    guest.cookies.set('usher_session', await app.session(other));
    const answer = await guest.send(invite, { accept_terms: 'true', action: 'accept' }, page);
    expect([answer.status, answer.heading]).toEqual([403, 'This invite is for another account']);
    const out = await guest.post('/sign-out', { form_token: formTokenOf(answer) });
    expect([out.status, out.location]).toEqual([303, invite.path]);
    expect(guest.cookies.size).toBe(0);
    expect((await guest.get(invite.path)).text).toContain('You already have an account');
  });

  it('asks for the account again when its session ended while the form was open', async () => {
    const invite = await app.invite();
    guest.cookies.set(
      'usher_session',
      await app.session(await app.account(invite.email, password)),
    );
    const page = await guest.open(invite);
    guest.cookies.clear();
    const answer = await guest.send(invite, { accept_terms: 'true', action: 'accept' }, page);
    expect(answer.status).toBe(422);
    expect(answer.text).toContain('autocomplete="current-password"');
  });

  it('says what holds now when the invite was revoked while the form was open', async () => {
    const invite = await app.invite();
    const page = await guest.open(invite);
    await app.act(async (tx) =>
      revokeInvite(tx, app.deps, await lockInvite(tx, invite.id), 'system:test'),
    );
    const answer = await guest.send(invite, { ...answers, action: 'accept' }, page);
    expect([answer.status, answer.heading]).toEqual([410, 'This invite was withdrawn']);
  });

  it('answers 409 when the inviter lost the right to invite', async () => {
    const invite = await app.invite();
    await app.run(`update invites set invited_by = 'user:${newId()}' where id = $1`, invite.id);
    const answer = await guest.send(invite, { ...answers, action: 'accept' });
    expect([answer.status, answer.heading]).toEqual([
      409,
      'This invite cannot be accepted at the moment',
    ]);
  });
});
