import { z } from 'zod';
import { endpoints } from '../src/contracts/endpoints';
import { Problem } from '../src/contracts/http';
import type { EndpointContract } from '../src/contracts/http';
import { problems } from '../src/errors/problems';
import type { ProblemCode } from '../src/errors/problems';
import { bodyTypesOf } from './bodies';
import { createSchemas } from './openapi-schemas';
import type { Json, Schemas } from './openapi-schemas';

/** The API as an OpenAPI 3.1 document. */
export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: Json;
  readonly servers: readonly Json[];
  readonly tags: readonly Json[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly components: Json;
}

/** The API as an OpenAPI 3.1 document, made from the contracts alone. */
export function openApiDocument(): OpenApiDocument {
  const schemas = createSchemas();
  schemas.convert(Problem, 'output');
  const paths: Record<string, Record<string, Json>> = {};
  for (const contract of endpoints) {
    const methods = (paths[contract.path] ??= {});
    methods[contract.method] = operation(contract, schemas);
  }
  const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Usher',
      version: '1',
      description: 'Onboarding and lifecycle of tenants. Errors are RFC 9457 problem documents.',
      license: { name: 'Proprietary', identifier: 'LicenseRef-Proprietary' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(endpoints.map(({ tag }) => tag))].map((name) => ({
      name,
      ...(Object.hasOwn(tagDescriptions, name) ? { description: tagDescriptions[name] } : {}),
    })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas.components).sort(byName)),
      headers: sharedHeaders,
      securitySchemes: {
        serviceKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
        bearer: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-usher_session' },
        onboarding: { type: 'apiKey', in: 'cookie', name: '__Host-usher_onboarding' },
      },
    },
  };
}

const tagDescriptions: Readonly<Record<string, string>> = {
  'sign-in': 'Sessions of people: passwords, login links, OpenID Connect, and who one is',
  'service accounts': 'Machine callers: their keys, permissions and address lists',
  users: 'What people may do on the platform',
  pages: 'Pages of login links, for people',
  invites: 'Inviting customers, one or many, and what became of each invite',
  customers: 'What the holder of an invite link may do',
  onboarding: 'What a tenant hands over for its set-up, and how far that is',
  jobs: 'Onboardings as support staff sees them, and the orders that they take',
  'roll-out': 'Stages, gates, figures and incidents',
  tenants: 'What a tenant has at each backend, compared and repaired',
};

function operation(contract: EndpointContract, schemas: Schemas): Json {
  return {
    operationId: contract.operationId,
    tags: [contract.tag],
    summary: contract.summary,
    ...(contract.access.includes(':') ? { 'x-permission': contract.access } : {}),
    security: security(contract),
    parameters: parameters(contract, schemas),
    ...(contract.body ? { requestBody: requestBody(contract, contract.body, schemas) } : {}),
    responses: responses(contract, schemas),
  };
}

function security(contract: EndpointContract): Json[] {
  const { access } = contract;
  if (access === 'public' || access === 'holder') return [];
  return [
    { serviceKey: [] },
    { bearer: [] },
    { session: [] },
    ...(contract.orSelf ? [{ onboarding: [] }] : []),
  ];
}

function parameters(contract: EndpointContract, schemas: Schemas): Json[] {
  const from = (schema: z.ZodObject | undefined, place: 'path' | 'query'): Json[] => {
    if (!schema) return [];
    const json = schemas.convert(schema, 'input') as {
      properties?: Record<string, Json>;
      required?: string[];
    };
    return Object.entries(json.properties ?? {}).map(([name, property]) => {
      const { description, ...rest } = property;
      return {
        name,
        in: place,
        required: place === 'path' || (json.required ?? []).includes(name),
        ...(description ? { description } : {}),
        schema: rest,
      };
    });
  };
  const header = (
    name: string,
    description: string,
    pattern: string,
    more: { readonly required?: boolean; readonly example?: string } = {},
  ): Json => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string', pattern },
    ...more,
  });
  const { idempotent, ifMatch, raw } = contract;
  const repeatable = 'Makes the request safe to repeat for 24 hours';
  return [
    ...from(contract.params, 'path'),
    ...from(contract.query, 'query'),
    ...(raw?.requestHeaders ?? []).map(({ name, description, pattern }) =>
      header(name, description, pattern),
    ),
    ...(idempotent ? [header('Idempotency-Key', repeatable, '^[\\x21-\\x7e]{1,255}$')] : []),
    ...(ifMatch
      ? [
          header('If-Match', 'The ETag that was read', '^("v[0-9]{1,9}"|\\*)$', {
            required: ifMatch === 'required',
            example: '"v1"',
          }),
        ]
      : []),
  ];
}

function requestBody(contract: EndpointContract, body: z.ZodType, schemas: Schemas): Json {
  const schemaOf = (type: string): z.ZodType =>
    type === 'text/csv' ? (contract.csv ?? z.string()) : body;
  return {
    // A body all of whose members are optional may be left out.
    required: !body.safeParse({}).success,
    content: Object.fromEntries(
      bodyTypesOf(contract).map((type) => [
        type,
        { schema: schemas.convert(schemaOf(type), 'input') },
      ]),
    ),
  };
}

