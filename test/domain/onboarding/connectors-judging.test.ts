import type { OutboundReason, OutboundResult } from '../../../src/contracts/connectors';
import {
  judge,
  judgeVerify,
  retryAfter,
} from '../../../src/domain/onboarding/connectors-judging.rules';
import type { TemplateContext } from '../../../src/domain/onboarding/connectors-templates.rules';
import { hiddenFor } from '../../../src/domain/onboarding/connectors.rules';
import { aConnector, aContext, aStep } from './connector-files';

const now = Date.parse('2026-11-21T10:00:00Z');

function response(
  status: number,
  body: unknown = '',
  headers: Record<string, string> = {},
): OutboundResult {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const json = typeof body === 'string' ? undefined : body;
  return { kind: 'response', status, headers, json, text };
}

const failure = (phase: 'before-send' | 'after-send', reason: OutboundReason): OutboundResult => ({
  kind: 'failure',
  phase,
  reason,
});

function judged(step: object, result: OutboundResult, context: TemplateContext = aContext()) {
  const connector = aConnector({ steps: [aStep(step)] });
  return judge(connector.steps[0]!, result, {
    context,
    now,
    hidden: hiddenFor(connector, context),
  });
}

function lookedUp(verify: object, result: OutboundResult, context: TemplateContext = aContext()) {
  const request = { method: 'GET', path: '/things' };
  const step = {
    repeat: 'verify',
    verify: { request, expect: { status: 200 }, absent: [{ status: 404 }], ...verify },
  };
  const connector = aConnector({ steps: [aStep(step)] });
  return judgeVerify(connector.steps[0]!.verify!, result, {
    context,
    now,
    hidden: hiddenFor(connector, context),
  });
}

describe('without rules of the connector', () => {
  it.each([
    [200, 'success', undefined],
    [202, 'uncertain', 'backend-answer-unreadable'],
    [302, 'permanent', 'backend-refused'],
    [400, 'permanent', 'backend-refused'],
    [401, 'permanent', 'backend-unauthorized'],
    [403, 'permanent', 'backend-forbidden'],
    [404, 'permanent', 'backend-refused'],
    [408, 'transient', 'backend-timeout'],
    [409, 'transient', 'backend-unavailable'],
    [425, 'transient', 'backend-unavailable'],
    [429, 'rate-limited', undefined],
    [500, 'transient', 'backend-unavailable'],
    [503, 'transient', 'backend-unavailable'],
    [504, 'transient', 'backend-timeout'],
  ])('status %d is %s (%s)', (status, kind, problem) => {
    expect(judged({}, response(status))).toMatchObject(problem ? { kind, problem } : { kind });
  });

  it.each<['before-send' | 'after-send', OutboundReason, string, string]>([
    ['before-send', 'refused', 'transient', 'backend-unreachable'],
    ['before-send', 'dns', 'transient', 'backend-unreachable'],
    ['before-send', 'tls', 'transient', 'backend-unreachable'],
    ['before-send', 'timeout', 'transient', 'backend-unreachable'],
    ['before-send', 'reset', 'transient', 'backend-unreachable'],
    ['before-send', 'address-refused', 'permanent', 'backend-unreachable'],
    ['before-send', 'request-refused', 'permanent', 'backend-unreachable'],
    ['after-send', 'timeout', 'uncertain', 'backend-timeout'],
    ['after-send', 'reset', 'uncertain', 'backend-unreachable'],
    ['after-send', 'too-large', 'uncertain', 'backend-answer-unreadable'],
    ['after-send', 'unreadable', 'uncertain', 'backend-answer-unreadable'],
  ])('a call that failed %s with %s is %s (%s)', (phase, reason, kind, problem) => {
    expect(judged({}, failure(phase, reason))).toEqual({ kind, problem });
  });

  it.each([500, 502, 504, 408])(
    'status %d of a step that is never repeated is uncertain',
    (status) => {
      expect(judged({ repeat: 'never' }, response(status)).kind).toBe('uncertain');
    },
  );

  it.each([503, 409, 425])(
    'status %d says even of such a step that it did not happen',
    (status) => {
      expect(judged({ repeat: 'never' }, response(status)).kind).toBe('transient');
    },
  );
});

