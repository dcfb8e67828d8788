import { readFile } from 'node:fs/promises';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchBrowser } from '../support/browser';
import { gallery } from './gallery';
import { servePages, type PageServer } from './page-server';

/** A reader: how wide the screen is, in which light, in which language. */
const readers = [
  { lang: 'en', width: 1280, colorScheme: 'light' },
  { lang: 'de', width: 390, colorScheme: 'dark' },
  { lang: 'ru', width: 390, colorScheme: 'light' },
] as const;

const ruleSets = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

let axe: string;
let server: PageServer;
let browser: Browser;

beforeAll(async () => {
  axe = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');
  server = await servePages();
  browser = await launchBrowser();
}, 400_000);

afterAll(async () => {
  await server.close();
  await browser.close();
});

it('the check finds a barrier where there is one', async () => {
  const page = await browser.newPage();
  await page.setContent('<input type="text"><p style="color: #aaa; background: #fff">faint</p>');
  const found = (await barriers(page)).map((barrier) => barrier.split(':', 1)[0]);
  expect(found).toEqual(expect.arrayContaining(['label', 'color-contrast', 'html-has-lang']));
  await page.close();
});

describe.each(readers)('for a reader of $lang, $width px wide, in the $colorScheme', (reader) => {
  let context: BrowserContext;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    context = await browser.newContext({
      viewport: { width: reader.width, height: 844 },
      colorScheme: reader.colorScheme,
      reducedMotion: 'reduce',
    });
    page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error')
        complaints.push(`${message.text()} ${message.location().url}`);
    });
    page.on('pageerror', (error) => complaints.push(error.message));
  });

  afterAll(async () => {
    await context.close();
  });

  it.each(gallery.map(({ name }) => name))(
    '%s has no barrier, and all of it fits',
    async (name) => {
      complaints.length = 0;
      await page.goto(server.address(name, reader.lang));
      expect(await page.getAttribute('html', 'lang')).toBe(reader.lang);
      expect(await barriers(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(reader.width);
      expect(complaints).toEqual([]);
    },
  );
});

async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate<AxeResults, string[]>(
    (values) =>
      (window as unknown as { axe: typeof import('axe-core') }).axe.run(document, {
        runOnly: values,
        resultTypes: ['violations'],
      }),
    ruleSets,
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.html} – ${node.failureSummary ?? ''}`),
  );
}
