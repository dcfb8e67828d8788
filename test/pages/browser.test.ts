import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { progressAnswer, renderProgress } from '../../api/pages/progress-page';
import type { ProgressView } from '../../api/pages/views';
import { launchBrowser } from '../support/browser';
import { inputForm, pageContext, progressView, stepsAt, token } from './builders';
import { gallery } from './gallery';
import { sendPage, servePages, type PageServer } from './page-server';

let browser: Browser;
let server: PageServer;
let context: BrowserContext;
let page: Page;
/** What `/onboarding/progress` and its JSON show at the moment. */
let standing: ProgressView;
let posted: URLSearchParams[];

beforeAll(async () => {
  browser = await launchBrowser();
  server = await servePages((request, response, url) => {
    if (request.method === 'POST') {
      request.setEncoding('utf8').on('data', (body: string) => {
        posted.push(new URLSearchParams(body));
      });
      request.on('end', () => response.writeHead(204).end());
      return true;
    }
    if (url.pathname === '/onboarding/progress.json') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(progressAnswer(standing)));
      return true;
    }
    if (url.pathname === '/onboarding/progress' && !url.searchParams.has('page')) {
      sendPage(response, renderProgress(standing, pageContext({ path: url.pathname })));
      return true;
    }
    const linkNeeded = gallery.find(({ name }) => name === 'outcome-link-needed');
    if (url.pathname === '/invite' && linkNeeded) {
      sendPage(response, linkNeeded.render(pageContext()));
      return true;
    }
    return false;
  });
}, 400_000);

afterAll(async () => {
  await server.close();
  await browser.close();
});

beforeEach(() => {
  standing = progressView();
  posted = [];
});

afterEach(async () => {
  await context.close();
});

async function open(options: BrowserContextOptions = {}): Promise<Page> {
  context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
  page = await context.newPage();
  return page;
}

describe('with scripts', () => {
  it('the token leaves the address bar, and a reload still finds the invite', async () => {
    await open();
    await page.goto(server.address('invite'));
    expect(new URL(page.url()).pathname).toBe('/invite');
    await page.reload();
    await page.getByRole('heading', { level: 1, name: /Anna Berg invites you/ }).waitFor();
    expect(page.url()).not.toContain(token);
  });

  it('goes on in a browser whose language is none, as that of LANG=C is', async () => {
    await open();
    await page.addInitScript(() => {
      Object.defineProperty(navigator, 'language', { get: () => 'en-US@posix' });
    });
    await page.goto(server.address('invite'));
    await page.getByRole('button', { name: 'Show' }).first().waitFor();
    expect(await page.locator('time').first().textContent()).toMatch(/GMT|UTC|CET/);
  });

  it('the language switch leads to the invite in the other language', async () => {
    await open();
    await page.goto(server.address('invite'));
    const link = page.getByRole('link', { name: 'Deutsch' });
    expect(await link.getAttribute('href')).toBe(`/invite/${token}?lang=de`);
  });

  it('moments are written in the reader’s own zone', async () => {
    await open();
    await page.goto(server.address('invite'));
    expect(await page.locator('time').textContent()).toMatch(/^28 November 2026\b.*\b15:05 CET$/);
  });

  it('a password can be shown, is counted, and is hidden again before it is sent', async () => {
    await open();
    await page.goto(server.address('invite'));
    const password = page.getByLabel('Password', { exact: true });
    await password.fill('correct horse');
    await page.getByText('13 of at least 15 characters').waitFor();
    const reveal = page.getByRole('button', { name: 'Show what I type' });
    await reveal.click();
    expect(await password.getAttribute('type')).toBe('text');
    expect(await reveal.getAttribute('aria-pressed')).toBe('true');
    await page.getByRole('button', { name: 'Accept the invite' }).click();
    expect(await password.getAttribute('type')).toBe('password');
  });

  it('a form is sent once, however often its button is pressed', async () => {
    await open();
    await page.goto(server.address('invite-signed-in'));
    const button = page.locator('button[value="accept"]');
    await button.click();
    await button.click({ force: true });
    await button.press('Enter');
    await page.getByText('One moment').waitFor();
    await page.evaluate(() => fetch('/onboarding/progress.json'));
    expect(posted.map((form) => form.get('action'))).toEqual(['accept']);
  });

  it('the progress page follows the onboarding by itself until it is finished', async () => {
    await open();
    await page.goto(`${server.url}/onboarding/progress`);
    await page.getByRole('heading', { name: 'We are setting everything up' }).waitFor();
    standing = progressView({ situation: { kind: 'parked' }, steps: stepsAt('token', 'parked') });
    await page.getByRole('heading', { name: 'We are on it' }).waitFor();
    expect(await page.getByRole('status').textContent()).toBe('We are on it');
    standing = progressView({
      situation: { kind: 'active', next: {} },
      steps: stepsAt('ready', 'done'),
    });
    await page.getByRole('heading', { name: 'Everything is ready' }).waitFor();
    expect(await page.title()).toContain('Nordlicht Handel GmbH');
  });

  it('what is being typed survives a change of the progress', async () => {
    standing = progressView({ form: inputForm() });
    await open();
    await page.goto(`${server.url}/onboarding/progress`);
    const field = page.getByLabel('Marketplace token', { exact: true });
    await field.fill('eyJhbGci');
    standing = progressView({ form: inputForm(), steps: stepsAt('checking', 'current') });
    await page.locator('.steps li.current', { hasText: 'Connection check' }).waitFor();
    expect(await field.inputValue()).toBe('eyJhbGci');
  });
});

