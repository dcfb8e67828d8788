import { assetPaths } from '../../api/pages/assets/assets';
import { startPageApp } from './page-app';
import type { PageApp } from './page-app';
import { formTokenOf, visitorOf } from './visitor';
import type { Visitor } from './visitor';

const answers = { name: 'Mara Lund', sign_in: 'link', accept_terms: 'true', action: 'accept' };

describe('pages that stand for themselves', () => {
  let app: PageApp;
  let visitor: Visitor;

  beforeAll(async () => {
    app = await startPageApp({ env: { TERMS_VERSION: '2026-11' } });
    visitor = visitorOf(app.url);
  });

  afterAll(async () => {
    await app.close();
  });

  it.each(['/invite', '/invite/', '/login'])(
    '%s without a token asks for the link',
    async (path) => {
      const page = await visitor.get(path);
      expect([page.status, page.heading]).toEqual([404, 'Please open the link from your mail']);
      expect((await visitor.head(path)).status).toBe(404);
    },
  );

  it('/terms says that there are none yet while none are configured', async () => {
    const page = await visitor.get('/terms');
    expect([page.status, page.heading]).toEqual([200, 'Terms of use']);
    expect(page.text).toContain('2026-11');
    expect((await visitor.get((await app.invite()).path)).text).toContain('href="/terms"');
  });

  it('an asset may be kept for ever; one that is gone is not found here', async () => {
    for (const path of Object.values(assetPaths)) {
      const { status, headers, text } = await visitor.get(path);
      expect(status).toBe(200);
      expect(headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(headers.get('content-type')).toMatch(/^(text\/css|text\/javascript|image\/svg\+xml)/);
      expect(text.length).toBeGreaterThan(100);
    }
    expect((await visitor.get('/assets/usher.old.css')).status).toBe(404);
    expect((await visitor.get('/assets/..%2f..%2fpackage.json')).status).toBe(404);
  });

  it('what is no page of a customer is left to others', async () => {
    expect((await visitor.get('/onboarding/invites')).text).toContain('Cannot GET');
  });

  it('another method is answered 405 with those that there are', async () => {
    const answer = await visitor.post('/invite', {});
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'method-not-allowed' });
    const { headers } = await visitor.get('/sign-out');
    expect(headers.get('allow')).toBe('POST');
  });

  it('a failure of ours is a page with its number, logged once under it and without the token', async () => {
    const invite = await app.invite();
    const broken = `/invite/${'a'.repeat(43)}`;
    await breakInvites(app, true);
    const page = await visitor.get(invite.path);
    const unknown = await visitor.get(broken);
    await breakInvites(app, false);
    expect([page.status, page.heading]).toEqual([500, 'Something went wrong on our side']);
    const requestId = page.headers.get('x-request-id')!;
    expect(page.text).toContain(requestId);
    expect(page.text).toContain('help@usher.example');
    const lines = app.logs.filter((line) => line.includes(requestId));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('"problem":"internal"');
    expect(app.logs.join('')).not.toContain(invite.token);
    expect(unknown.status).toBe(404);
    expect((await visitor.get(invite.path)).status).toBe(200);
  });
});

// Takes the right to read invites away, as a half-done deployment would.
async function breakInvites(app: PageApp, broken: boolean): Promise<void> {
  await app.asSuperuser(
    broken ? 'revoke select on invites from usher_app' : 'grant select on invites to usher_app',
  );
}

