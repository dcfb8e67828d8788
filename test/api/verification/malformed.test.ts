import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { newKey } from '../../../src/platform/crypto/keys';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { codeOf, getPath, issue, post, postPath, verdicts, whileLocked } from './keys';
import type { TestKey } from './keys';

let app: TestApp;
let key: TestKey;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  key = await issue(app, { scopes: ['a:b'] });
}, 120_000);
afterAll(() => app.stop());

/** Sends bytes as they are and returns what comes back until the connection is quiet or closed. */
function raw(bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const { port, hostname } = new URL(app.url);
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.write(bytes);
  });
}

const getRaw = (...headers: string[]): Promise<string> =>
  raw(`GET ${getPath} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers.join('\r\n')}\r\n\r\n`);
const askRaw = (one: string, more = ''): string => {
  const body = JSON.stringify({ key: one });
  return `POST ${postPath} HTTP/1.1\r\nHost: x\r\n${more}Content-Length: ${String(body.length)}\r\n\r\n${body}`;
};
const statusOf = (answer: string): number => Number(answer.split(' ')[1]);

describe('POST answers 200 and MALFORMED', () => {
  test('for keys of another length, checksum, alphabet or tag', async () => {
    const good = newKey('ush', 'live');
    const bad = [
      '',
      good.slice(0, -1),
      `${good}A`,
      good.slice(0, -1) + (good.endsWith('A') ? 'B' : 'A'),
      good.replace('_live_', '_prod_'),
      good.toUpperCase(),
      ` ${good}`,
      `${good}\n`,
      good.replace(/.$/, 'é'),
      '🔑'.repeat(22),
      `trk_live_${'a'.repeat(21)}`,
      `trk_live_${'é'.repeat(22)}`,
      `bp_${'a'.repeat(21)}`,
      `bp_${' '.repeat(22)}`,
      '\0'.repeat(45),
    ];
    for (const one of bad)
      expect((await post(app, { key: one })).body).toEqual({ valid: false, code: 'MALFORMED' });
  });

  test('for bodies that are no such request', async () => {
    const bodies = [
      'no json',
      '',
      '[]',
      'null',
      '{"key":1}',
      '{}',
      JSON.stringify({ key: key.key, more: 1 }),
      JSON.stringify({ key: key.key, cost: -1 }),
      JSON.stringify({ key: key.key, cost: 10_001 }),
      JSON.stringify({ key: key.key, cost: 1.5 }),
      JSON.stringify({ key: key.key, scopes: 'a:b' }),
      JSON.stringify({ key: key.key, ip: 'localhost' }),
      JSON.stringify({ key: key.key, tenant_id: 'acme' }),
      `{"key":"${key.key}","__proto__":{"x":1}}`,
    ];
    for (const body of bodies) {
      const answer = await post(app, body);
      expect([answer.status, body, answer.body.code]).toEqual([200, body, 'MALFORMED']);
    }
  });

  test('for bodies above 8 KiB, up to a megabyte and beyond what is read of them', async () => {
    const padded = (bytes: number): string => {
      const body = JSON.stringify({ key: key.key });
      return body.slice(0, -1) + ' '.repeat(bytes - body.length) + '}';
    };
    expect(await codeOf(app, padded(8 * 1024))).toBe('VALID');
    expect(await codeOf(app, padded(8 * 1024 + 1))).toBe('MALFORMED');
    expect(await codeOf(app, padded(1024 * 1024))).toBe('MALFORMED');
    // Whoever sends without end is cut off.
    const endless = `POST ${postPath} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n`;
    await raw(Buffer.concat([Buffer.from(endless), Buffer.alloc(3 * 1024 * 1024)])).catch(() => '');
    expect(await codeOf(app, { key: key.key })).toBe('VALID');
  });

  test('whatever the content type says', async () => {
    const { body } = await app.call('POST', postPath, {
      anonymous: true,
      body: JSON.stringify({ key: key.key }),
      headers: { 'content-type': 'text/plain' },
    });
    expect(body.code).toBe('VALID');
  });
});