describe('without scripts', () => {
  it('the invite is accepted by its form alone', async () => {
    await open({ javaScriptEnabled: false });
    await page.goto(server.address('invite'));
    await page.getByLabel('Your name').fill('Mara Lund');
    await page.getByLabel('Password', { exact: true }).fill('a quiet evening by the sea');
    await page.getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Accept the invite' }).click();
    await expectPosted({
      form_token: 'signed-form-token',
      name: 'Mara Lund',
      sign_in: 'password',
      password: 'a quiet evening by the sea',
      accept_terms: 'true',
      action: 'accept',
    });
  });

  it('choosing a mail link puts the password field away', async () => {
    await open({ javaScriptEnabled: false });
    await page.goto(server.address('invite'));
    await page.getByRole('radio', { name: 'With a link by mail' }).check();
    expect(await page.getByLabel('Password', { exact: true }).isVisible()).toBe(false);
  });

  it('the invite is declined with a reason', async () => {
    await open({ javaScriptEnabled: false });
    await page.goto(server.address('invite'));
    await page.getByText('I would rather decline').click();
    await page.getByLabel('Reason (optional)').fill('Not now');
    await page.getByRole('button', { name: 'Decline the invite' }).click();
    await expectPosted({
      form_token: 'signed-form-token',
      reason: 'Not now',
      action: 'decline',
    });
  });

  it('the token is handed over by its form alone', async () => {
    await open({ javaScriptEnabled: false });
    await page.goto(server.address('progress-token'));
    await page.getByLabel('Marketplace token', { exact: true }).fill('eyJhbGci');
    await page.getByRole('button', { name: 'Save and continue' }).click();
    await expectPosted({ form_token: 'signed-form-token', wb_token: 'eyJhbGci' });
  });

  it('the progress page loads itself again', async () => {
    await open({ javaScriptEnabled: false });
    await page.goto(`${server.url}/onboarding/progress`);
    expect(await page.locator('meta[http-equiv="refresh"]').getAttribute('content')).toBe('15');
    expect(await page.getByRole('link', { name: 'Refresh this page' }).isVisible()).toBe(true);
  });
});

describe('by keyboard', () => {
  it('the first stop skips to the content, and the fields come in reading order', async () => {
    await open();
    await page.goto(server.address('invite'));
    const stops: string[] = [];
    for (let step = 0; step < 12; step += 1) {
      await page.keyboard.press('Tab');
      stops.push(
        await page.evaluate(() => {
          const at = document.activeElement;
          return at?.getAttribute('name') ?? at?.textContent.trim() ?? '';
        }),
      );
    }
    expect(stops).toEqual([
      'Skip to the content',
      'English',
      'Deutsch',
      'Русский',
      'name',
      'sign_in',
      'password',
      'Show what I type',
      'accept_terms',
      expect.stringContaining('terms of use'),
      'action',
      'I would rather decline',
    ]);
  });

  it('a page with errors opens at their summary, whose links lead to the fields', async () => {
    await open();
    await page.goto(server.address('invite-with-errors'));
    const focused = () =>
      page.evaluate(() => {
        const at = document.activeElement;
        return at?.getAttribute('role') ?? at?.getAttribute('id');
      });
    expect(await focused()).toBe('alert');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await focused()).toBe('name');
  });
});

async function expectPosted(fields: Record<string, string>): Promise<void> {
  await page.waitForTimeout(0);
  for (let tries = 0; posted.length === 0 && tries < 100; tries += 1) await page.waitForTimeout(20);
  expect(posted.map((form) => Object.fromEntries(form))).toEqual([fields]);
}