describe('an answer is the expected one only when all of it holds', () => {
  const step = {
    expect: {
      status: [200, '3xx'],
      json: [
        { pointer: '/success', equals: true },
        { pointer: '/result/id', equals: '{{input.spreadsheet_id}}' },
        { pointer: '/gone', exists: false },
        { pointer: '/list', type: 'array' },
        { pointer: '/name', matches: '^thing-\\d+$' },
        { pointer: '/list', contains_item: { pointer: '/n', equals: 2 } },
      ],
    },
  };
  const good = {
    success: true,
    result: { id: 'sheet-0001' },
    list: [{ n: 1 }, { n: 2 }],
    name: 'thing-7',
  };

  it('succeeds then', () => {
    expect(judged(step, response(200, good)).kind).toBe('success');
    expect(judged(step, response(304, good)).kind).toBe('success');
  });

  it.each([
    ['another value', { ...good, success: 'true' }],
    ['another id', { ...good, result: { id: 'sheet-0002' } }],
    ['a missing member', { ...good, result: {} }],
    ['a member too many', { ...good, gone: null }],
    ['an object for a list', { ...good, list: { n: 2 } }],
    ['a text that does not match', { ...good, name: 'thing-' }],
    ['a list without the item', { ...good, list: [{ n: 1 }, null, 2] }],
    ['an inherited member', JSON.parse('{"__proto__":{"success":true}}')],
    ['null', null],
  ])('is uncertain with %s in a 200', (_what, body) => {
    expect(judged(step, response(200, body))).toEqual({
      kind: 'uncertain',
      problem: 'backend-answer-unreadable',
    });
  });

  it.each(['', '<html>ok</html>', '{"success":tru'])(
    'is uncertain for a 200 with the text %p',
    (text) => {
      expect(judged(step, response(200, text)).kind).toBe('uncertain');
    },
  );

  it('takes 42 and "42" for the same id', () => {
    const byId = {
      expect: { status: 200, json: [{ pointer: '/id', equals: '{{input.spreadsheet_id}}' }] },
    };
    const context = aContext({ input: { spreadsheet_id: '42' } });
    expect(judged(byId, response(200, { id: 42 }), context).kind).toBe('success');
  });

  it('matches nothing against a value that the context does not have', () => {
    const byOwner = {
      expect: { status: 200, json: [{ pointer: '/o', equals: '{{input.owner_email}}' }] },
    };
    const context = aContext({ input: {} });
    for (const body of [{ o: '' }, { o: null }, {}, { o: 'undefined' }]) {
      expect(judged(byOwner, response(200, body), context).kind).toBe('uncertain');
    }
  });

  it('needs no JSON when nothing of it is asked for', () => {
    expect(judged({ expect: { status: 204 } }, response(204)).kind).toBe('success');
  });
});

describe('rules of the connector', () => {
  const step = {
    permanent: [
      { status: 500, text: { contains: 'failed to add token:' }, problem: 'token-malformed' },
      { status: '5xx', headers: [{ name: 'X-Fatal', equals: 'yes' }] },
      { json: [{ pointer: '/code', equals: 'E_GONE' }], problem: 'workspace-not-registered' },
    ],
    transient: [
      { status: 422, text: { starts_with: 'busy' } },
      { status: 422, text: { matches: '\\btry again\\b' }, problem: 'backend-unavailable' },
    ],
    uncertain: [{ status: [502, 504] }],
  };

  it.each([
    ['a body text', response(500, 'failed to add token: bad'), 'permanent', 'token-malformed'],
    ['a header', response(503, '', { 'x-fatal': 'yes' }), 'permanent', 'backend-unavailable'],
    ['a JSON value', response(418, { code: 'E_GONE' }), 'permanent', 'workspace-not-registered'],
    ['the start of a text', response(422, 'busy now'), 'transient', 'backend-refused'],
    ['a pattern', response(422, 'please try again later'), 'transient', 'backend-unavailable'],
    ['a status alone', response(502), 'uncertain', 'backend-unavailable'],
    ['none: the default', response(500, 'other'), 'transient', 'backend-unavailable'],
    ['none: the default', response(422, 'no'), 'permanent', 'backend-refused'],
  ])('decide before the defaults, by %s', (_by, result, kind, problem) => {
    expect(judged(step, result)).toMatchObject({ kind, problem });
  });

  it('never outweigh the expected answer', () => {
    expect(judged({ permanent: [{ status: 200 }] }, response(200)).kind).toBe('success');
  });

  it('look at the first 1,000 characters of a text only, so that no answer takes long to judge', () => {
    const pattern = { transient: [{ status: 400, text: { matches: 'x.*y.*z' } }] };
    expect(judged(pattern, response(400, `x${' '.repeat(1100)}yz`)).kind).toBe('permanent');
  });
});

