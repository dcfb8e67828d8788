import { createAccount } from '../../src/domain/identity/accounts';
import { withSystem } from '../../src/platform/db';
import { invite, lastLogs, marketplaceToken } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { formTokenOf, guestOf } from './visitor';
import type { Guest } from './visitor';

const progress = '/onboarding/progress';
const password = 'seven quiet boats at dusk';

let app: TestApp;
let guest: Guest;

beforeAll(async () => {
  app = await startTestApp();
}, 400_000);

afterAll(async () => {
  await app.stop();
}, 60_000);

beforeEach(() => {
  guest = guestOf(app.url);
});

async function situation(): Promise<string> {
  const { text } = await guest.get(`${progress}.json`);
  return (JSON.parse(text) as { situation: string }).situation;
}
function linkIn(text: string, kind: 'invite' | 'login'): string {
  const path = new RegExp(`/${kind}/[\\w-]{43}`).exec(text)?.[0];
  if (path === undefined) throw new Error(`There is no link in: ${text}`);
  return path;
}
async function mailTo(email: string, kind: 'invite' | 'login'): Promise<string> {
  const mails = await waitFor(
    `A mail with a link of kind ${kind}\n${lastLogs(app)}`,
    async () => {
      const answer = await fetch(`${app.mailbox.url}/api/messages?to=${encodeURIComponent(email)}`);
      return ((await answer.json()) as { text: string }[]).filter(({ text }) =>
        text.includes(`/${kind}/`),
      );
    },
    ({ length }) => length > 0,
  );
  return linkIn(mails[0]!.text, kind);
}

it('a customer opens the link of the mail, accepts, hands over what is missing, and is active', async () => {
  const invited = await invite(app, { workspace: undefined, wb_token: undefined });
  const link = { path: await mailTo(invited.email, 'invite') };
  const accepted = await guest.send(link, {
    name: 'Anna Example',
    sign_in: 'password',
    password,
    accept_terms: 'true',
    action: 'accept',
  });
  expect([accepted.status, accepted.location]).toEqual([303, progress]);
  const page = await guest.get(progress);
  const sent = await guest.post(progress, {
    form_token: formTokenOf(page),
    spreadsheet_id: `https://docs.google.com/spreadsheets/d/${invited.spreadsheetId}/edit`,
    owner_email: invited.email,
    wb_token: marketplaceToken(),
  });
  expect(sent.status).toBe(303);
  await waitFor('The finished page', situation, (kind) => kind === 'active', 30);
  const status = await app.call('GET', `/onboarding/clients/${invited.clientId}/status`);
  expect(status.body.status).toBe('active');
  const signedIn = await guest.post('/sign-in', {
    form_token: formTokenOf(await guestOf(app.url).get('/sign-in')),
    email: invited.email,
    password,
    action: 'password',
  });
  expect([signedIn.status, signedIn.location]).toEqual([303, progress]);
});

it('the holder of an account without a password signs in by mail and comes back to the invite', async () => {
  const invited = await invite(app);
  await withSystem(app.deps.db, 'identity', (tx) =>
    createAccount(tx, { email: invited.email, name: 'Anna Example' }),
  );
  const link = { path: `/invite/${invited.token}` };
  expect((await guest.send(link, { action: 'login-link' })).status).toBe(200);
  const login = await mailTo(invited.email, 'login');
  const opened = await guest.post(login, { form_token: formTokenOf(await guest.get(login)) });
  expect([opened.status, opened.location]).toEqual([303, progress]);
  expect((await guest.get(progress)).location).toBe(link.path);
  const accepted = await guest.send(link, { accept_terms: 'true', action: 'accept' });
  expect(accepted.status).toBe(303);
  await waitFor('The finished page', situation, (kind) => kind === 'active', 30);
});

it('a form that another site sends is refused with a page, also when it carries a cookie', async () => {
  const invited = await invite(app);
  const link = { path: `/invite/${invited.token}` };
  const fields = { form_token: formTokenOf(await guest.open(link)), action: 'decline' };
  await guest.get(`${link.path}?lang=de`);
  const refused = await guest.post(link.path, fields, { 'sec-fetch-site': 'cross-site' });
  expect([refused.status, refused.lang]).toEqual([403, 'de']);
  expect((await guest.post(link.path, fields, { origin: 'null' })).status).toBe(200);
});

it('what the pages log and measure holds no link, and names the page', async () => {
  const invited = await invite(app);
  await guest.get(`/invite/${invited.token}`);
  expect(app.logs.join('')).not.toContain(invited.token);
  expect(app.logs.join('')).toContain('"http.path":"/invite/***"');
  const metrics = await app.deps.metrics.registry.metrics();
  expect(metrics).toContain('operation="showInvite"');
});
