import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchBrowser } from '../support/browser';
import { marketplaceToken } from '../support/journey';
import { startPageApp } from './page-app';
import type { PageApp, TestInvite } from './page-app';

/** Screens that people really have; where set, SCREENSHOTS_DIR keeps a picture of each stop. */
const screens = [
  { name: 'with scripts, 1280 px wide', width: 1280, javaScriptEnabled: true },
  { name: 'without scripts, 390 px wide', width: 390, javaScriptEnabled: false },
] as const;

const spreadsheet =
  'https://docs.google.com/spreadsheets/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74/edit';

let app: PageApp;
let browser: Browser;

beforeAll(async () => {
  [app, browser] = await Promise.all([startPageApp(), launchBrowser()]);
}, 400_000);

afterAll(async () => {
  await browser.close();
  await app.close();
});

describe.each(screens)('a customer $name', ({ width, javaScriptEnabled }) => {
  let context: BrowserContext;
  let page: Page;
  let complaints: string[];

  beforeEach(async () => {
    complaints = [];
    context = await browser.newContext({
      viewport: { width, height: 844 },
      locale: 'en-GB',
      javaScriptEnabled,
      reducedMotion: 'reduce',
    });
    page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      // The browser reports each answer that is no success; refused forms are answered with 4xx on purpose.
      const refused = /status of (4\d\d)/.test(message.text());
      if (message.type() === 'error' && !refused) complaints.push(message.text());
    });
  });

  afterEach(async () => {
    await context.close();
    expect(complaints).toEqual([]);
  });

  const keep = async (name: string): Promise<void> => {
    const folder = process.env['SCREENSHOTS_DIR'];
    if (!folder) return;
    await page.screenshot({ path: `${folder}/${name}-${String(width)}.png`, fullPage: true });
  };
  const heading = (name: string | RegExp) => page.getByRole('heading', { name }).waitFor();
  const open = (invite: TestInvite): Promise<unknown> => page.goto(app.url + invite.path);

  it('accepts, hands over what is missing, and ends on the finished page', async () => {
    const invite = await app.invite({ name: 'Mara Lund' });
    await open(invite);
    await heading(/You are invited to Nordlicht/);
    if (javaScriptEnabled) expect(page.url()).not.toContain(invite.token);
    await keep('1-invite');

    await page.getByLabel('Password', { exact: true }).fill('too short');
    await page.getByRole('button', { name: 'Accept the invite' }).click();
    await heading('Please check these fields');
    expect(await page.getByLabel('Your name').inputValue()).toBe('Mara Lund');
    await keep('2-invite-with-mistakes');

    await page.getByLabel('Password', { exact: true }).fill('seven quiet boats at dusk');
    await page.getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Accept the invite' }).click();
    await heading('We need something from you');
    expect(new URL(page.url()).pathname).toBe('/onboarding/progress');
    await keep('3-waiting');

    await page.getByLabel('Spreadsheet ID').fill(spreadsheet);
    await page.getByLabel('Marketplace token', { exact: true }).fill(marketplaceToken());
    await page.getByRole('button', { name: 'Save and continue' }).click();
    await heading('We are setting everything up');
    await keep('4-working');

    expect(await app.drive(invite)).toBe('active');
    // With scripts the page finds out by itself; without, the next look shows it.
    if (!javaScriptEnabled) await page.getByRole('link', { name: 'Refresh this page' }).click();
    await heading('Everything is ready');
    await keep('5-ready');

    await open(invite);
    await heading('This invite has already been accepted');
    await page.getByRole('link', { name: 'See the progress' }).click();
    await heading('Everything is ready');
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel('E-mail address').fill(invite.email);
    await page.getByLabel('Password', { exact: true }).fill('seven quiet boats at dusk');
    await keep('6-sign-in');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await heading('Everything is ready');
    await page.goto(`${app.url}/sign-in`);
    await heading('You are signed in');
    await keep('7-signed-in');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await heading('Sign in');
  });

  it('changes the language on the way, and it stays', async () => {
    await open(await app.invite());
    await page.getByRole('link', { name: 'Deutsch' }).click();
    await heading(/Sie sind zu Nordlicht Handel GmbH eingeladen/);
    await page.getByText('Ich möchte lieber ablehnen').click();
    await page.getByRole('button', { name: 'Einladung ablehnen' }).click();
    await heading('Sie haben die Einladung abgelehnt');
    await keep('8-declined-in-german');
  });

  it('finds an old link explained, and asks for a new one', async () => {
    const invite = await app.invite();
    await app.act((tx) =>
      tx.run(`update invites set expires_at = now() - interval '2 days' where id = $1`, [
        invite.id,
      ]),
    );
    await open(invite);
    await heading('This invite has expired');
    await keep('9-expired');
    await page.getByRole('button', { name: 'Ask for a new link' }).click();
    await heading('Your request has been noted');
  });

  it('comes back another day by the link and goes on', async () => {
    const invite = await app.invite();
    await open(invite);
    await page.getByLabel('Your name').fill('Mara Lund');
    await page.getByRole('radio', { name: 'With a link by mail' }).check();
    await page.getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Accept the invite' }).click();
    await heading('We need something from you');
    await page.goto('about:blank');
    await page.goto(app.url);
    await heading('We need something from you');
    await page.getByLabel('Marketplace token', { exact: true }).fill('…');
    await page.getByRole('button', { name: 'Save and continue' }).click();
    await heading('Please check these fields');
    await keep('10-progress-with-mistakes');
  });
});

it('a form whose page was left and opened again by the back button is led on, not refused', async () => {
  const context = await browser.newContext({ locale: 'en-GB' });
  const page = await context.newPage();
  const invite = await app.invite({ name: 'Mara Lund' });
  await page.goto(app.url + invite.path);
  await page.getByRole('radio', { name: 'With a link by mail' }).check();
  await page.getByRole('checkbox').check();
  const accept = page.getByRole('button', { name: 'Accept the invite' });
  await accept.click();
  await page.getByRole('heading', { name: 'We need something from you' }).waitFor();
  await page.goBack();
  await page.waitForLoadState();
  // Without a copy in a cache the browser asks again, and finds the way on.
  await page.getByRole('link', { name: 'See the progress' }).click();
  await page.getByRole('heading', { name: 'We need something from you' }).waitFor();
  await context.close();
});
