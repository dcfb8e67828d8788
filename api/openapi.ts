import { z } from 'zod';
import { endpoints } from '../src/contracts/endpoints';
import { Problem } from '../src/contracts/http';
import type { EndpointContract } from '../src/contracts/http';
import { problems } from '../src/errors/problems';
import type { ProblemCode } from '../src/errors/problems';

type Json = Record<string, unknown>;

const methodsWithBody = new Set(['post', 'put', 'patch']);

/** Problems that an endpoint can answer by its kind, beyond those that it names. */
function problemsOf(contract: EndpointContract): ProblemCode[] {
  const { access } = contract;
  const known = access !== 'public' && access !== 'holder';
  return [
    'malformed-request',
    'validation-failed',
    'internal',
    'unavailable',
    'rate-limited',
    // A credential that is no good is refused everywhere, also where none is needed.
    'unauthenticated',
    ...(known
      ? ([
          'forbidden',
          'wrong-audience',
          'address-not-allowed',
          'password-change-required',
        ] as const)
      : []),
    ...(contract.method === 'get' ? [] : (['cross-origin'] as const)),
    ...(contract.stepUp ? (['step-up-required'] as const) : []),
    ...(contract.body
      ? (['malformed-body', 'body-too-large', 'unsupported-media-type'] as const)
      : []),
    ...(contract.idempotent
      ? (['idempotency-key-reused', 'idempotency-key-mismatch', 'request-in-progress'] as const)
      : []),
    ...(contract.ifMatch ? (['version-stale'] as const) : []),
    ...(contract.ifMatch === 'required' ? (['precondition-required'] as const) : []),
    ...contract.problems,
  ];
}

// Components by id, so that a schema that is used twice stands in the document once.
function createSchemas() {
  const components: Json = {};
  const convert = (schema: z.ZodType, io: 'input' | 'output'): Json => {
    const {
      $defs,
      $schema: _,
      ...json
    } = z.toJSONSchema(schema, {
      target: 'draft-2020-12',
      io,
      unrepresentable: 'any',
    }) as Json & { $defs?: Json };
    for (const [name, definition] of Object.entries($defs ?? {}))
      components[name] = relocated(definition);
    return relocated(json) as Json;
  };
  return { components, convert };
}

function relocated(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/'),
  ) as unknown;
}

function parameters(
  contract: EndpointContract,
  inline: (schema: z.ZodType, io: 'input') => Json,
): Json[] {
  const from = (schema: z.ZodObject | undefined, place: 'path' | 'query'): Json[] => {
    if (!schema) return [];
    const json = inline(schema, 'input') as {
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
  const header = (name: string, description: string, required: boolean, schema: Json): Json => ({
    name,
    in: 'header',
    required,
    description,
    schema,
  });
  return [
    ...from(contract.params, 'path'),
    ...from(contract.query, 'query'),
    ...(contract.idempotent
      ? [
          header('Idempotency-Key', 'Makes the request safe to repeat for 24 hours', false, {
            type: 'string',
            pattern: '^[\\x21-\\x7e]{1,255}$',
          }),
        ]
      : []),
    ...(contract.ifMatch
      ? [
          header('If-Match', 'The ETag that was read', contract.ifMatch === 'required', {
            type: 'string',
            pattern: '^("v[0-9]{1,9}"|\\*)$',
          }),
        ]
      : []),
  ];
}

function responses(
  contract: EndpointContract,
  refer: (schema: z.ZodType, io: 'output') => Json,
): Json {
  const result: Json = {};
  for (const [status, schema] of Object.entries(contract.responses)) {
    const isHtml = schema?.meta()?.['contentMediaType'] === 'text/html';
    result[status] = {
      description: contract.summary,
      headers: { 'X-Request-Id': { schema: { type: 'string', format: 'uuid' } } },
      ...(schema
        ? {
            content: {
              [isHtml ? 'text/html' : 'application/json']: {
                schema: isHtml ? { type: 'string' } : refer(schema, 'output'),
              },
            },
          }
        : {}),
    };
  }
  const byStatus = groupByStatus(problemsOf(contract));
  for (const [status, codes] of [...byStatus].sort(([a], [b]) => a - b)) {
    const unique = [...new Set(codes)];
    const media = { schema: { $ref: '#/components/schemas/Problem' } };
    const before = result[String(status)] as { content?: Json } | undefined;
    result[String(status)] = {
      ...before,
      description: unique.map((code) => `\`${code}\`: ${problems[code].title}`).join('; '),
      headers: { 'X-Request-Id': { schema: { type: 'string', format: 'uuid' } } },
      content: {
        ...before?.content,
        'application/problem+json': media,
        ...(contract.tag === 'pages' ? { 'text/html': { schema: { type: 'string' } } } : {}),
      },
    };
  }
  return result;
}

function groupByStatus(codes: readonly ProblemCode[]): Map<number, ProblemCode[]> {
  const groups = new Map<number, ProblemCode[]>();
  for (const code of codes) {
    const { status } = problems[code];
    groups.set(status, [...(groups.get(status) ?? []), code]);
  }
  return groups;
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

/** The API as an OpenAPI 3.1 document, made from the contracts alone. */
export function openApiDocument(): Json {
  const schemas = createSchemas();
  schemas.convert(Problem, 'output');
  const paths: Record<string, Json> = {};
  for (const contract of endpoints) {
    const operation = {
      operationId: contract.operationId,
      tags: [contract.tag],
      summary: contract.summary,
      ...(contract.access.includes(':') ? { 'x-permission': contract.access } : {}),
      security: security(contract),
      parameters: parameters(contract, schemas.convert),
      ...(contract.body && methodsWithBody.has(contract.method)
        ? {
            requestBody: {
              required: true,
              content: Object.fromEntries(
                (contract.bodyTypes ?? ['application/json']).map((type) => [
                  type,
                  {
                    schema:
                      type === 'text/csv'
                        ? { type: 'string' }
                        : schemas.convert(contract.body ?? z.never(), 'input'),
                  },
                ]),
              ),
            },
          }
        : {}),
      responses: responses(contract, schemas.convert),
    };
    paths[contract.path] = { ...paths[contract.path], [contract.method]: operation };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Usher',
      version: '1',
      description: 'Onboarding and lifecycle of tenants. Errors are RFC 9457 problem documents.',
      license: { name: 'Proprietary', identifier: 'LicenseRef-Proprietary' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(endpoints.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries(
        Object.entries(schemas.components).sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
      securitySchemes: {
        serviceKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
        bearer: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-usher_session' },
        onboarding: { type: 'apiKey', in: 'cookie', name: '__Host-usher_onboarding' },
      },
    },
  };
}