describe('with terms and limits configured', () => {
  let app: PageApp;

  beforeAll(async () => {
    app = await startPageApp({
      env: {
        TERMS_URL: 'https://nordlicht.example/terms',
        RATE_ACCEPT: '5/60',
        RATE_LOGIN: '5/60',
      },
    });
  });

  afterAll(async () => {
    await app.close();
  });

  const from = (address: string): Visitor => visitorOf(app.url, { 'x-forwarded-for': address });

  it('/terms leads to the operator’s own page, and the invite does so at once', async () => {
    const visitor = from('192.0.2.1');
    expect((await visitor.get('/terms')).location).toBe('https://nordlicht.example/terms');
    const page = await visitor.get((await app.invite()).path);
    expect(page.text).toContain('href="https://nordlicht.example/terms"');
  });

  it('five unknown links close the door of their source for a minute, to others it stays open', async () => {
    const [guesser, other] = [from('192.0.2.2'), from('192.0.2.3')];
    const invite = await app.invite();
    for (let n = 0; n < 5; n += 1) {
      expect((await guesser.get(`/invite/guess-${String(n)}`)).status).toBe(404);
    }
    const page = await guesser.get(invite.path);
    expect([page.status, page.heading]).toEqual([429, 'Too many tries in a short time']);
    expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(page.text).toMatch(/Please try again in (less than a|1) minute/);
    expect((await other.get(invite.path)).status).toBe(200);
  });

  it('one household on IPv6 is one source', async () => {
    for (let n = 0; n < 5; n += 1) {
      await from(`2001:db8:0:${String(n)}::1`).get(`/invite/guess-${String(n)}`);
    }
    expect((await from('2001:db8:0:99::7').get('/invite/guess')).status).toBe(429);
  });

  it('looking and accepting rightly is never too often', async () => {
    const visitor = from('192.0.2.4');
    for (let n = 0; n < 8; n += 1) {
      const invite = await app.invite();
      const form_token = formTokenOf(await visitor.get(invite.path));
      expect((await visitor.post(invite.path, { ...answers, form_token })).status).toBe(303);
    }
  });

  it('wrong passwords close an invite for their address, wherever they come from', async () => {
    const invite = await app.invite();
    await app.account(invite.email, 'seven quiet boats at dusk');
    const fields = { accept_terms: 'true', action: 'accept', password: 'a guess' };
    for (let n = 0; n < 5; n += 1) {
      const visitor = from(`198.51.100.${String(n)}`);
      const form_token = formTokenOf(await visitor.get(invite.path));
      expect((await visitor.post(invite.path, { ...fields, form_token })).status).toBe(422);
    }
    const visitor = from('198.51.100.77');
    const form_token = formTokenOf(await visitor.get(invite.path));
    const page = await visitor.post(invite.path, { ...fields, form_token });
    expect(page.status).toBe(429);
    expect(page.headers.get('retry-after')).toMatch(/^\d+$/);
  });

  it('five asks for a new link close the door of their source, and so do five wrong sign-ins', async () => {
    const visitor = from('192.0.2.5');
    const invite = await app.invite();
    const form_token = formTokenOf(await visitor.get(invite.path));
    const fields = { form_token, action: 'request-new-link' };
    for (let n = 0; n < 5; n += 1) {
      expect((await visitor.post(invite.path, fields)).status).toBe(200);
    }
    expect((await visitor.post(invite.path, fields)).status).toBe(429);

    const wrong = {
      form_token: formTokenOf(await visitor.get('/sign-in')),
      email: 'kim@known.example',
      password: 'a guess',
      action: 'password',
    };
    for (let n = 0; n < 5; n += 1) {
      expect((await visitor.post('/sign-in', wrong)).status).toBe(422);
    }
    expect((await visitor.post('/sign-in', wrong)).status).toBe(429);
  });
});

describe('with a captcha for self-serve invites', () => {
  it('an answer that does not hold is refused and burns nothing; other invites need none', async () => {
    const app = await startPageApp({
      captcha: { verify: (answer) => Promise.resolve(answer === 'a person') },
    });
    const visitor = visitorOf(app.url);
    const invite = await app.invite();
    await app.act((tx) =>
      tx.run('update invites set self_serve = true where id = $1', [invite.id]),
    );
    const form_token = formTokenOf(await visitor.get(invite.path));
    const sent = [];
    for (const captcha of ['a program', 'a person']) {
      sent.push((await visitor.post(invite.path, { ...answers, form_token, captcha })).status);
    }
    const ordinary = await app.invite();
    const other = formTokenOf(await visitor.get(ordinary.path));
    sent.push((await visitor.post(ordinary.path, { ...answers, form_token: other })).status);
    await app.close();
    expect(sent).toEqual([403, 303, 303]);
  });
});