describe('GET', () => {
  test('takes one key however often it is sent, and no two', async () => {
    const bearer = `Authorization: Bearer ${key.key}`;
    const other = newKey('ush', 'live');
    expect(statusOf(await getRaw(bearer))).toBe(204);
    expect(statusOf(await getRaw(bearer, bearer))).toBe(204);
    expect(statusOf(await getRaw(bearer, `X-Api-Key: ${key.key}`))).toBe(204);
    expect(statusOf(await getRaw(bearer, `Authorization: Bearer ${other}`))).toBe(401);
    expect(statusOf(await getRaw(`Authorization: Bearer ${other}`, bearer))).toBe(401);
    expect(statusOf(await getRaw(bearer, `X-Api-Key: ${other}`))).toBe(401);
    expect(statusOf(await getRaw(`X-API-KEY: ${key.key}`, `x-api-key: ${other}`))).toBe(401);
  });

  test('adds up required scopes of several headers, so that none can hide another', async () => {
    const bearer = `Authorization: Bearer ${key.key}`;
    expect(statusOf(await getRaw(bearer, 'X-Required-Scopes: a:b', 'X-Required-Scopes: a:b'))).toBe(
      204,
    );
    expect(statusOf(await getRaw(bearer, 'X-Required-Scopes: a:b', 'X-Required-Scopes: c:d'))).toBe(
      403,
    );
    expect(
      statusOf(
        await getRaw(bearer, 'X-Required-Environment: live', 'X-Required-Environment: test'),
      ),
    ).toBe(401);
  });

  test('reads headers in any case and refuses another scheme', async () => {
    expect(statusOf(await getRaw(`aUtHoRiZaTiOn: bEaReR ${key.key}`))).toBe(204);
    expect(statusOf(await getRaw(`Authorization: Basic ${key.key}`))).toBe(401);
    expect(statusOf(await getRaw(`Authorization: ${key.key}`))).toBe(401);
    expect(statusOf(await getRaw('Authorization: Basic eDp5', `X-Api-Key: ${key.key}`))).toBe(401);
  });

  test('does not take a second request that hides in the first', async () => {
    const smuggled = `GET ${getPath} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key.key}\r\n\r\n`;
    const answer = await raw(
      `POST ${postPath} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    );
    expect(statusOf(answer)).toBe(400);
    expect(answer).not.toContain('204');
  });
});

test('other methods get 405 and other paths go to the app', async () => {
  for (const [method, path, allow] of [
    ['GET', postPath, 'POST'],
    ['DELETE', postPath, 'POST'],
    ['POST', getPath, 'GET'],
  ] as const) {
    const { status, headers, body } = await app.call(method, path, { anonymous: true });
    expect([status, headers.get('allow'), body.code]).toEqual([405, allow, 'method-not-allowed']);
  }
  const { status } = await app.call('POST', `${postPath}/`, { anonymous: true });
  expect(status).toBe(404);
});

test('requests that come in one go are answered in their order, each in full', async () => {
  const get = `GET ${getPath} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key.key}\r\n\r\n`;
  const answer = await raw(
    askRaw(key.key) + askRaw('nonsense') + get + askRaw(key.key, 'Connection: close\r\n'),
  );
  const codes = [...answer.matchAll(/"code":"([A-Z_]+)"|HTTP\/1\.1 (204)/g)];
  expect(codes.map(([, code, status]) => code ?? status)).toEqual([
    'VALID',
    'MALFORMED',
    '204',
    'VALID',
  ]);
  const bodies = [...answer.matchAll(/content-length: (\d+)[^{]*(\{.*?\})(?=HTTP|$)/gi)];
  expect(bodies.map(([, length]) => Number(length))).toEqual(
    bodies.map(([, , one]) => one?.length),
  );
  expect(bodies).toHaveLength(3);
});

test('clients that are gone before their answer harm nobody', async () => {
  const { port, hostname } = new URL(app.url);
  const before = await verdicts(app);
  const clients = Array.from({ length: 50 }, () => connect(Number(port), hostname));
  let answered = 0;
  for (const client of clients) client.on('data', () => (answered += 1));
  await Promise.all(clients.map((client) => once(client, 'connect')));
  // Half of them ask for a key that is known, half for one that is not: while Postgres cannot answer they ask and go.
  const { key: unknown } = await issue(app);
  await whileLocked(app, ['api_keys', 'verification_changes'], async () => {
    for (const [n, client] of clients.entries()) client.write(askRaw(n % 2 ? key.key : unknown));
    await sleep(100);
    for (const client of clients) client.resetAndDestroy();
    await sleep(100);
  });
  await waitFor(
    'all verdicts',
    () => verdicts(app),
    (now) => now === before + clients.length,
  );
  expect(answered).toBe(0);
  expect(app.logs.filter((line) => line.includes('A verification failed'))).toEqual([]);
  expect(await codeOf(app, { key: key.key })).toBe('VALID');
});

test('malformed and unknown keys take the same way to the same kind of answer', async () => {
  const seen = await Promise.all(
    ['nonsense', newKey('ush', 'live')].map(async (one) => {
      const { status, headers, body } = await post(app, { key: one });
      return { status, headers: [...headers.keys()].sort(), members: Object.keys(body) };
    }),
  );
  expect(seen[0]).toEqual(seen[1]);
});
