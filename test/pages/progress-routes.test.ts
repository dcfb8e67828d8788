import { createOnboardingCookies } from '../../api/onboarding-cookie';
import { createCookies } from '../../api/middleware/cookies';
import { deactivateAccount } from '../../src/domain/identity/accounts';
import { cancelOnboarding } from '../../src/domain/onboarding/undo-call';
import { readFacts } from '../../src/domain/onboarding/facts';
import { marketplaceToken } from '../support/journey';
import { startPageApp } from './page-app';
import type { PageApp, TestInvite } from './page-app';
import { formTokenOf, visitorOf } from './visitor';
import type { Seen, Visitor } from './visitor';

const progress = '/onboarding/progress';
const spreadsheet = '1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms';

let app: PageApp;
let visitor: Visitor;

beforeAll(async () => {
  app = await startPageApp();
});

afterAll(async () => {
  await app.close();
});

beforeEach(() => {
  visitor = visitorOf(app.url);
});

async function accepted(over: Record<string, unknown> = {}): Promise<TestInvite> {
  const invite = await app.invite(over);
  const form_token = formTokenOf(await visitor.get(invite.path));
  const answer = await visitor.post(invite.path, {
    form_token,
    name: 'Mara Lund',
    sign_in: 'link',
    accept_terms: 'true',
    action: 'accept',
  });
  expect(answer.location).toBe(progress);
  return invite;
}
async function send(fields: Record<string, string>, page?: Seen): Promise<Seen> {
  const form_token = formTokenOf(page ?? (await visitor.get(progress)));
  return visitor.post(progress, { form_token, ...fields });
}
async function standing(): Promise<{ situation: string; final: boolean; revision: string }> {
  const answer = await visitor.get(`${progress}.json`);
  expect(answer.status).toBe(200);
  return JSON.parse(answer.text) as never;
}
async function userOf(invite: TestInvite): Promise<string> {
  const { id } = await app.one<{ id: string }>(
    'select user_id as id from onboardings where id = $1',
    invite.onboardingId,
  );
  return id;
}

const workspace = { spreadsheet_id: spreadsheet, owner_email: 'owner@nordlicht.example' };

describe('GET /onboarding/progress', () => {
  it('answers 401 to a stranger, to a forged cookie and to that of a closed account', async () => {
    const strange = await visitor.get(progress);
    expect([strange.status, strange.heading]).toEqual([401, 'Please sign in to see your progress']);
    expect(strange.text).toContain('href="/sign-in"');
    visitor.cookies.set('usher_onboarding', 'eyJvbmJvYXJkaW5nIjoxfQ.AAAA');
    expect((await visitor.get(progress)).status).toBe(401);

    const userId = await userOf(await accepted());
    expect((await visitor.get(progress)).status).toBe(200);
    await app.act((tx) =>
      deactivateAccount(tx, userId, 'system:test', { ip: null, userAgent: null }),
    );
    expect((await visitor.get(progress)).status).toBe(401);
    expect((await visitor.post(progress, { wb_token: 'x' })).status).toBe(401);
  });

  it('asks for all that is missing from accept on, whether or not the workflow has looked', async () => {
    const invite = await accepted();
    for (const look of ['before', 'after']) {
      const page = await visitor.get(progress);
      expect(page.heading).toBe('Nordlicht Handel GmbH');
      expect(page.text).toContain('We need something from you');
      for (const field of ['spreadsheet_id', 'owner_email', 'wb_token']) {
        expect(page.text).toContain(`name="${field}"`);
      }
      expect(page.text).toContain(`value="${invite.email}"`);
      expect(await standing()).toMatchObject({ situation: 'waiting', final: false });
      if (look === 'before') expect(await app.drive(invite)).toBe('email_confirmed');
    }
  });

  it('asks for the token alone while the workspace is set up, and goes on by itself without it', async () => {
    await accepted({ workspace: { spreadsheet_id: spreadsheet } });
    const page = await visitor.get(progress);
    expect(page.text).toContain('We are setting everything up');
    expect(page.text).toContain('name="wb_token"');
    expect(page.text).not.toContain('name="spreadsheet_id"');
    expect((await standing()).situation).toBe('working');
  });

  it('is in the invite’s language', async () => {
    await accepted({ locale: 'de' });
    expect((await visitor.get(progress)).lang).toBe('de');
  });

  it('changes nothing', async () => {
    await accepted();
    const before = await app.snapshot();
    await visitor.get(progress);
    await visitor.head(progress);
    await visitor.get(`${progress}.json`);
    expect(await app.snapshot()).toEqual(before);
  });

  it('shows a person who signs in later their newest onboarding, without the cookie', async () => {
    const first = await accepted();
    const userId = await userOf(first);
    visitor.cookies.clear();
    visitor.cookies.set('usher_session', await app.session(userId));
    expect((await visitor.get(progress)).status).toBe(200);
    const second = await app.invite({ email: first.email, tenant: undefined, name: 'Second' });
    const form_token = formTokenOf(await visitor.get(second.path));
    await visitor.post(second.path, { form_token, accept_terms: 'true', action: 'accept' });
    visitor.cookies.delete('usher_onboarding');
    expect((await visitor.get(progress)).heading).toBe('nordlicht.example');
  });

  it('shows the cookie’s onboarding to somebody who is signed in as another person', async () => {
    await accepted();
    const operator = await app.account('operator@usher.example');
    visitor.cookies.set('usher_session', await app.session(operator));
    expect((await visitor.get(progress)).heading).toBe('Nordlicht Handel GmbH');
    visitor.cookies.delete('usher_onboarding');
    const page = await visitor.get(progress);
    expect([page.status, page.heading]).toEqual([200, 'You are signed in']);
  });

  it('never shows an onboarding to another person, whatever the cookie says', async () => {
    const invite = await accepted();
    const cookies = createOnboardingCookies({
      keys: app.config.COOKIE_SECRET,
      cookie: createCookies(app.config).onboarding,
    });
    const issued = cookies.issue({
      onboardingId: invite.onboardingId,
      tenantId: invite.tenantId,
      userId: await app.account('eve@evil.example'),
    });
    visitor.cookies.set(cookies.name, /=([^;]*)/.exec(issued)?.[1] ?? '');
    expect((await visitor.get(progress)).status).toBe(401);
  });
});

