import { parse as parseCookies } from 'cookie';
import { Router } from 'express';
import type { Request, Response } from 'express';
import type { EndpointContract } from '../src/contracts/http';
import { fieldErrors, toPointer } from '../src/errors/http';
import { DomainError } from '../src/errors/problems';
import type { FieldError } from '../src/errors/problems';
import type { Caller, OnboardingCaller } from '../src/domain/identity/callers';
import { refusalOf } from '../src/domain/identity/permits.rules';
import type { Metrics } from '../src/platform/metrics';
import type { Call, Handler, Reply } from './endpoint';
import type { createIdempotencyKeys } from './middleware/idempotency';

/** What the router needs beside the contracts and their handlers. */
export interface RouterDeps {
  readonly authenticate: (request: Request) => Promise<Caller>;
  readonly findOnboarding: (request: Request) => OnboardingCaller | undefined;
  readonly clientAddress: (request: Request) => string;
  readonly idempotencyKeys: ReturnType<typeof createIdempotencyKeys>;
  readonly metrics: Metrics;
  /** Audits that somebody was refused. */
  readonly onRefused: (caller: Caller, contract: EndpointContract, request: Request) => void;
}

/** Handlers of all endpoints by operationId, with their types erased; each was checked where it was made. */
export type AnyHandlers = Readonly<Record<string, Handler<never>>>;

/**
 * The table of all endpoints: contract → caller → permission → parse → handler → answer. Pages are left to their own
 * routes. A known path with another method answers 405.
 */
export function createRouter(
  contracts: readonly EndpointContract[],
  handlers: AnyHandlers,
  deps: RouterDeps,
): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const methods = new Map<string, Set<string>>();
  for (const contract of contracts) {
    const path = contract.path.replaceAll(/\{(\w+)\}/g, ':$1');
    const handler = handlers[contract.operationId];
    if (!handler) throw new Error(`There is no handler for ${contract.operationId}`);
    router[contract.method](path, (request, response) =>
      answer(contract, handler, deps, request, response),
    );
    const known = methods.get(path) ?? new Set();
    known.add(contract.method.toUpperCase());
    if (contract.method === 'get') known.add('HEAD');
    methods.set(path, known);
  }
  for (const [path, known] of methods) {
    router.all(path, (_request, response) => {
      response.setHeader('Allow', [...known].sort().join(', '));
      throw new DomainError('method-not-allowed');
    });
  }
  return router;
}

async function answer(
  contract: EndpointContract,
  handler: Handler<never>,
  deps: RouterDeps,
  request: Request,
  response: Response,
): Promise<void> {
  response.locals['operation'] = contract.operationId;
  const caller = await deps.authenticate(request);
  response.locals['actor'] = caller.actorId;
  const refusal = refusalOf(caller, contract, new Date());
  if (refusal) {
    deps.onRefused(caller, contract, request);
    throw new DomainError(refusal, {
      ...(refusal === 'forbidden'
        ? { detail: `This needs the permission ${contract.access}.` }
        : {}),
    });
  }
  const parsed = parseRequest(contract, request);
  const call: Call = {
    caller,
    onboarding: deps.findOnboarding(request),
    ...parsed,
    requestId: String(response.locals['requestId']),
    ip: deps.clientAddress(request),
    userAgent: request.get('user-agent')?.slice(0, 500) ?? null,
    headers: request.headers,
    cookies: parseCookies(request.headers.cookie ?? ''),
    ifMatch: ifMatchOf(contract, request),
    idempotency: idempotencyOf(contract, deps, request, caller, parsed.body),
  };
  const reply = await (handler as unknown as Handler)(call);
  send(contract, reply as Reply, response);
}

