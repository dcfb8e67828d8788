import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VerificationCode } from '../../src/contracts/verification';
import { newKey } from '../../src/platform/crypto/keys';
import { freePort } from '../../src/servers/free-port';
import { startCuttableProxy } from '../api/cuttable-proxy';
import type { CuttableProxy } from '../api/cuttable-proxy';
import { inSystem, issue } from '../api/verification/keys';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { variables } from '../../src/platform/config';

const root = join(__dirname, '..', '..');
const page = readFileSync(join(root, 'docs', 'VERIFICATION.md'), 'utf8');

let postgres: CuttableProxy;
let app: TestApp;
let folder: string;
beforeAll(async () => {
  postgres = await startCuttableProxy();
  app = await startTestApp({ worker: false, databaseUrl: postgres.through });
  // Below the packages of the repository, where Node finds express and fastify.
  mkdirSync(join(root, 'node_modules', '.cache'), { recursive: true });
  folder = mkdtempSync(join(root, 'node_modules', '.cache', 'usher-examples-'));
  for (const [, name, code] of page.matchAll(/<!-- (\S+\.mjs) -->\s+```js\n(.*?)```/gs))
    writeFileSync(join(folder, name ?? ''), code ?? '');
}, 120_000);
afterAll(async () => {
  await app.stop();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(['express.mjs', 'fastify.mjs'])('the example %s', (file) => {
  let example: ChildProcess;
  let url: string;
  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${String(port)}/products`;
    example = spawn(process.execPath, [join(folder, file)], {
      env: { PATH: process.env['PATH'], PORT: String(port), USHER_URL: app.url },
      stdio: 'inherit',
    });
    await waitFor(
      'the example',
      () => fetch(url).catch(() => undefined),
      (answer) => answer !== undefined,
    );
  });
  afterAll(async () => {
    const ended = new Promise((resolve) => example.once('exit', resolve));
    example.kill('SIGKILL');
    await ended;
  });

  const ask = async (headers: Record<string, string>): Promise<[number, unknown]> => {
    const answer = await fetch(url, { headers });
    return [answer.status, await answer.json()];
  };
  const bearer = (key: string) => ask({ authorization: `Bearer ${key}` });

  test('lets a good key in, by either header, and knows whose it is', async () => {
    const { key, tenantId } = await issue(app, { scopes: ['products:read'] });
    expect(await bearer(key)).toEqual([200, { tenant: tenantId }]);
    expect(await ask({ 'x-api-key': key })).toEqual([200, { tenant: tenantId }]);
  });

  test('refuses all others with their status', async () => {
    const scopes = ['products:read'];
    const [good, revoked, without, limited, bound] = await Promise.all([
      issue(app, { scopes }),
      issue(app, { scopes, revoked: true }),
      issue(app, {}),
      issue(app, { scopes, rateLimit: { limit: 1, seconds: 3_600 } }),
      issue(app, { scopes, cidrs: ['192.0.2.0/24'] }),
    ]);
    expect(await ask({})).toEqual([401, { code: 'MALFORMED' }]);
    expect(await bearer(newKey('ush', 'live'))).toEqual([401, { code: 'NOT_FOUND' }]);
    expect(await bearer(revoked.key)).toEqual([401, { code: 'REVOKED' }]);
    expect(await bearer(without.key)).toEqual([403, { code: 'SCOPE_DENIED' }]);
    expect((await bearer(limited.key))[0]).toBe(200);
    expect(await bearer(limited.key)).toEqual([429, { code: 'RATE_LIMITED' }]);
    expect(await bearer(bound.key)).toEqual([403, { code: 'IP_DENIED' }]);
    const two = { authorization: `Bearer ${good.key}`, 'x-api-key': without.key };
    expect(await ask(two)).toEqual([401, { code: 'MALFORMED' }]);
    const basic = { authorization: 'Basic dXNlcjpwYXNz', 'x-api-key': good.key };
    expect(await ask(basic)).toEqual([401, { code: 'MALFORMED' }]);
    const twice = { authorization: `Bearer ${good.key}`, 'x-api-key': good.key };
    expect((await ask(twice))[0]).toBe(200);
    // From a proxy in front of the example, whose word counts.
    const forwarded = { authorization: `Bearer ${bound.key}`, 'x-forwarded-for': '192.0.2.9' };
    expect((await ask(forwarded))[0]).toBe(200);
  });

  test('lets nobody in while Postgres is gone, and is well again by itself', async () => {
    const { key } = await issue(app, { scopes: ['products:read'] });
    await postgres.cut();
    expect(await bearer(key)).toEqual([503, { code: 'UNAVAILABLE' }]);
    await postgres.restore();
    await waitFor(
      'recovery',
      () => bearer(key),
      ([status]) => status === 200,
    );
    await waitFor(
      'the rest of the API',
      () => inSystem(app, (tx) => tx.rows('select 1')).catch(() => []),
      (rows) => rows.length === 1,
    );
  });
});

describe('the page', () => {
  test('lists every code once', () => {
    const rows = page
      .split('\n')
      .filter((line) => /^\| `[A-Z_]+`.*\| (204|401|403|503) /.test(line));
    const codes = rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([A-Z_]+)`/g)].map(([, code]) => code),
    );
    expect(codes.sort()).toEqual([...VerificationCode.options].sort());
  });

  test('names variables that there are', () => {
    const named = [...page.matchAll(/`((?:KEYS|VERIFY|TRUSTED)_[A-Z_]+)/g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(5);
    for (const name of named) expect(Object.keys(variables)).toContain(name);
  });
});
