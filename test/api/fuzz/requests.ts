import fc from 'fast-check';
import { oddText, valuesOf } from './values';
import type { Schema, World } from './values';

/** An operation of the document. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: 'path' | 'query' | 'header';
    readonly required: boolean;
    readonly schema: Schema;
  }[];
  /** Each description names the problems of its status. */
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
}

/** A request whose every part is decided; names of headers may come twice. */
export interface FuzzRequest {
  readonly method: string;
  /** With the query, percent-encoded. */
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | undefined;
}

type Pairs = readonly (readonly [string, string])[];

/** Headers that make somebody of the sender of a request. */
export interface Credentials {
  /** Of those who may do everything, each in their own way. */
  readonly owners: readonly Pairs[];
  readonly others: readonly Pairs[];
}

/** Requests to an operation: about half of them as the document wants them, the rest with something wrong. */
export function requestsTo(
  operation: Operation,
  world: Omit<World, 'mischief'>,
  { owners, others }: Credentials,
): fc.Arbitrary<FuzzRequest> {
  return fc.boolean().chain((mischief) => {
    const own = { ...world, mischief };
    return fc
      .record({
        path: pathOf(own, operation),
        query: queryOf(own, operation),
        credential: fc.constantFrom(...owners, ...(mischief ? others : [])),
        declared: headersOf(own, operation),
        extra: mischief ? extraHeaders : fc.constant<Pairs>([]),
        content: contentOf(own, operation),
      })
      .map(({ path, query, credential, declared, extra, content }) => ({
        method: operation.method.toUpperCase(),
        path: query === '' ? path : `${path}?${query}`,
        headers: [...credential, ...declared, ...extra, ...content.headers],
        body: content.body,
      }));
  });
}

// Lone surrogates have no UTF-8.
const encoded = (text: string): string => encodeURIComponent(Buffer.from(text).toString());

// As it stands in a path, a query or a header.
const written = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

const oddSegment = fc.oneof(
  oddText.map(encoded).filter((text) => text !== '' && text.length < 3_000),
  fc.constantFrom('%', '%zz', '%ff', '%c3%28', '.', '..', '%2e%2e%2f', ';', '*', '~', '+', '%F0'),
);

function pathOf(world: World, { path, parameters }: Operation): fc.Arbitrary<string> {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
  const segment = (name: string): fc.Arbitrary<string> => {
    const schema = parameters.find((one) => one.in === 'path' && one.name === name)?.schema ?? {};
    const good = valuesOf({ ...world, mischief: false }, schema, name).map((value) =>
      encoded(written(value)),
    );
    return world.mischief
      ? fc.oneof({ weight: 6, arbitrary: good }, { weight: 1, arbitrary: oddSegment })
      : good;
  };
  return fc
    .tuple(...names.map(segment))
    .map((values) => names.reduce((at, name, n) => at.replace(`{${name}}`, values[n] ?? ''), path));
}

function queryOf(world: World, { parameters }: Operation): fc.Arbitrary<string> {
  const declared = parameters.filter((one) => one.in === 'query');
  const pairs = declared.map(({ name, schema, required }) => {
    const pair = valuesOf(world, schema, name).map(
      (value) => `${name}=${encoded(written(value).slice(0, 2_000))}`,
    );
    return required ? pair : fc.option(pair, { freq: 2, nil: '' });
  });
  const whole = fc.tuple(...pairs).map((parts) => parts.filter((part) => part !== ''));
  if (!world.mischief) return whole.map((parts) => parts.join('&'));
  const oddPart = fc.constantFrom(
    'limit=1&limit=2',
    'limit[a]=1',
    'unknown=1',
    '=',
    '&&&',
    'cursor=eyJ9.x',
    'limit=1e9',
    '__proto__=1',
    'limit=%00',
    '%zz=1',
    'a='.repeat(900),
  );
  return fc
    .tuple(whole, fc.option(oddPart, { freq: 6, nil: '' }))
    .map(([parts, more]) => [...parts, ...(more === '' ? [] : [more])].join('&'));
}

function headersOf(world: World, { parameters }: Operation): fc.Arbitrary<Pairs> {
  const declared = parameters.filter((one) => one.in === 'header');
  const pairs = declared.map(({ name, schema, required }) => {
    const good = valuesOf({ ...world, mischief: false }, schema, name).map((value) => [
      [name, written(value).slice(0, 255)] as const,
    ]);
    const choices = [
      { weight: 4, arbitrary: good },
      ...(required ? [] : [{ weight: 4, arbitrary: fc.constant<Pairs>([]) }]),
      ...(world.mischief
        ? [
            { weight: 1, arbitrary: good.map((once): Pairs => [...once, ...once]) },
            {
              weight: 1,
              arbitrary: headerText.map((text): Pairs => [[name, text]]),
            },
          ]
        : []),
    ];
    return fc.oneof<fc.WeightedArbitrary<Pairs>[]>(...choices);
  });
  return fc.tuple(...pairs).map((lists) => lists.flat());
}

