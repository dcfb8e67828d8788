import { gzipSync } from 'node:zlib';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { expectProblem, failures, json, raw, send } from './wire';
import type { Seen, Wish } from './wire';

const invites = '/onboarding/invites';
let app: TestApp;
let key: string;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  key = await app.keyFor('owner');
});
afterAll(() => app.stop());

const request = (path: string, wish?: Wish): Promise<Seen> => send(app, key, path, wish);
const overSocket = (text: string): Promise<string> => raw(app, text);

describe('400 malformed-body', () => {
  test.each([
    ['an open brace', '{'],
    ['a comma too many', '{"email":"a@b.example",}'],
    ['single quotes', "{'email':'a@b.example'}"],
    ['two documents', '{}{}'],
    ['NaN', '{"expires_in_hours":NaN}'],
    ['nothing but a blank', ' '],
  ])('for %s', async (_what, body) => {
    expectProblem(await request(invites, { headers: json, body }), 400, 'malformed-body');
  });

  test('for bytes that are no UTF-8', async () => {
    const body = Buffer.concat([
      Buffer.from('{"email":"a@b.example","name":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}'),
    ]);
    expectProblem(await request(invites, { headers: json, body }), 400, 'malformed-body');
  });

  test('for what is no gzip although it says so', async () => {
    const headers = { ...json, 'content-encoding': 'gzip' };
    expectProblem(await request(invites, { headers, body: '{}' }), 400, 'malformed-body');
  });
});

describe('400 malformed-request', () => {
  test.each([
    '/onboarding/jobs/%',
    '/onboarding/jobs/%zz',
    '/onboarding/jobs/%ff',
    '/onboarding/invites/%c3%28/preview',
  ])('for the path %s', async (path) => {
    expectProblem(await request(path, { method: 'GET' }), 400, 'malformed-request');
  });

  test.each([
    ['no HTTP', 'HELLO\r\n\r\n'],
    ['an unknown method', `FETCH / HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a header without a colon', 'GET /me HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n'],
    [
      'two lengths',
      'POST /me HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    ],
    [
      'length and chunks',
      'POST /me HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['no host', 'GET /me HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['headers of 20 KiB', `GET /me HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['a control character in the path', 'GET /\u0001 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('for %s', async (_what, request) => {
    const answer = await overSocket(request);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toMatch(/X-Request-Id: [0-9a-f-]{36}\r\n/i);
    expect(answer).toMatch(/content-type: application\/problem\+json/i);
    expect(answer).toContain('"code":"malformed-request"');
  });

  test('and an expectation that nobody knows is ignored', async () => {
    const answer = await overSocket(
      'GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });
});

describe('413 body-too-large', () => {
  test('for more than 1 MiB, plain or unpacked', async () => {
    const body = JSON.stringify({ email: 'a@b.example', name: 'x'.repeat(1_100_000) });
    expectProblem(await request(invites, { headers: json, body }), 413, 'body-too-large');
    const packed = { ...json, 'content-encoding': 'gzip' };
    expectProblem(
      await request(invites, { headers: packed, body: gzipSync(body) }),
      413,
      'body-too-large',
    );
  });

  test('is not read from somebody who may not send it', async () => {
    const body = JSON.stringify({ name: 'x'.repeat(1_100_000) });
    const { status } = await request(invites, {
      headers: { ...json, 'x-api-key': 'nonsense' },
      body,
    });
    expect(status).toBe(401);
  });
});

describe('415 unsupported-media-type', () => {
  test.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/csv',
    'application/json; charset=klingon',
    'application/json; charset=iso-8859-1',
    'nonsense',
    'application/jsonp',
  ])('for %s', async (type) => {
    const answer = await request(invites, { headers: { 'content-type': type }, body: '{}' });
    expectProblem(answer, 415, 'unsupported-media-type');
  });

  test('for no content type, and for an encoding that nobody knows', async () => {
    const body = Buffer.from('{}');
    expectProblem(await request(invites, { body }), 415, 'unsupported-media-type');
    const headers = { ...json, 'content-encoding': 'zstd-of-tomorrow' };
    expectProblem(await request(invites, { headers, body }), 415, 'unsupported-media-type');
  });

  test('but not for JSON in capital letters, with a charset, or packed', async () => {
    const body = JSON.stringify({ email: 'nobody' });
    for (const headers of [
      { 'content-type': 'Application/JSON' },
      { 'content-type': 'application/json; charset=UTF-8' },
    ]) {
      expect((await request(invites, { headers, body })).status).toBe(422);
    }
    const packed = { ...json, 'content-encoding': 'gzip' };
    expect((await request(invites, { headers: packed, body: gzipSync(body) })).status).toBe(422);
  });
});

test('no request of this file was answered by a 5xx', () => {
  expect(failures(app)).toEqual([]);
});