describe('Retry-After', () => {
  it.each([
    ['2', 2_000],
    ['0', 0],
    ['Sat, 21 Nov 2026 10:00:30 GMT', 30_000],
    ['Sat, 21 Nov 2026 09:00:00 GMT', 0],
    ['86400', 30 * 60_000],
    ['999999999999', 30 * 60_000],
    ['soon', undefined],
    ['-5', undefined],
    ['', undefined],
  ])('%p is a wait of %p ms', (header, wait) => {
    const result = response(429, '', { 'retry-after': header });
    expect(judged({}, result)).toEqual({ kind: 'rate-limited', retryAfterMs: wait });
  });

  it('is honoured for transient answers as well, and none is no wait', () => {
    expect(judged({}, response(503, '', { 'retry-after': '3' }))).toMatchObject({
      retryAfterMs: 3_000,
    });
    expect(retryAfter({ headers: {} }, now)).toBeUndefined();
  });
});

describe('extracts', () => {
  const step = {
    extract: {
      id: { pointer: '/result/id' },
      tag: { pointer: '/tags', where: { pointer: '/of', equals: '{{tenant.slug}}' }, take: '/v' },
      sid: { jwt: '{{secret.wb_token}}', claim: 'sid' },
      note: { pointer: '/note', optional: true },
    },
  };
  const body = {
    result: { id: 7 },
    tags: [
      { of: 'other', v: 1 },
      { of: 'acme', v: 'mine' },
    ],
  };

  it('come from the answer, from one item of a list in it, and from a claim of a token', () => {
    expect(judged(step, response(200, body))).toEqual({
      kind: 'success',
      extract: { id: 7, tag: 'mine', sid: 'seller-1' },
    });
  });

  it.each([
    ['missing', { ...body, result: {} }],
    ['null', { ...body, result: { id: null } }],
    ['no scalar', { ...body, result: { id: { a: 1 } } }],
    ['longer than 500 characters', { ...body, result: { id: 'x'.repeat(501) } }],
    ['of no fitting item', { ...body, tags: [] }],
    ['an optional one of the wrong kind', { ...body, note: [] }],
  ])('make an answer unreadable when one is %s', (_how, answer) => {
    expect(judged(step, response(200, answer)).kind).toBe('uncertain');
  });

  it('never hold the secret of the call or a piece of it', () => {
    const context = aContext();
    const token = context.secret.wb_token!;
    for (const id of [token, `t:${token}`, token.slice(20, 60), 'key-of-things-0001']) {
      const answer = { ...body, result: { id } };
      expect(judged(step, response(200, answer), context).kind).toBe('uncertain');
    }
  });

  it('may be an e-mail address, which some backends use as an id', () => {
    const answer = { ...body, result: { id: 'owner@customer.example' } };
    expect(judged(step, response(200, answer))).toMatchObject({
      extract: { id: 'owner@customer.example' },
    });
  });
});

describe('a look-up', () => {
  const sidListed = {
    expect: {
      status: 200,
      json: [
        {
          pointer: '/result',
          contains_item: { pointer: '/sid', equals: { jwt: '{{secret.wb_token}}', claim: 'sid' } },
        },
      ],
    },
    absent: [{ status: 200, json: [{ pointer: '/result', type: 'array' }] }, { status: 403 }],
    permanent: [{ status: 403, text: { contains: 'scope' } }],
  };

  it('finds that the call landed, by a claim of the token that was sent', () => {
    const found = response(200, { result: [{ sid: 'other' }, { sid: 'seller-1' }] });
    expect(lookedUp(sidListed, found)).toEqual({ kind: 'landed', extract: {} });
  });

  it.each([
    ['a list without it', response(200, { result: [{ sid: 'other' }] })],
    ['an empty list', response(200, { result: [] })],
    ['a status that says so', response(403, { message: 'not registered' })],
  ])('finds that it never landed: %s', (_what, result) => {
    expect(lookedUp(sidListed, result)).toEqual({ kind: 'absent' });
  });

  it('takes a permanent rule before absence', () => {
    const verdict = lookedUp(sidListed, response(403, 'scope data is required'));
    expect(verdict).toEqual({ kind: 'permanent', problem: 'backend-forbidden' });
  });

  it('does not take an answer that it cannot read for absence', () => {
    const verify = { ...sidListed, extract: {} };
    expect(lookedUp(verify, response(200, { items: [] })).kind).toBe('transient');
    expect(lookedUp(verify, response(200, '<html>')).kind).toBe('transient');
  });

  it('is never uncertain itself: it changes nothing and can be repeated', () => {
    expect(lookedUp({}, failure('after-send', 'timeout'))).toEqual({
      kind: 'transient',
      problem: 'backend-timeout',
    });
    expect(lookedUp({}, response(200, 'x', {})).kind).toBe('landed');
    expect(lookedUp({}, response(429)).kind).toBe('rate-limited');
    expect(lookedUp({}, response(401)).kind).toBe('permanent');
  });
});
