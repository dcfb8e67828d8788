import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse as parseCookies } from 'cookie';
import { Router } from 'express';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { EndpointContract } from '../src/contracts/http';
import { DomainError } from '../src/errors/problems';
import type { Caller, OnboardingCaller } from '../src/domain/identity/callers';
import { refusalOf } from '../src/domain/identity/permits.rules';
import { sourceOf } from '../src/platform/client-addresses';
import type { Metrics } from '../src/platform/metrics';
import type { RateLimits } from '../src/platform/rate-limits';
import { readBody } from './bodies';
import { ifMatchOf, keyedRequestOf } from './conditions';
import { isStreamed } from './endpoint';
import type { Call, Handler, Reply, Streamed } from './endpoint';
import type { createIdempotencyKeys } from './middleware/idempotency';
import type { FindOnboarding } from './onboarding-cookie';
import { parseRequest } from './parsing';

/** What the router needs beside the contracts and their handlers. */
export interface RouterDeps {
  readonly authenticate: (request: Request) => Promise<Caller>;
  /** The customer behind the onboarding cookie beside whatever else a request carries. */
  readonly findOnboarding: FindOnboarding;
  readonly clientAddress: (request: Request) => string;
  readonly idempotencyKeys: ReturnType<typeof createIdempotencyKeys>;
  /** Bounds all requests of one caller. */
  readonly limits: Pick<RateLimits, 'consume'>;
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
  for (const group of byPath(contracts.filter(({ raw }) => raw === undefined))) {
    const path = group.path.replaceAll(/\{(\w+)\}/g, ':$1');
    for (const contract of group.contracts) {
      const handler = handlers[contract.operationId];
      if (!handler) throw new Error(`There is no handler for ${contract.operationId}`);
      router[contract.method](path, (request, response) =>
        answer(contract, handler as unknown as Handler, deps, request, response),
      );
    }
    const methods = group.contracts.map(({ method }) => method.toUpperCase());
    refuseOtherMethods(router, path, methods.includes('GET') ? [...methods, 'HEAD'] : methods);
  }
  return router;
}

interface PathGroup {
  readonly path: string;
  readonly contracts: readonly EndpointContract[];
}

// A segment that is named comes before one that is a parameter: no other method of `/x/bulk` is one of `/x/{id}`.
function byPath(contracts: readonly EndpointContract[]): PathGroup[] {
  const rank = (path: string): string =>
    path
      .split('/')
      .map((segment) => (segment.startsWith('{') ? '1' : '0'))
      .join('');
  return [...new Set(contracts.map(({ path }) => path))]
    .sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
    .map((path) => ({ path, contracts: contracts.filter((contract) => contract.path === path) }));
}

/** Answers 405 for every method of a path that was not served before, naming those that are. */
export function refuseOtherMethods(router: Router, path: string, known: readonly string[]): void {
  const allow = [...known].sort().join(', ');
  router.all(path, (_request, response) => {
    response.setHeader('Allow', allow);
    throw new DomainError('method-not-allowed');
  });
}

async function answer(
  contract: EndpointContract,
  handler: Handler,
  deps: RouterDeps,
  request: Request,
  response: Response,
): Promise<void> {
  response.locals['operation'] = contract.operationId;
  const caller = await deps.authenticate(request);
  response.locals['actor'] = caller.actorId;
  const ip = deps.clientAddress(request);
  await deps.limits.consume('api', caller.kind === 'anonymous' ? sourceOf(ip) : caller.actorId);
  refuse(caller, contract, deps, request);
  const body = await readBody(contract, request, response);
  const parsed = parseRequest(contract, request, body);
  const keyed = keyedRequestOf(contract, request, caller.actorId, parsed.body);
  const cookies = parseCookies(request.headers.cookie ?? '');
  const call: Call = {
    ...parsed,
    caller,
    onboarding: await onboardingOf(contract, caller, deps, cookies),
    requestId: String(response.locals['requestId']),
    ip,
    userAgent: request.get('user-agent')?.slice(0, 500) ?? null,
    headers: request.headers,
    cookies,
    ifMatch: ifMatchOf(contract, request),
    idempotency: keyed && deps.idempotencyKeys(keyed),
  };
  const reply = await handler(call);
  if (isStreamed(reply.body)) await stream(reply, reply.body, response);
  else send(contract, reply, response);
}

/** Writes a body as it comes; a reader that goes away ends it. */
async function stream(reply: Reply, body: Streamed, response: Response): Promise<void> {
  // One that went while its answer was made was told of before, and is not again.
  if (response.destroyed) return;
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  writeHead(reply, response);
  response.type(body.type);
  try {
    await pipeline(Readable.from(body.stream(gone.signal), { objectMode: true }), response);
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  }
}

async function onboardingOf(
  contract: EndpointContract,
  caller: Caller,
  deps: RouterDeps,
  cookies: Call['cookies'],
): Promise<OnboardingCaller | undefined> {
  if (caller.kind === 'onboarding') return caller;
  return contract.orSelf ? deps.findOnboarding(cookies) : undefined;
}

function refuse(
  caller: Caller,
  contract: EndpointContract,
  deps: RouterDeps,
  request: Request,
): void {
  const refusal = refusalOf(caller, contract, new Date());
  if (!refusal) return;
  deps.onRefused(caller, contract, request);
  throw new DomainError(
    refusal,
    refusal === 'forbidden' ? { detail: `This needs the permission ${contract.access}.` } : {},
  );
}

function writeHead(reply: Reply, response: Response): void {
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  if (reply.cookies) response.setHeader('Set-Cookie', [...reply.cookies]);
  if (reply.version !== undefined) response.setHeader('ETag', `"v${String(reply.version)}"`);
  if (reply.replayed) response.setHeader('Idempotency-Replayed', 'true');
  if (!response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', 'no-store');
  response.status(reply.status);
}

function send(contract: EndpointContract, reply: Reply, response: Response): void {
  writeHead(reply, response);
  const schema = contract.responses[reply.status];
  const body = reply.body as unknown;
  // By `end`: Express would answer 304 to an If-None-Match, but an ETag of ours is a version for If-Match, which stays
  // the same while other things change that an answer shows.
  if (schema === null || body === null) response.end();
  else {
    const isPage = typeof body === 'string';
    const text = isPage ? body : JSON.stringify(body);
    response.type(isPage ? mediaTypeOf(schema) : 'application/json');
    response.setHeader('Content-Length', Buffer.byteLength(text));
    response.end(text);
  }
}

function mediaTypeOf(schema: z.ZodType | undefined): string {
  const type = schema?.meta()?.['contentMediaType'];
  return typeof type === 'string' ? type : 'text/html';
}
