import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { openApiDocument } from '../../api/openapi';
import { problems } from '../../src/errors/problems';
import { accept, invite, untilState } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { around, hostileText, valid } from './arbitraries';
import type { Follow, Schema } from './arbitraries';
import { machine, onboardingCookie, person, signedIn } from './people';
import { failures } from './requests/wire';

/** Requests for each operation; a longer run finds more: FUZZ_RUNS=1000 npx jest test/api/fuzz. */
const runs = Number(process.env['FUZZ_RUNS'] ?? 25);

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly schema: Schema;
}
interface Operation {
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
}

const document = openApiDocument();
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    path,
    method: method.toUpperCase(),
    operation: operation as unknown as Operation,
  })),
);

const follow: Follow = (ref) =>
  ref
    .slice(2)
    .split('/')
    .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], document) as Schema;

let app: TestApp;
let credentials: readonly Readonly<Record<string, string>>[];
/** Values of path parameters that exist, so that requests get beyond 404. */
const known: Record<string, string[]> = {};

beforeAll(async () => {
  app = await startTestApp();
  const [open, done] = [await invite(app), await invite(app)];
  const { headers } = await app.call('POST', `/onboarding/invites/${done.token}/accept`, {
    anonymous: true,
    body: { accept_terms: true },
  });
  await untilState(app, done.jobId, ['active']);
  known['id'] = [open.inviteId, open.jobId, done.inviteId, done.jobId];
  known['client_id'] = [open.clientId, done.clientId];
  known['slug'] = [open.clientId, done.clientId];
  known['token'] = [open.token, done.token];
  const everything = await machine(app, [
    'invites:create',
    'invites:read',
    'invites:resend',
    'onboardings:read',
    'onboardings:provision',
    'onboardings:retry',
    'onboardings:fix',
    'onboardings:skip',
    'onboardings:rollback',
    'onboardings:cancel',
    'gates:manage',
    'incidents:manage',
    'tenants:read',
    'tenants:reconcile',
    'users:grant',
    'service-accounts:create',
    'service-accounts:read',
    'service-accounts:revoke',
  ]);
  const little = await machine(app, ['events:read']);
  credentials = [
    { 'x-api-key': everything.key },
    { authorization: `Bearer ${everything.key}` },
    { 'x-api-key': little.key },
    { 'x-api-key': 'nonsense' },
    { authorization: 'Bearer nonsense.of.somebody' },
    await signedIn(app, await person(app, { roles: ['owner'] })),
    onboardingCookie(headers),
    { cookie: 'usher_session=nonsense; usher_onboarding=nonsense; =;', 'sec-fetch-site': 'none' },
    {},
  ];
}, 120_000);
afterAll(() => app.stop());

/** Names and values of a query string; what is no text is sent as its JSON. */
const queryText = (entries: readonly (readonly [string, unknown])[]): string =>
  entries
    .map(
      ([name, value]) =>
        `${encode(name)}=${encode(typeof value === 'string' ? value : JSON.stringify(value))}`,
    )
    .join('&');

// A segment of these is another path.
const segment = (value: unknown): string =>
  ['', '.', '..'].includes(String(value)) ? 'sample' : encode(String(value));

// By way of UTF-8, since a lone surrogate has no form in a URL.
const encode = (value: string): string => encodeURIComponent(Buffer.from(value).toString());

interface Fuzzed {
  readonly credential: number;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly type: string | undefined;
}

/** Requests, most of them as they should be, so that they get to the work behind the checks. */
function requestsOf(path: string, operation: Operation): Arbitrary<Fuzzed> {
  return fc.oneof(
    { weight: 3, arbitrary: drawn(path, operation, { of: valid, hostile: 0 }) },
    { weight: 2, arbitrary: drawn(path, operation, { of: around, hostile: 1 }) },
  );
}

interface Manner {
  /** Draws a value for a schema. */
  readonly of: typeof valid;
  /** Weight of what has nothing to do with the schema. */
  readonly hostile: number;
}

