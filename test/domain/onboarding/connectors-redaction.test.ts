import fc from 'fast-check';
import type { OutboundResult } from '../../../src/contracts/connectors';
import {
  hiddenOf,
  redactAnswer,
  scrubJson,
  scrubText,
} from '../../../src/domain/onboarding/connectors-redaction.rules';
import { marketplaceToken } from '../../support/backend-compat';
import { aContext } from './connector-files';

const token = marketplaceToken('seller-1');
const hidden = hiddenOf('key-of-things-0001', aContext({ secret: { wb_token: token } }));
const nothing = { redact: [] };

function stored(
  body: unknown,
  call: { redact: string[]; keep?: string[] } = nothing,
  headers: Record<string, string> = {},
) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const json = typeof body === 'string' ? undefined : body;
  const result: OutboundResult = { kind: 'response', status: 200, headers, json, text };
  return redactAnswer(call, result, hidden);
}

describe('a stored answer', () => {
  it('holds neither the token nor the key nor an e-mail address, wherever the backend echoes them', () => {
    const secret = fc.oneof(
      fc.string({ minLength: 8, maxLength: 80 }).filter((value) => !value.includes('*')),
      fc.nat().map((n) => marketplaceToken(`seller-${n}`)),
    );
    fc.assert(
      fc.property(secret, secret, fc.emailAddress(), fc.emailAddress(), (wb, key, owner, other) => {
        const context = aContext({
          input: { spreadsheet_id: 's', owner_email: owner },
          secret: { wb_token: wb },
        });
        const json = {
          message: `failed for ${wb} of ${other}`,
          [wb]: { echo: [wb, { deep: `x${key}y` }] },
          owner,
          link: `https://b.example/?t=${encodeURIComponent(wb)}&o=${encodeURIComponent(other)}`,
        };
        const headers = { 'x-request-id': wb, location: `/x?o=${encodeURIComponent(owner)}` };
        const result: OutboundResult = {
          kind: 'response',
          status: 200,
          headers,
          json,
          text: JSON.stringify(json),
        };
        const hiding = hiddenOf(key, context);
        const kept = JSON.stringify(redactAnswer(nothing, result, hiding));
        const asText = JSON.stringify(
          redactAnswer(nothing, { ...result, json: undefined }, hiding),
        );
        for (const value of [wb, key, owner, other]) {
          for (const spelt of [
            value,
            encodeURIComponent(value),
            JSON.stringify(value).slice(1, -1),
          ]) {
            expect(kept).not.toContain(spelt);
            expect(asText).not.toContain(spelt);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('holds no piece of 16 characters of the token, as error texts quote its start', () => {
    const opaque = fc.base64String({ minLength: 40, maxLength: 400 });
    fc.assert(
      fc.property(opaque, fc.nat(), fc.integer({ min: 16, max: 60 }), (secret, start, length) => {
        const from = start % (secret.length - 16);
        const piece = secret.slice(from, from + length);
        const hiding = hiddenOf(undefined, aContext({ secret: { wb_token: secret } }));
        const clean = scrubText(`invalid token "${piece}" at 7`, hiding);
        for (let at = 0; at + 16 <= piece.length; at += 1) {
          expect(clean).not.toContain(piece.slice(at, at + 16));
        }
        expect(clean.endsWith('" at 7')).toBe(true);
      }),
    );
  });

  it('holds no other token either: whatever looks like a JWT or a bearer key is taken out', () => {
    const old = marketplaceToken('seller-of-long-ago');
    expect(
      stored({ result: [{ value: old }], info: `Authorization: Bearer abc123def456` }),
    ).toEqual({
      status: 200,
      headers: {},
      body: { result: [{ value: '***' }], info: 'Authorization: Bearer ***' },
    });
  });

  it('hides members that are called a secret, whatever they hold', () => {
    const body = {
      wb_token: 'x',
      secrets: ['a', { b: 'c' }],
      password: 'p',
      tokens: 3,
      token_id: 't-1',
    };
    expect(stored(body)).toMatchObject({
      body: {
        wb_token: '***',
        secrets: ['***', { b: '***' }],
        password: '***',
        tokens: 3,
        token_id: 't-1',
      },
    });
  });

  it('keeps what an operator needs to understand a failure', () => {
    const body = { success: false, message: 'spreadsheet is locked by another session', n: 3 };
    expect(stored(body, nothing, { 'retry-after': '7', 'set-cookie': 'sid=1' })).toEqual({
      status: 200,
      headers: { 'retry-after': '7' },
      body,
    });
    expect(stored('<html>Bad Gateway</html>')).toMatchObject({ body: '<html>Bad Gateway</html>' });
  });

  it('lacks the places that the connector redacts', () => {
    const body = {
      result: [
        { sid: 'a', cookie: 'b' },
        { sid: 'c', cookie: 'd' },
      ],
      'a/b': { x: 1 },
    };
    expect(stored(body, { redact: ['/result/*/cookie', '/a~1b'] })).toMatchObject({
      body: {
        result: [
          { sid: 'a', cookie: '***' },
          { sid: 'c', cookie: '***' },
        ],
        'a/b': '***',
      },
    });
  });

  it('has only the kept places where the connector names some', () => {
    const body = { result: [{ sid: 'a', anything: { b: 'c' } }], message: 'm', other: 1 };
    expect(stored(body, { redact: [], keep: ['/result/*/sid', '/message'] })).toMatchObject({
      body: { result: [{ sid: 'a', anything: '***' }], message: 'm', other: '***' },
    });
  });

  it('has no body at all when it is no JSON and the connector redacts something', () => {
    expect(stored('plain secrets', { redact: ['/x'] })).toMatchObject({ body: '***' });
    expect(stored('plain secrets', { redact: [], keep: ['/x'] })).toMatchObject({ body: '***' });
  });

  it('says of a call without an answer why and when', () => {
    expect(
      redactAnswer(nothing, { kind: 'failure', phase: 'after-send', reason: 'timeout' }, hidden),
    ).toEqual({ failure: 'timeout', phase: 'after-send' });
  });

  it('stays small, however much the backend sends', () => {
    const wide = {
      list: Array.from({ length: 10_000 }, (_, n) => ({ n, text: 'x'.repeat(5_000) })),
    };
    expect(JSON.stringify(stored(wide)).length).toBeLessThan(24_000);
    let deep: unknown = 1;
    for (let n = 0; n < 5_000; n += 1) deep = [deep];
    expect(JSON.stringify(scrubJson(deep, hidden)).length).toBeLessThan(100);
    expect(JSON.stringify(stored('y'.repeat(900_000))).length).toBeLessThan(2_000);
  });
});

it('a token of one repeated letter does not hold up the scrubbing of a long answer', () => {
  const hiding = hiddenOf(undefined, aContext({ secret: { wb_token: 'a'.repeat(8_192) } }));
  expect(scrubText('a'.repeat(4_000), hiding)).toBe('***');
});