describe('POST /onboarding/progress', () => {
  it('stores what was missing, and the onboarding goes on to the finished page', async () => {
    const invite = await accepted();
    await app.drive(invite);
    const address = `https://docs.google.com/spreadsheets/d/${spreadsheet}/edit#gid=0`;
    const wbToken = marketplaceToken();
    const sent = await send({ ...workspace, spreadsheet_id: address, wb_token: wbToken });
    expect([sent.status, sent.location]).toEqual([303, progress]);
    expect((await standing()).situation).toBe('working');
    const facts = await app.act((tx) => readFacts(tx, invite.onboardingId));
    expect(facts).toMatchObject({ spreadsheetId: spreadsheet, ownerEmail: workspace.owner_email });
    expect(await app.drive(invite)).toBe('active');
    const page = await visitor.get(progress);
    expect(page.text).toContain('Everything is ready');
    expect(page.text).toContain('href="/sign-in"');
    expect(page.text).not.toContain('<form');
    expect(await standing()).toMatchObject({ situation: 'active', final: true });
    visitor.cookies.set('usher_session', await app.session(await userOf(invite)));
    expect((await visitor.get(progress)).text).not.toContain('href="/sign-in"');
    expect(app.logs.join('')).not.toContain(wbToken);
  });

  it('takes the same form twice, also 20 times at once, as one', async () => {
    const invite = await accepted();
    const page = await visitor.get(progress);
    const fields = { ...workspace, wb_token: marketplaceToken() };
    const sent = await Promise.all(Array.from({ length: 20 }, () => send(fields, page)));
    expect(sent.map(({ status }) => status)).toEqual(Array(20).fill(303));
    const { entries } = await app.act((tx) =>
      tx.one<{ entries: number }>(
        `select count(*)::int as entries from audit_trail
         where action = 'onboarding.input_provided' and tenant_id = $1`,
        [invite.tenantId],
      ),
    );
    expect(entries).toBe(1);
  });

  it('answers 422 with everything that is wrong, keeps what was typed, and never gives a token back', async () => {
    await accepted();
    const page = await send({
      spreadsheet_id: 'two words',
      owner_email: '<b>mara</b>',
      wb_token: 'Qx7-secret but broken …',
    });
    expect(page.status).toBe(422);
    for (const field of ['spreadsheet_id', 'owner_email', 'wb_token']) {
      expect(page.text).toContain(`<a href="#${field}">`);
    }
    expect(page.text).toContain('value="two words"');
    expect(page.text).toContain('value="&lt;b&gt;mara&lt;/b&gt;"');
    expect(page.text).not.toContain('Qx7-secret');
    const again = await send({ ...workspace, wb_token: marketplaceToken() }, page);
    expect(again.status).toBe(303);
  });

  it('keeps a good token when something beside it is wrong, and asks for the rest alone', async () => {
    const invite = await accepted();
    const wbToken = marketplaceToken();
    const page = await send({ ...workspace, spreadsheet_id: '', wb_token: wbToken });
    expect(page.status).toBe(422);
    expect(page.text).not.toMatch(/name="wb_token"|eyJ[\w-]+\.eyJ/);
    expect(page.text).toContain(`value="${workspace.owner_email}"`);
    expect((await standing()).revision).toBe(/data-revision="([^"]+)"/.exec(page.text)?.[1]);
    expect((await send(workspace, page)).status).toBe(303);
    expect(await app.drive(invite)).toBe('active');
  });

  it('answers 422 when something else is already stored and in use', async () => {
    const invite = await accepted();
    const page = await visitor.get(progress);
    await send({ ...workspace, wb_token: marketplaceToken() }, page);
    await app.drive(invite);
    const other = await send(
      { ...workspace, spreadsheet_id: 'another-sheet', wb_token: marketplaceToken() },
      page,
    );
    expect(other.status).toBe(422);
    expect(other.text).toContain('<a href="#spreadsheet_id">Something else is already stored');
  });

  it('shows that we are on it when a step is parked, without a form or the reason', async () => {
    const invite = await accepted();
    await send({ ...workspace, wb_token: 'not-a-jwt-at-all' });
    expect(await app.drive(invite)).toBe('failed');
    const page = await visitor.get(progress);
    expect(page.text).toContain('We are on it');
    expect(page.text).not.toMatch(/<form|malformed|backend|failed/);
    expect(await standing()).toMatchObject({ situation: 'parked', final: false });
  });

  it('leads on without a word when the onboarding was cancelled meanwhile', async () => {
    const invite = await accepted();
    const page = await visitor.get(progress);
    await app.act(async (tx) =>
      cancelOnboarding(tx, await readFacts(tx, invite.onboardingId), 'system:test'),
    );
    const sent = await send({ ...workspace, wb_token: marketplaceToken() }, page);
    expect([sent.status, sent.location]).toEqual([303, progress]);
    expect((await visitor.get(progress)).text).toContain('This onboarding was cancelled');
    expect(await standing()).toMatchObject({ situation: 'cancelled', final: true });
  });

  it('answers 409 while the tenant is suspended', async () => {
    const invite = await accepted();
    await app.act((tx) =>
      tx.run(`update tenants set status = 'suspended' where id = $1`, [invite.tenantId]),
    );
    const sent = await send({ ...workspace, wb_token: marketplaceToken() });
    expect(sent.status).toBe(409);
  });

  it('answers 403 to a form without its token, of another onboarding, of another site, or too old', async () => {
    await accepted();
    const foreign = formTokenOf(await visitor.get(progress));
    await accepted();
    const fields = { ...workspace, wb_token: marketplaceToken() };
    const own = formTokenOf(await visitor.get(progress));
    const refused = [
      await visitor.post(progress, fields),
      await visitor.post(progress, { ...fields, form_token: foreign }),
      await visitor.post(
        progress,
        { ...fields, form_token: own },
        { 'sec-fetch-site': 'cross-site' },
      ),
    ];
    app.later(24 * 3_600_000);
    refused.push(await visitor.post(progress, { ...fields, form_token: own }));
    expect(refused.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
    expect((await standing()).situation).toBe('waiting');
  });

  it('answers 401 to somebody without the cookie', async () => {
    await accepted();
    const page = await visitor.get(progress);
    visitor.cookies.clear();
    expect((await send({ wb_token: marketplaceToken() }, page)).status).toBe(401);
  });
});

describe('GET /onboarding/progress.json', () => {
  it('answers 401 with a problem once the cookie is gone', async () => {
    const answer = await visitor.get(`${progress}.json`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      401,
      'application/problem+json; charset=utf-8',
    ]);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'unauthenticated', success: false });
  });

  it('changes its revision with what the page shows, which carries the same one', async () => {
    const invite = await accepted();
    const first = await standing();
    const page = await visitor.get(progress);
    expect(page.text).toContain(`data-revision="${first.revision}"`);
    await send({ ...workspace, wb_token: marketplaceToken() }, page);
    const second = await standing();
    await app.drive(invite);
    const third = await standing();
    expect(new Set([first, second, third].map(({ revision }) => revision)).size).toBe(3);
  });
});
