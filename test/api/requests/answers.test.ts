import { randomUUID } from 'node:crypto';
import { endpoints } from '../../../src/contracts/endpoints';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { expectProblem, failures, json, raw, requestId, send } from './wire';
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

describe('every answer', () => {
  test('carries an X-Request-Id of ours, whatever the client sent; only the log has theirs', async () => {
    const paths = [
      '/healthz',
      '/readyz',
      '/openapi.json',
      '/docs',
      '/problems',
      '/me',
      '/nothing',
      '/terms',
      '/invite/x',
    ];
    for (const path of paths) {
      const { headers } = await request(path, {
        method: 'GET',
        headers: { 'x-request-id': 'ticket-7' },
      });
      expect([path, requestId.test(headers.get('x-request-id') ?? '')]).toEqual([path, true]);
    }
    expect(app.logs.join('')).toContain('"client_request_id":"ticket-7"');
    await request('/me', { method: 'GET', headers: { 'x-request-id': 'bad id "}' } });
    expect(app.logs.join('')).not.toContain('bad id');
  });

  test('of the onboarding surface that is a problem has success and message as well', async () => {
    const { body } = await request(invites, { headers: json, body: '{}' });
    expect([body.success, body.message]).toEqual([false, body.detail]);
    expect('success' in (await request('/auth/login', { headers: json, body: '{}' })).body).toBe(
      false,
    );
  });

  test('forbids sniffing, framing and caching', async () => {
    const { headers } = await request(invites, { method: 'GET' });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.has('x-powered-by')).toBe(false);
  });
});

describe('404 not-found', () => {
  test.each([
    '/nothing',
    '/onboarding',
    '/onboarding/invites/',
    '/Onboarding/invites',
    '//onboarding/invites',
    '/onboarding/invites/x/y/z',
    '/problems/nothing',
  ])('for %s', async (path) => {
    expectProblem(await request(path, { method: 'GET' }), 404, 'not-found');
  });
});

describe('405 method-not-allowed', () => {
  const all = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY'];
  const byPath = new Map<string, Set<string>>();
  for (const { path, method } of endpoints) {
    const methods = byPath.get(path) ?? new Set();
    methods.add(method.toUpperCase());
    // Verification is answered ahead of the router, and a gateway never asks for the head alone.
    if (method === 'get' && path !== '/_internal/auth/api-key/verify') methods.add('HEAD');
    byPath.set(path, methods);
  }
  const places = [...byPath].filter(([path]) => !path.startsWith('/login/'));
  for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/problems']) {
    places.push([path, new Set(['GET', 'HEAD'])]);
  }

  test.each(places)('with Allow for every other method of %s', async (path, methods) => {
    const place = path.replaceAll(/\{\w+\}/g, () => randomUUID());
    for (const method of all.filter((one) => !methods.has(one))) {
      const answer = await request(place, { method });
      expectProblem(answer, 405, 'method-not-allowed');
      expect(answer.headers.get('allow')).toBe([...methods].sort().join(', '));
    }
  });
});

describe('a GET', () => {
  test('with a body is answered as if it had none', async () => {
    const answer = await overSocket(
      `GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{{{`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    const list = await overSocket(
      `GET ${invites} HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${key}\r\nContent-Type: application/json\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{{{`,
    );
    expect(list).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  test('answers in full whatever version its client names: a version tells of its own row only', async () => {
    const created = await request(invites, {
      headers: json,
      body: JSON.stringify({ email: `p-${randomUUID()}@example.com` }),
    });
    const path = `/onboarding/jobs/${String(created.body.job_id)}`;
    const { headers } = await request(path, { method: 'GET' });
    expect(headers.get('etag')).toMatch(/^"v\d+"$/);
    for (const known of [headers.get('etag') ?? '', '*']) {
      const again = await request(path, { method: 'GET', headers: { 'if-none-match': known } });
      expect([again.status, again.body.job_id]).toEqual([200, created.body.job_id]);
    }
  });

  test('answers HEAD with the same headers and no body', async () => {
    const [get, head] = [
      await request(invites, { method: 'GET' }),
      await request(invites, { method: 'HEAD' }),
    ];
    expect([head.status, head.body]).toEqual([200, '']);
    expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'));
  });
});

test('no request of this file was answered by a 5xx', () => {
  expect(failures(app)).toEqual([]);
});