function responses(contract: EndpointContract, schemas: Schemas): Json {
  const result: Record<string, Json> = {};
  for (const [status, schema] of Object.entries(contract.responses)) {
    result[status] = {
      description: contract.summary,
      headers: {
        ...headersOf(contract.raw ? [] : successHeaders(contract)),
        ...rawHeaders(contract, Number(status)),
      },
      ...(schema ? { content: contentOf(schema, schemas) } : {}),
    };
  }
  const byStatus = [...groupByStatus(problemsOf(contract))].sort(([a], [b]) => a - b);
  for (const [status, codes] of byStatus) {
    const before = result[String(status)] as { content?: Json } | undefined;
    result[String(status)] = {
      description: codes.map((code) => `\`${code}\`: ${problems[code].title}`).join('; '),
      headers: headersOf(problemHeaders[status] ?? []),
      content: {
        ...before?.content,
        'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        ...(contract.tag === 'pages' ? { 'text/html': { schema: { type: 'string' } } } : {}),
      },
    };
  }
  return result;
}

function contentOf(schema: z.ZodType, schemas: Schemas): Json {
  const { contentMediaType: type, alsoMediaType: other } = schema.meta() ?? {};
  const text = { schema: { type: 'string' } };
  return {
    ...(typeof type === 'string'
      ? { [type]: text }
      : { 'application/json': { schema: schemas.convert(schema, 'output') } }),
    ...(typeof other === 'string' ? { [other]: text } : {}),
  };
}

const sharedHeaders = {
  'X-Request-Id': {
    required: true,
    description: 'Finds the request in logs, audit entries and attempts',
    schema: { type: 'string', format: 'uuid' },
  },
  'Retry-After': {
    required: true,
    description: 'Seconds to wait before the next try',
    schema: { type: 'integer', minimum: 1 },
  },
  'WWW-Authenticate': { required: true, schema: { type: 'string' } },
  ETag: { description: 'Version of the resource', schema: { type: 'string' } },
  'X-Audit-Lag': {
    description: 'For how many seconds entries have been waiting that the answer may lack',
    schema: { type: 'number', minimum: 0 },
  },
  'Idempotency-Replayed': {
    description: 'true when this is the answer of an earlier request with the same key',
    schema: { type: 'string', enum: ['true'] },
  },
};

type HeaderName = keyof typeof sharedHeaders;

const problemHeaders: Readonly<Record<number, readonly HeaderName[]>> = {
  401: ['WWW-Authenticate'],
  412: ['ETag'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};

function successHeaders(contract: EndpointContract): HeaderName[] {
  return [
    ...(contract.method === 'get' ? (['ETag'] as const) : []),
    ...(contract.idempotent ? (['Idempotency-Replayed'] as const) : []),
    ...(contract.tag === 'audit' && contract.method === 'get' ? (['X-Audit-Lag'] as const) : []),
  ];
}

function headersOf(names: readonly HeaderName[]): Json {
  return Object.fromEntries(
    ['X-Request-Id', ...names].map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );
}

// A raw 401 is no problem document, but says how to sign in as one would.
function rawHeaders({ raw }: EndpointContract, status: number): Json {
  if (!raw) return {};
  const described = (raw.responseHeaders?.[status] ?? []).map(({ name, description, pattern }) => [
    name,
    { description, schema: { type: 'string', pattern } },
  ]);
  return {
    ...(status === 401 ? headersOf(['WWW-Authenticate']) : {}),
    ...(Object.fromEntries(described) as Json),
  };
}

/** Problems that an endpoint can answer: by its kind, and those that it names. */
function problemsOf(contract: EndpointContract): ProblemCode[] {
  if (contract.raw) return [...contract.problems];
  const { access, method, stepUp, idempotent, ifMatch } = contract;
  const isOpen = access === 'public' || access === 'holder';
  const isRead = method === 'get';
  const codes: (ProblemCode | false | undefined)[] = [
    'malformed-request',
    'validation-failed',
    'internal',
    'unavailable',
    'rate-limited',
    // A credential that is no good is refused everywhere, also where none is needed.
    'unauthenticated',
    'wrong-audience',
    'address-not-allowed',
    !isOpen && 'forbidden',
    !isOpen && 'password-change-required',
    stepUp && 'step-up-required',
    !isRead && 'cross-origin',
    !isRead && 'malformed-body',
    !isRead && 'body-too-large',
    !isRead && 'unsupported-media-type',
    idempotent && 'idempotency-key-reused',
    idempotent && 'idempotency-key-mismatch',
    idempotent && 'request-in-progress',
    ifMatch && 'version-stale',
    ifMatch === 'required' && 'precondition-required',
    ...contract.problems,
  ];
  return [...new Set(codes.filter((code) => code !== undefined && code !== false))];
}

function groupByStatus(codes: readonly ProblemCode[]): Map<number, ProblemCode[]> {
  const groups = new Map<number, ProblemCode[]>();
  for (const code of codes) {
    const { status } = problems[code];
    groups.set(status, [...(groups.get(status) ?? []), code]);
  }
  return groups;
}