function parseRequest(
  contract: EndpointContract,
  request: Request,
): { params: never; query: never; body: never } {
  const errors: FieldError[] = [];
  const parse = (
    schema: EndpointContract['body'],
    value: unknown,
    prefix: readonly string[],
  ): unknown => {
    errors.push(...nulErrors(value, prefix));
    if (!schema) return undefined;
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    errors.push(...fieldErrors(result.error, prefix));
    return undefined;
  };
  requireBodyType(contract, request);
  const params = parse(contract.params, request.params, ['path']);
  const query = parse(contract.query, request.query, ['query']);
  if (!contract.query) {
    for (const name of Object.keys(request.query)) {
      errors.push({
        pointer: toPointer(['query', name]),
        message: 'This parameter is not known here.',
      });
    }
  }
  const body = parse(contract.body, contract.body ? (request.body as unknown) : undefined, []);
  if (errors.length > 0)
    throw new DomainError('validation-failed', { errors: errors.slice(0, 100) });
  return { params, query, body } as { params: never; query: never; body: never };
}

// Postgres cannot store U+0000 in text, so no text may hold it anywhere.
function nulErrors(value: unknown, path: readonly PropertyKey[]): FieldError[] {
  if (typeof value === 'string') {
    return value.includes('\u0000')
      ? [{ pointer: toPointer(path), message: 'must not contain U+0000' }]
      : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) => [
    ...(key.includes('\u0000')
      ? [{ pointer: toPointer(path), message: 'names must not contain U+0000' }]
      : []),
    ...nulErrors(part, [...path, key]),
  ]);
}

function requireBodyType(contract: EndpointContract, request: Request): void {
  if (!contract.body) return;
  const types = contract.bodyTypes ?? ['application/json'];
  const hasBody =
    request.headers['transfer-encoding'] !== undefined ||
    Number(request.headers['content-length'] ?? 0) > 0;
  if (hasBody && !request.is([...types])) {
    throw new DomainError('unsupported-media-type', { detail: `Send ${types.join(' or ')}.` });
  }
}

function ifMatchOf(contract: EndpointContract, request: Request): number | undefined {
  const given = request.get('if-match');
  if (!contract.ifMatch || given === undefined || given === '*') {
    if (contract.ifMatch === 'required' && given === undefined)
      throw new DomainError('precondition-required');
    return undefined;
  }
  const version = /^"v(\d{1,9})"$/.exec(given.trim())?.[1];
  if (version === undefined) throw new DomainError('version-stale');
  return Number(version);
}

function idempotencyOf(
  contract: EndpointContract,
  deps: RouterDeps,
  request: Request,
  caller: Caller,
  body: unknown,
): Call['idempotency'] {
  if (!contract.idempotent) return undefined;
  const header = request.get('idempotency-key');
  const field = (body as { idempotency_key?: string } | undefined)?.idempotency_key;
  if (header !== undefined && field !== undefined && header !== field) {
    throw new DomainError('idempotency-key-mismatch');
  }
  const key = header ?? field;
  if (key === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new DomainError('validation-failed', {
      errors: [
        {
          pointer: '/headers/idempotency-key',
          message: 'must be 1 to 255 printable characters without spaces',
        },
      ],
    });
  }
  const { idempotency_key: _key, ...rest } = (body ?? {}) as Record<string, unknown>;
  return deps.idempotencyKeys({
    scope: `${caller.actorId}\n${contract.method} ${request.path}`,
    key,
    body: rest,
    once: contract.once ?? [],
  });
}

function send(contract: EndpointContract, reply: Reply, response: Response): void {
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  if (reply.cookies) response.setHeader('Set-Cookie', [...reply.cookies]);
  if (reply.version !== undefined) response.setHeader('ETag', `"v${String(reply.version)}"`);
  if (reply.replayed) response.setHeader('Idempotency-Replayed', 'true');
  if (!response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', 'no-store');
  response.status(reply.status);
  const schema = contract.responses[reply.status];
  const body = reply.body as unknown;
  if (schema === null || body === null) response.end();
  else if (typeof body === 'string') response.type('html').send(body);
  else response.type('application/json').send(JSON.stringify(body));
}
