import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newKey } from '../../src/platform/crypto/keys';
import { freePort } from '../../src/servers/free-port';
import { startCuttableProxy } from '../api/cuttable-proxy';
import type { CuttableProxy } from '../api/cuttable-proxy';
import { insertEntitlement, insertProduct } from '../domain/api-keys/rows';
import { activeTenant, inSystem, issue } from '../api/verification/keys';
import type { TestKey } from '../api/verification/keys';
import { listening, startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';

let postgres: CuttableProxy;
let app: TestApp;
let service: Server;
let nginx: ChildProcess | undefined;
let folder: string;
let url: string;
/** What the service behind nginx was sent. */
const seen: { url: string; headers: IncomingHttpHeaders; body: string }[] = [];
beforeAll(async () => {
  requireNginx();
  postgres = await startCuttableProxy();
  app = await startTestApp({
    worker: false,
    databaseUrl: postgres.through,
    env: { TRUSTED_PROXIES: '127.0.0.1/32' },
  });
  service = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      seen.push({ url: request.url ?? '', headers: request.headers, body });
      response.end('from the service');
    });
  });
  const serviceUrl = await listening(service);
  const port = await freePort();
  url = `http://127.0.0.1:${String(port)}`;
  folder = configure(port, new URL(app.url).host, new URL(serviceUrl).host);
  nginx = spawn('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'], {
    stdio: 'inherit',
  });
  await waitFor(
    'nginx',
    () => fetch(url).catch(() => undefined),
    (answer) => answer !== undefined,
  );
}, 120_000);
afterAll(async () => {
  // Without one nothing was started, and why is told already.
  if (!nginx) return;
  const ended = once(nginx, 'exit');
  nginx.kill('SIGTERM');
  await ended;
  service.closeAllConnections();
  await new Promise((resolve) => service.close(resolve));
  await app.stop();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  seen.length = 0;
});

function requireNginx(): void {
  const found = spawnSync('nginx', ['-V'], { encoding: 'utf8' });
  if (found.error || !found.stderr.includes('http_auth_request_module'))
    throw new Error(
      'There is no nginx with auth_request here: `apt-get install nginx` (Debian, Ubuntu) or `apk add nginx` (Alpine).',
    );
}

