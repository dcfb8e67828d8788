import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAnswerWriter, writtenHeaders } from '../../../api/whole-answers';
import { newKey } from '../../../src/platform/crypto/keys';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { issue } from './keys';
import type { TestKey } from './keys';
import { exchange, getOf, postOf } from './wire';

let app: TestApp;
let good: TestKey;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  good = await issue(app, { scopes: ['a:b'] });
}, 120_000);
afterAll(() => app.stop());

/** Answers without what is different in each of them. */
const comparable = (text: string): string[] =>
  text
    .split(/(?=HTTP\/1\.1 )/)
    .map((one) =>
      one
        .replace(/X-Request-Id: [0-9a-f-]{36}\r\n/, 'X-Request-Id: …\r\n')
        .replace(/Date: [^\r]+ GMT\r\n/, 'Date: …\r\n'),
    );

/** The first answer of a second is written by node:http, those behind it in that second ready made. */
const startOfSecond = (): Promise<unknown> => sleep(1_020 - (Date.now() % 1_000));

describe('an answer that is written ready made', () => {
  test.each([
    ['a good key by GET', () => getOf(good.key)],
    ['a bad one by GET', () => getOf('nonsense')],
    [
      'a key by GET that lacks a scope',
      () => getOf(good.key).replace('\r\n\r\n', '\r\nX-Required-Scopes: c:d\r\n\r\n'),
    ],
    ['a good key by POST', () => postOf({ key: good.key })],
    ['a bad one by POST', () => postOf({ key: newKey('ush', 'live') })],
    ['no body at all', () => postOf(null)],
  ])('to %s is what node:http writes, byte for byte', async (_, request) => {
    await exchange(app.url, request());
    await startOfSecond();
    const { text, closed } = await exchange(app.url, request().repeat(5));
    const answers = comparable(text);
    expect(answers).toHaveLength(5);
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatch(
      /\r\nKeep-Alive: timeout=65\r\nDate: …\r\nConnection: keep-alive\r\n\r\n/,
    );
    expect(closed).toBe(false);
  });

  test('has its own id, and a date that goes with the time', async () => {
    const { text } = await exchange(app.url, getOf(good.key).repeat(20));
    const ids = [...text.matchAll(/X-Request-Id: (\S+)/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(20);
    for (let n = 0; n < 3; n += 1) {
      const before = Date.now();
      const dates = [
        ...(await exchange(app.url, getOf(good.key).repeat(3))).text.matchAll(/Date: ([^\r]+)/g),
      ];
      expect(dates).toHaveLength(3);
      for (const [, date = ''] of dates) {
        expect(Date.parse(date)).toBeGreaterThan(before - 2_100);
        expect(Date.parse(date)).toBeLessThanOrEqual(Date.now());
      }
      await sleep(700);
    }
  });

  test('answers requests that were sent at once in their order, whatever takes longer', async () => {
    const { text } = await exchange(
      app.url,
      [
        getOf(good.key),
        postOf({ key: newKey('ush', 'live') }),
        getOf('nonsense'),
        postOf({ key: good.key }),
      ].join(''),
    );
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
      '204',
      '200',
      '401',
      '200',
    ]);
    expect([...text.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code)).toEqual([
      'NOT_FOUND',
      'VALID',
    ]);
  });

  test.each([
    ['that is to be closed', '1.1', 'close'],
    ['of HTTP/1.0', '1.0', undefined],
    ['of HTTP/1.0 that is to be kept', '1.0', 'keep-alive'],
  ])('is none on a connection %s', async (_, version, connection) => {
    await exchange(app.url, getOf(good.key).repeat(2));
    const { text, closed } = await exchange(app.url, getOf(good.key, version, connection));
    expect(text).toMatch(/^HTTP\/1\.1 204 /);
    expect(text).toContain('\r\nConnection: close\r\n');
    expect(closed).toBe(true);
  });

  test('is what most answers of a second are', async () => {
    const write = createAnswerWriter();
    const headers = writtenHeaders(['X-Test', 'a']);
    let written = 0;
    const server = createServer((_, response) => {
      const { writeHead } = response;
      response.writeHead = (...args: unknown[]) => {
        written += 1;
        return Reflect.apply(writeHead, response, args) as typeof response;
      };
      write(response, { status: 200, headers }, { text: 'body', bytes: 4 });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    await startOfSecond();
    for (let n = 0; n < 20; n += 1) expect(await (await fetch(url)).text()).toBe('body');
    server.close();
    expect(written).toBeLessThan(5);
  });

  test('has no header that could hold another one', () => {
    expect(() => writtenHeaders(['X-Scopes', 'a\r\nX-Key-Id: b'])).toThrow('Invalid character');
  });
});
