import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { issue, postPath } from './keys';
import type { TestKey } from './keys';
import { exchange, getOf, postOf } from './wire';

let app: TestApp;
let good: TestKey;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  good = await issue(app, { scopes: ['a:b'] });
}, 120_000);
afterAll(() => app.stop());

const statuses = (text: string): (string | undefined)[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
const codes = (text: string): (string | undefined)[] =>
  [...text.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code);
/** A head with another header. */
const withHeader = (request: string, header: string): string =>
  request.replace('\r\n\r\n', `\r\n${header}\r\n\r\n`);

describe('requests on one connection are each answered', () => {
  test.each([
    ['a GET with a body', `${withHeader(getOf('KEY'), 'Content-Length: 5')}12345`],
    [
      'a GET with a body in chunks',
      `${withHeader(getOf('KEY'), 'transfer-encoding: chunked')}5\r\n12345\r\n0\r\n\r\n`,
    ],
    [
      'a GET with a large body',
      `${withHeader(getOf('KEY'), 'content-length: 100000')}${'x'.repeat(100_000)}`,
    ],
    ['a GET with a body of nothing', withHeader(getOf('KEY'), 'Content-Length: 0')],
    ['a GET without', getOf('KEY')],
  ])('%s, and what comes behind it', async (_, request) => {
    const one = request.replace('KEY', good.key);
    const { text } = await exchange(app.url, one + one, one, getOf(good.key));
    expect(statuses(text)).toEqual(['204', '204', '204', '204']);
  });

  test('a POST whose body comes along, later, in pieces, in chunks or not at all', async () => {
    const whole = postOf({ key: good.key });
    const [head = '', body = ''] = whole.split('\r\n\r\n');
    const length = `Content-Length: ${String(body.length)}`;
    const chunked = `${head.replace(length, 'Transfer-Encoding: chunked')}\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    const empty = `${head.replace(length, 'Content-Length: 0')}\r\n\r\n`;
    const { text } = await exchange(
      app.url,
      whole,
      `${head}\r\n\r\n`,
      body,
      `${head}\r\n\r\n${body.slice(0, 10)}`,
      body.slice(10, 20),
      body.slice(20) + chunked,
      chunked.slice(0, -20),
      chunked.slice(-20) + empty + whole,
    );
    expect(codes(text)).toEqual([
      'VALID',
      'VALID',
      'VALID',
      'VALID',
      'VALID',
      'MALFORMED',
      'VALID',
    ]);
  });

  test('a POST that is too large, and the next one', async () => {
    const large = postOf({ key: 'x'.repeat(9_000) });
    const { text } = await exchange(app.url, large + postOf({ key: good.key }));
    expect(codes(text)).toEqual(['MALFORMED', 'VALID']);
  });
});

describe('an expectation', () => {
  const [head = '', body = ''] = postOf({ key: 'nonsense' }, 'expect: 100-Continue').split(
    /(?<=\r\n\r\n)/,
  );

  test('to be told to go on with a body is met', async () => {
    const { text } = await exchange(app.url, head, body);
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    expect(codes(text)).toEqual(['MALFORMED']);
  });

  test('is met by all other paths, too', async () => {
    const other = head.replace(/^POST \S+/, 'POST /v1/tenants');
    const { text } = await exchange(app.url, other, body);
    expect(statuses(text)).toEqual(['100', '401']);
  });

  test('that nobody knows changes nothing', async () => {
    const { text } = await exchange(app.url, withHeader(getOf(good.key), 'Expect: a-miracle'));
    expect(statuses(text)).toEqual(['204']);
  });
});

test('connections that are kept say for how long on every path, those that are not say nothing', async () => {
  const other = 'GET /healthz HTTP/1.1\r\nHost: a\r\n';
  const wrong = `DELETE ${postPath} HTTP/1.1\r\nHost: a\r\n`;
  for (const request of [`${other}\r\n`, `${wrong}\r\n`, getOf(good.key)]) {
    const { text, closed } = await exchange(app.url, request);
    expect([text.match(/Keep-Alive: timeout=65\r\n/g)?.length, closed]).toEqual([1, false]);
  }
  const close = 'Connection: close\r\n\r\n';
  for (const request of [other + close, wrong + close, getOf(good.key, '1.1', 'close')]) {
    const { text, closed } = await exchange(app.url, request);
    expect([text.includes('Keep-Alive:'), closed]).toEqual([false, true]);
  }
});
