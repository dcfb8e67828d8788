import { responsesOf } from './openapi';

const problem = { $ref: '#/components/responses/Problem' };
const check = responsesOf({
  openapi: '3.1.0',
  paths: {
    '/invites/{id}': {
      get: {
        responses: {
          200: {
            headers: { ETag: { required: true, schema: { type: 'string', pattern: '^".+"$' } } },
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Invite' } } },
          },
          204: {},
          404: problem,
        },
      },
    },
    '/invites/bulk': {
      get: {
        responses: {
          200: {},
          429: { headers: { 'Retry-After': { schema: { type: 'integer' } } } },
        },
      },
    },
  },
  components: {
    schemas: {
      Invite: {
        type: 'object',
        required: ['id', 'at'],
        properties: {
          id: { type: 'string', format: 'uuid' },
          at: { type: 'string', format: 'date-time' },
        },
        additionalProperties: false,
      },
      Problem: { type: 'object', required: ['code'], properties: { code: { type: 'string' } } },
    },
    responses: {
      Problem: {
        content: {
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        },
      },
    },
  },
});
const invite = { id: '0192f0c1-2345-7abc-8def-0123456789ab', at: '2026-11-21T09:00:00Z' };
const headers = { 'Content-Type': 'application/json; charset=utf-8', etag: '"1"' };

describe('the check of answers against the document', () => {
  test('accepts what is documented, for any value of a path parameter', () => {
    expect(() =>
      check('GET', '/invites/7?x=1', { status: 200, headers, body: invite }),
    ).not.toThrow();
    expect(() =>
      check('get', '/invites/7', { status: 204, headers: {}, body: undefined }),
    ).not.toThrow();
    expect(() =>
      check('get', '/invites/7', {
        status: 404,
        headers: new Headers({ 'content-type': 'application/problem+json' }),
        body: { code: 'not-found' },
      }),
    ).not.toThrow();
  });

  test.each([
    [
      'a status',
      { status: 500, headers, body: invite },
      'status 500 is not documented; there are 200, 204, 404',
    ],
    [
      'a content type',
      { status: 200, headers: { ...headers, 'Content-Type': 'text/html' }, body: '' },
      'content type text/html',
    ],
    [
      'a missing member',
      { status: 200, headers, body: { id: invite.id } },
      "required property 'at'",
    ],
    [
      'a member',
      { status: 200, headers, body: { ...invite, token: 'x' } },
      'additional properties',
    ],
    [
      'a format',
      { status: 200, headers, body: { ...invite, at: 'today' } },
      'body/at must match format',
    ],
    [
      'a missing header',
      { status: 200, headers: { 'content-type': 'application/json' }, body: invite },
      'the header ETag is missing',
    ],
    [
      'a header',
      { status: 200, headers: { ...headers, etag: '1' }, body: invite },
      'header ETag must match pattern',
    ],
    ['a body', { status: 204, headers, body: invite }, 'a body, where none is documented'],
    [
      'a problem',
      { status: 404, headers: { 'content-type': 'application/problem+json' }, body: {} },
      "required property 'code'",
    ],
  ])('refuses %s that is not documented', (_what, response, message) => {
    expect(() => check('GET', '/invites/7', response)).toThrow(message);
  });

  test('knows a literal path from a parameter, and reads numbers in headers', () => {
    expect(() => check('GET', '/invites/bulk', { status: 204, headers: {}, body: '' })).toThrow(
      'status 204',
    );
    expect(() =>
      check('GET', '/invites/bulk', { status: 429, headers: { 'retry-after': '3' }, body: '' }),
    ).not.toThrow();
    expect(() =>
      check('GET', '/invites/bulk', { status: 429, headers: { 'retry-after': 'soon' }, body: '' }),
    ).toThrow('header Retry-After');
  });

  test('lets unknown paths answer 404 and unknown methods 405, and nothing else', () => {
    expect(() => check('GET', '/nowhere', { status: 404, headers: {}, body: {} })).not.toThrow();
    expect(() => check('GET', '/nowhere', { status: 200, headers: {}, body: {} })).toThrow(
      'the path is not documented',
    );
    expect(() => check('PUT', '/invites/7', { status: 405, headers: {}, body: {} })).not.toThrow();
    expect(() => check('PUT', '/invites/7', { status: 200, headers: {}, body: {} })).toThrow(
      'the method is not documented',
    );
  });
});
