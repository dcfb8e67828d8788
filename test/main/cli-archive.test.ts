import { randomUUID } from 'node:crypto';
import { startEmbeddedStore } from '../support/embedded-store';
import type { EmbeddedStore } from '../support/embedded-store';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { sql } from '../api/rows';
import { usher } from './command-line';
import type { Called } from './command-line';

let store: EmbeddedStore;
let app: TestApp;
let key: string;
beforeAll(async () => {
  store = await startEmbeddedStore();
  app = await startTestApp({ archive: { store: store.settings } });
  key = await app.keyFor('owner');
  const events = Array.from({ length: 400 }, () => ({ action: 'order.shipped' }));
  await app.call('POST', '/v1/audit', { body: { events } });
  await waitFor(
    'A published checkpoint of them',
    () =>
      sql<{ size: number }>(
        app,
        'select max(size) as size from audit_checkpoints where published_at is not null',
      ),
    ([row]) => (row?.size ?? 0) >= 256,
  );
}, 120_000);
afterAll(async () => {
  await app.stop();
  await store.stop();
});

const call = (...words: string[]): Promise<Called> =>
  usher(words, { env: { USHER_URL: app.url, USHER_KEY: key } });

test('audit archive says what it began, audit archives how far that is', async () => {
  expect(await call('audit', 'archives')).toEqual({
    code: 0,
    out: 'Nothing is archived yet.',
    err: '',
  });
  // A worker that is busy answers later.
  expect((await call('audit', 'archive')).out).toMatch(/^(1 batch\(es\) are on their way|Queued)/);
  const { out } = await waitFor(
    'Its end',
    () => call('audit', 'archives'),
    (called) => called.out.includes('confirmed'),
  );
  await waitFor(
    'A run without anything new',
    () => call('audit', 'archive'),
    (called) => called.out === 'There is nothing to archive at the moment.',
  );
  expect(out).toMatch(/ENTRIES.*\n.*1-256 +confirmed +\d+ +20\d\d-/);
});

test('audit restore of what is still hot says so, with what to do, and fails', async () => {
  const { items } = JSON.parse((await call('audit', 'archives', '--json')).out) as {
    items: { id: string }[];
  };
  const called = await call('audit', 'restore', items[0]?.id ?? '');
  expect(called.code).not.toBe(0);
  expect(called.err).toMatch(/still in the log/);
  expect((await call('audit', 'restore', randomUUID())).err).toMatch(/no such archive batch/i);
});

test('audit hold, holds and lift place a hold, show it and take it away', async () => {
  expect((await call('audit', 'holds')).out).toBe('No hold stands.');
  const subject = `user:${randomUUID()}`;
  const placed = await call('audit', 'hold', '--subject', subject, '--reason', 'A court wants it');
  const [, id = ''] = /^The hold (\S+) stands\.$/.exec(placed.out) ?? [];
  expect((await call('audit', 'holds')).out).toContain(`${id}  all     ${subject}`);
  expect((await call('audit', 'lift', id, '--reason', 'Over')).out).toBe(
    `The hold ${id} is lifted.`,
  );
  expect((await call('audit', 'holds')).out).toBe('No hold stands.');
});
