import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newId } from '../../src/platform/ids';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { machine } from '../api/people';
import { usher as call } from './command-line';
import type { Called } from './command-line';

let app: TestApp;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  app = await startTestApp({ worker: false });
  const { key } = await machine(app, [
    'tenants:create',
    'tenants:read',
    'tenants:write',
    'tenants:reconcile',
    'tenants:purge',
  ]);
  env = { USHER_URL: app.url, USHER_KEY: key };
});
afterAll(() => app.stop());

const usher = (...words: string[]): Promise<Called> => call(words, { env, root: '/nowhere' });
const tenant = async (): Promise<string> => {
  const slug = `t-${newId().slice(-12)}`;
  await usher('tenant', 'create', '--slug', slug, '--name', 'Nordlicht');
  return slug;
};

test('tenant create, activate, suspend, resume, cancel, archive, restore, delete and purge go through the API', async () => {
  const slug = `t-${newId().slice(-12)}`;
  const created = await usher(
    'tenant',
    'create',
    '--slug',
    slug,
    '--name',
    'N',
    '--trial-days',
    '7',
  );
  expect(created).toMatchObject({ code: 0, err: '' });
  expect(created.out).toContain(`${slug} is trial`);
  const course = [
    ['activate', 'active'],
    ['suspend', 'suspended'],
    ['resume', 'active'],
    ['cancel', 'frozen'],
    ['archive', 'archived'],
    ['restore', 'active'],
    ['delete', 'deleted'],
    ['purge', 'purging'],
  ] as const;
  for (const [verb, status] of course) {
    const reason = ['activate', 'cancel'].includes(verb) ? [] : ['--reason', 'The test'];
    const called = await usher('tenant', verb, slug, ...reason);
    expect([verb, called.code, called.out]).toEqual([
      verb,
      0,
      expect.stringContaining(`${slug} is ${status}`),
    ]);
  }
});

test('a refusal is told with what to do, and ends with 1', async () => {
  const slug = await tenant();
  const called = await usher('tenant', 'archive', slug);
  expect(called).toMatchObject({ code: 1, out: '' });
  expect(called.err).toContain('invalid-transition');
  expect((await usher('tenant', 'suspend', slug)).err).toContain('--reason');
  expect((await usher('tenant', 'show', 'nobody-here')).err).toContain('tenant-not-found');
});

test('tenant list filters, and tells how many are in each status', async () => {
  const slug = await tenant();
  await usher('tenant', 'suspend', slug, '--reason', 'The test');
  const listed = await usher('tenant', 'list', slug);
  expect(listed.out).toContain(slug);
  expect(listed.out).toContain('1 suspended');
  expect((await usher('tenant', 'list', slug, '--status', 'active')).out).toContain(
    'No tenant matches.',
  );
  const typo = await usher('tenant', 'list', '--status', 'suspnded');
  expect([typo.code, typo.err]).toEqual([2, expect.stringContaining('did you mean suspended?')]);
  const parsed = JSON.parse((await usher('tenant', 'list', slug, '--json')).out);
  expect(parsed.items[0].slug).toBe(slug);
});

test('tenant show describes a tenant, also by a former slug', async () => {
  const slug = await tenant();
  const next = `t-${newId().slice(-12)}`;
  await app.call('PATCH', `/tenants/${slug}`, {
    body: { slug: next },
    headers: { 'if-match': '"v1"' },
  });
  await usher('tenant', 'suspend', slug, '--reason', 'Unpaid');
  const shown = await usher('tenant', 'show', slug);
  expect(shown.code).toBe(0);
  expect(shown.out).toMatch(new RegExp(`slug +${next}`));
  expect(shown.out).toMatch(/because +Unpaid/);
  expect((await usher('tenant', 'reconcile', next)).err).toContain('tenant-not-open');
});

describe('a redirect', () => {
  let server: Server;
  let seen: string[];
  beforeAll(async () => {
    seen = [];
    server = createServer((request, response) => {
      seen.push(request.url ?? '');
      response.writeHead(301, { location: '//evil.example/', connection: 'close' }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())));

  test('to somewhere else is not followed: the key stays with the API', async () => {
    const { port } = server.address() as AddressInfo;
    const there = { USHER_URL: `http://127.0.0.1:${String(port)}`, USHER_KEY: 'k' };
    const called = await call(['tenant', 'show', 'acme'], { env: there, root: '/nowhere' });
    expect(called.code).toBe(1);
    expect(called.err).toContain('answered 301');
    expect(seen).toEqual(['/tenants/acme']);
  });
});