/** The sample of deploy/nginx with this test's addresses, and around it what its readers have in nginx.conf. */
function configure(port: number, usher: string, yours: string): string {
  const made = mkdtempSync(join(tmpdir(), 'usher-nginx-'));
  const sample = join(__dirname, '..', '..', 'deploy', 'nginx');
  let text = readFileSync(join(sample, 'api-keys.conf'), 'utf8');
  for (const [from, to] of [
    ['server usher:8092;', `server ${usher};`],
    ['server your-service:8080;', `server ${yours};`],
    ['listen 8080;', `listen 127.0.0.1:${String(port)};`],
  ] as const) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  writeFileSync(join(made, 'api-keys.conf'), text);
  cpSync(join(sample, 'snippets'), join(made, 'snippets'), { recursive: true });
  mkdirSync(join(made, 'temp'));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path temp/${kind};`)
    .join('\n');
  writeFileSync(
    join(made, 'nginx.conf'),
    `daemon off;
    master_process off;
    pid nginx.pid;
    error_log error.log warn;
    events {}
    http {
      access_log off;
      ${temporary}
      include api-keys.conf;
    }`,
  );
  return made;
}

const ask = (
  path: string,
  key: string | undefined,
  request: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
): Promise<Response> =>
  fetch(`${url}${path}`, {
    ...request,
    headers: { ...(key ? { authorization: `Bearer ${key}` } : {}), ...request.headers },
  });
const statusOf = async (path: string, key?: string): Promise<number> =>
  (await ask(path, key)).status;

describe('a request with an API key', () => {
  let tenantId: string;
  let key: TestKey;
  beforeAll(async () => {
    tenantId = await activeTenant(app);
    key = await issue(app, { tenantId, scopes: ['products:read', 'search:read'] });
  });

  test('that is good comes through, with whose it is and without it', async () => {
    const answer = await ask('/products/1?x=y', key.key, { method: 'POST', body: 'hello' });
    expect([answer.status, await answer.text()]).toEqual([200, 'from the service']);
    const [{ headers, ...rest } = { headers: {} as IncomingHttpHeaders }] = seen;
    expect(rest).toEqual({ url: '/products/1?x=y', body: 'hello' });
    expect(headers).toMatchObject({
      'x-key-id': key.id,
      'x-tenant-id': key.tenantId,
      'x-scopes': 'products:read search:read',
      'x-environment': 'live',
    });
    expect(JSON.stringify(headers)).not.toContain(key.key);
    expect(await statusOf('/products/', undefined)).toBe(401);
    const byHeader = await fetch(`${url}/products/`, { headers: { 'x-api-key': key.key } });
    expect(byHeader.status).toBe(200);
  });

  test('has nothing of what the client says of itself come through as ours', async () => {
    const claims = {
      'x-key-id': 'mine',
      'x-tenant-id': 'mine',
      'x-scopes': 'admin',
      'x-environment': 'test',
      'x-real-ip': '10.0.0.1',
      'x-forwarded-for': '10.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'mine.example',
      forwarded: 'for=10.0.0.1',
    };
    expect((await ask('/products/', key.key, { headers: claims })).status).toBe(200);
    const { headers = {} } = seen[0] ?? {};
    expect(Object.fromEntries(Object.keys(claims).map((name) => [name, headers[name]]))).toEqual({
      'x-key-id': key.id,
      'x-tenant-id': key.tenantId,
      'x-scopes': 'products:read search:read',
      'x-environment': 'live',
      'x-real-ip': '127.0.0.1',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
    });
  });

  test('that is revoked, unknown, malformed or for tests gets one and the same 401', async () => {
    const revoked = await issue(app, { tenantId, scopes: ['products:read'], revoked: true });
    const forTests = await issue(app, { tenantId, environment: 'test' });
    const keys = [revoked.key, newKey('ush', 'live'), 'nonsense', forTests.key];
    const answers = await Promise.all(keys.map((one) => ask('/products/', one)));
    const told = await Promise.all(
      answers.map(async (answer) => [
        answer.status,
        answer.headers.get('www-authenticate'),
        await answer.text(),
      ]),
    );
    expect(told[0]?.[0]).toBe(401);
    expect(new Set(told.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(seen).toEqual([]);
  });

  test('that is revoked meanwhile comes through no more', async () => {
    const { key: soon, id } = await issue(app, { tenantId, scopes: ['products:read'] });
    expect(await statusOf('/products/', soon)).toBe(200);
    await inSystem(app, (tx) =>
      tx.run('update api_keys set revoked_at = now() where id = $1', [id]),
    );
    expect(await statusOf('/products/', soon)).toBe(401);
  });

  test('that lacks a scope or a product gets 403 and the reason', async () => {
    const without = await issue(app, { tenantId, scopes: ['search:read'] });
    const answer = await ask('/products/', without.key);
    expect([answer.status, await answer.json()]).toEqual([403, { code: 'scope_denied' }]);
    await inSystem(app, (tx) => insertProduct(tx, 'search'));
    const denied = await ask('/search/', without.key);
    expect([denied.status, await denied.json()]).toEqual([403, { code: 'product_denied' }]);
    await inSystem(app, (tx) => insertEntitlement(tx, { tenantId, product: 'search' }));
    expect(await statusOf('/search/', without.key)).toBe(200);
  });

  test('above its rate gets 429 with the time to wait', async () => {
    const limited = await issue(app, {
      tenantId,
      scopes: ['products:read'],
      rateLimit: { limit: 1, seconds: 3_600 },
    });
    expect(await statusOf('/products/', limited.key)).toBe(200);
    const answer = await ask('/products/', limited.key);
    expect([answer.status, await answer.json()]).toEqual([429, { code: 'rate_limited' }]);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('goes by the address that nginx sees, whatever the client says', async () => {
    const bound = await issue(app, { tenantId, scopes: ['products:read'], cidrs: ['10.0.0.0/8'] });
    const answer = await ask('/products/', bound.key, { headers: { 'x-real-ip': '10.0.0.1' } });
    expect([answer.status, await answer.json()]).toEqual([403, { code: 'ip_denied' }]);
  });

  test('cannot lower what is required, nor bring two keys', async () => {
    const without = await issue(app, { tenantId, scopes: ['search:read'] });
    const answer = await ask('/products/', without.key, {
      headers: { 'x-required-scopes': 'search:read', 'x-required-environment': 'test' },
    });
    expect(answer.status).toBe(403);
    const two = await raw(
      `GET /products/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${key.key}\r\nX-Api-Key: ${without.key}\r\n\r\n`,
    );
    expect(two).toContain(' 401 ');
    expect(await statusOf('/_usher/api-key', key.key)).toBe(404);
  });
});

test('while Postgres is gone nothing comes through, and all does again once it is back', async () => {
  const { key } = await issue(app, { scopes: ['products:read'] });
  expect(await statusOf('/products/', key)).toBe(200);
  await postgres.cut();
  seen.length = 0;
  for (let n = 0; n < 5; n += 1) {
    const answer = await ask('/products/', key);
    expect([answer.status, await answer.json()]).toEqual([503, { code: 'unavailable' }]);
  }
  expect(seen).toEqual([]);
  await postgres.restore();
  await waitFor(
    'recovery',
    () => statusOf('/products/', key),
    (status) => status === 200,
  );
});

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => {
      resolve(answer);
    });
  });
}