// What Node lets a client send.
const headerText = oddText
  .map((text) => text.replaceAll(/[^\t\u0020-\u007e\u0080-\u00ff]/g, '').trim())
  .filter((text) => text.length < 4_000);

const extraHeaders: fc.Arbitrary<Pairs> = fc
  .subarray<readonly [string, string]>(
    [
      ['X-Request-Id', 'not an id "}'],
      ['X-Forwarded-For', 'unknown, ::1, 999.999.1.1, _hidden'],
      ['Forwarded', 'for="[::1]:99999";by=_x'],
      ['Accept', 'application/xml;q=0.1, */*;q=0'],
      ['Accept-Language', 'xx-YY;q=9, *;q=-1'],
      ['Accept-Encoding', 'identity;q=0'],
      ['Cookie', 'usher_session=%; usher_onboarding=a.b.c; =; usher_language=zz'],
      ['Sec-Fetch-Site', 'cross-site'],
      ['Origin', 'null'],
      ['Origin', 'https://attacker.example'],
      ['Authorization', 'Bearer eyJhbGciOiJub25lIn0.e30.'],
      ['Authorization', 'Basic Og=='],
      ['X-Api-Key', ''],
      ['X-Api-Key', 'ush_live_x'],
      ['Content-Language', 'tlh'],
      ['If-None-Match', '*'],
      ['Range', 'bytes=0-1'],
      ['Expect', 'a-miracle'],
      ['X-HTTP-Method-Override', 'DELETE'],
      ['Idempotency-Key', 'of-somebody'],
    ],
    { maxLength: 3 },
  )
  .map((list) => [...list]);

interface Content {
  readonly headers: Pairs;
  readonly body: Buffer | undefined;
}

const none: Content = { headers: [], body: undefined };

function contentOf(world: World, { method, requestBody }: Operation): fc.Arbitrary<Content> {
  if (!requestBody) {
    const crude = crudeBodies.map((body) => typed('application/json', body));
    return world.mischief && method !== 'get'
      ? fc.oneof({ weight: 3, arbitrary: fc.constant(none) }, { weight: 1, arbitrary: crude })
      : fc.constant(none);
  }
  const written = Object.entries(requestBody.content).map(([type, { schema }]) =>
    valuesOf(world, schema).map((value) => typed(type, serialised(type, value))),
  );
  const good = fc.oneof(...written);
  if (!world.mischief) return good;
  const wrongType = fc
    .tuple(good, fc.constantFrom(...wrongTypes))
    .map(([{ body }, type]): Content => ({
      headers: type === '' ? [] : [['Content-Type', type]],
      body,
    }));
  return fc.oneof(
    { weight: 12, arbitrary: good },
    { weight: 2, arbitrary: crudeBodies.map((body) => typed('application/json', body)) },
    { weight: 1, arbitrary: wrongType },
    { weight: 1, arbitrary: cut(good) },
    { weight: 1, arbitrary: fc.constant(none) },
  );
}

const typed = (type: string, body: Buffer): Content => ({
  headers: [['Content-Type', type]],
  body,
});

const wrongTypes = [
  '',
  'text/plain',
  'application/xml',
  'multipart/form-data; boundary=x',
  'application/json; charset=utf-16',
  'application/json;;;',
  '/',
  'text/csv; header=absent',
  'application/x-www-form-urlencoded',
];

function serialised(type: string, value: unknown): Buffer {
  if (type === 'application/json') return Buffer.from(JSON.stringify(value));
  if (type === 'text/csv') return Buffer.from(String(value));
  const members = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return Buffer.from(
    new URLSearchParams(members.map(([name, part]) => [name, String(part)])).toString(),
  );
}

function cut(good: fc.Arbitrary<Content>): fc.Arbitrary<Content> {
  return fc
    .tuple(good, fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([{ headers, body }, at]) => ({
      headers,
      body: body?.subarray(0, Math.floor(body.length * at)),
    }));
}

const crudeBodies: fc.Arbitrary<Buffer> = fc.oneof(
  fc
    .constantFrom(
      ' ',
      '{',
      '[]',
      'null',
      '"text"',
      '1e999',
      '-0',
      '{}{}',
      '\ufeff{}',
      '{"__proto__":{"admin":true}}',
      '{"email":"a@b.example","email":"c@d.example"}',
      '{"reason":1e400}',
      '{"reason":"\\ud800"}',
      '{"reason":"\\u0000"}',
      `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
      `{"a":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`,
      `{"reason":"${'x'.repeat(1_100_000)}"}`,
      `{"n":${'9'.repeat(5_000)}}`,
      'email,name\n"a@b.example',
    )
    .map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);