function drawn(
  path: string,
  { parameters, requestBody }: Operation,
  manner: Manner,
): Arbitrary<Fuzzed> {
  const { of, hostile } = manner;
  const inPlace = (place: Parameter['in']): Parameter[] =>
    parameters.filter((one) => one.in === place);
  const names = inPlace('path').map(({ name }) => name);
  const segments = fc.tuple(
    ...inPlace('path').map(({ name, schema }) =>
      fc.oneof(
        { weight: 5, arbitrary: fc.nat().map((n) => knownValue(name, n)) },
        { weight: 2, arbitrary: of(schema, follow).map(String) },
        { weight: hostile, arbitrary: hostileText },
      ),
    ),
  );
  const query = fc.tuple(
    ...inPlace('query').map(({ name, schema }) =>
      fc.option(
        of(schema, follow).map((value) => [name, value] as const),
        { nil: undefined, freq: 1 },
      ),
    ),
    hostile
      ? fc.option(fc.tuple(hostileText, hostileText), { nil: undefined, freq: 5 })
      : fc.constant(undefined),
  );
  const headers = fc.record(
    Object.fromEntries(
      inPlace('header').map(({ name, schema }) => [
        name,
        of(schema, follow).map((value) => headerText(String(value))),
      ]),
    ),
    { requiredKeys: [] },
  );
  const bodies = Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) =>
    fc.tuple(
      fc.oneof(
        {
          weight: 9,
          arbitrary: fc
            .tuple(of(schema, follow), fc.nat())
            .map(([value, n]) => textOf(type, withKnown(value, n))),
        },
        { weight: hostile, arbitrary: hostileText },
      ),
      fc.oneof(
        { weight: 15, arbitrary: fc.constant(type) },
        {
          weight: hostile,
          arbitrary: fc.constantFrom(
            'text/plain',
            `${type}; charset=utf-16`,
            'application/json',
            '',
          ),
        },
      ),
    ),
  );
  return fc
    .record({
      credential: fc.oneof(
        { weight: 3, arbitrary: fc.constant(0) },
        { weight: 2, arbitrary: fc.nat({ max: 8 }) },
      ),
      segments,
      query,
      headers,
      body: bodies.length > 0 ? fc.oneof(...bodies) : fc.constant(undefined),
    })
    .map((parts) => ({
      credential: parts.credential,
      path: path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
        segment(parts.segments[names.indexOf(name)]),
      ),
      query: queryText(parts.query.filter((entry) => entry !== undefined)),
      headers: parts.headers as Record<string, string>,
      body: parts.body?.[0],
      type: parts.body?.[1],
    }));
}

const knownValue = (name: string, n: number): string =>
  known[name]?.[n % known[name].length] ?? 'sample';

/** Has a body speak, every other time, of a tenant that there is. */
function withKnown(body: unknown, n: number): unknown {
  if (typeof body !== 'object' || body === null || n % 2 === 0) return body;
  const names = Object.keys(body).filter((name) => name === 'client_id' || name === 'tenant_id');
  return {
    ...body,
    ...Object.fromEntries(names.map((name) => [name, knownValue('client_id', n >> 1)])),
  };
}

// What cannot be sent in a header is left out.
const headerText = (value: string): string => value.replaceAll(/[^\x20-\x7e\xa0-\xff]/g, '').trim();

function textOf(type: string, value: unknown): string {
  if (type === 'application/x-www-form-urlencoded' && typeof value === 'object' && value !== null) {
    return queryText(Object.entries(value));
  }
  return type === 'text/csv' && typeof value === 'string' ? value : JSON.stringify(value);
}

describe('whatever is sent, the answer is documented, no 5xx, and a problem document when it is an error', () => {
  test.each(operations.map((one) => [`${one.method} ${one.path}`, one] as const))(
    '%s',
    async (_name, { path, method, operation }) => {
      await fc.assert(
        fc.asyncProperty(requestsOf(path, operation), async (sent) => {
          const target = sent.query === '' ? sent.path : `${sent.path}?${sent.query}`;
          // `call` fails on every answer that the document does not promise.
          const { status, headers, body } = await app.call(method, target, {
            anonymous: true,
            headers: {
              ...credentials[sent.credential],
              ...sent.headers,
              ...(sent.type === undefined ? {} : { 'content-type': sent.type }),
            },
            ...(sent.body === undefined ? {} : { body: sent.body }),
          });
          expect(status).toBeLessThan(500);
          expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
          if (status >= 400 && !headers.get('content-type')?.startsWith('text/html')) {
            expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
            expect(Object.keys(problems)).toContain(body.code);
            expect(body.status).toBe(status);
          }
        }),
        { numRuns: runs, endOnFailure: false },
      );
    },
    60_000 + runs * 2_000,
  );

  test('and nothing was logged as a failure of ours', () => {
    expect(failures(app)).toEqual([]);
  });

  test('and what was there before works as before', async () => {
    const invited = await invite(app);
    await accept(app, invited);
    await untilState(app, invited.jobId, ['active']);
  });
});
