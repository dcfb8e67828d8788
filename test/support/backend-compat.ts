import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a key of the double may do: admin paths, reading tokens and datasets, or nothing but being known. */
export type CompatScope = 'admin' | 'data';

/** How the double is set up; everything has the real backend's value by default. */
export interface CompatOptions {
  readonly keys: Readonly<Record<string, readonly CompatScope[]>>;
  /** Calls per path and window, for the paths of each kind. */
  readonly limits?: { readonly admin?: number; readonly action?: number; readonly data?: number };
  readonly windowMs?: number;
}

/** A spreadsheet of the double. */
export interface CompatSpreadsheet {
  owner_email: string | null;
  is_active: boolean;
  readonly tokens: Map<string, string>;
}

/** One call that came in. */
export interface CompatCall {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: IncomingMessage['headers'];
}

/** The spreadsheet backend that `connectors/backend-compat.json` is written for, with each of its traps. */
export interface BackendCompat {
  readonly url: string;
  readonly spreadsheets: Map<string, CompatSpreadsheet>;
  readonly calls: CompatCall[];
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: object;
}

const realLimits = { admin: 120, action: 240, data: 1_200 };

const paths: Readonly<
  Record<string, { readonly kind: keyof typeof realLimits; readonly scope: CompatScope }>
> = {
  '/admin/spreadsheets/register': { kind: 'admin', scope: 'admin' },
  '/admin/wb/tokens/add': { kind: 'admin', scope: 'admin' },
  '/ss/wb/token/get': { kind: 'data', scope: 'data' },
  '/ss/datasets/update': { kind: 'action', scope: 'data' },
};

/** Starts the double on a free port of 127.0.0.1. */
export async function startBackendCompat(options: CompatOptions): Promise<BackendCompat> {
  const spreadsheets = new Map<string, CompatSpreadsheet>();
  const calls: CompatCall[] = [];
  const taken = new Map<string, number[]>();

  const admitted = (path: string, kind: keyof typeof realLimits) => {
    const now = performance.now();
    const since = now - (options.windowMs ?? 60_000);
    const window = (taken.get(path) ?? []).filter((at) => at > since);
    taken.set(path, window);
    if (window.length >= (options.limits?.[kind] ?? realLimits[kind])) return false;
    window.push(now);
    return true;
  };

  const answer = (
    request: IncomingMessage,
    path: string,
    body: Record<string, unknown>,
  ): Answer => {
    const scopes = options.keys[keyOf(request) ?? ''];
    if (scopes === undefined) return refusal(401, 'invalid api key');
    const route = paths[path];
    if (route === undefined || request.method !== 'POST') return refusal(404, 'not found');
    if (!admitted(path, route.kind)) return refusal(429, 'rate limit exceeded');
    if (!scopes.includes(route.scope)) return refusal(403, `scope ${route.scope} is required`);
    return act(spreadsheets, path, body);
  };

  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const path = (request.url ?? '').replace(/^\/api(?=\/)/, '');
      const given = answer(request, path, body);
      calls.push({
        method: request.method ?? '',
        path: request.url ?? '',
        status: given.status,
        body,
        headers: request.headers,
      });
      respond(response, given);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spreadsheets,
    calls,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function keyOf({ headers }: IncomingMessage): string | undefined {
  const header = headers['x-api-key'];
  return typeof header === 'string' ? header : headers.authorization?.replace(/^Bearer /, '');
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return {};
  }
}

function act(
  spreadsheets: Map<string, CompatSpreadsheet>,
  path: string,
  body: Record<string, unknown>,
): Answer {
  const id = body['spreadsheet_id'];
  switch (path) {
    case '/admin/spreadsheets/register':
      if (!isText(id)) return refusal(400, 'spreadsheet_id is required');
      register(spreadsheets, id, body['owner_email']);
      return { status: 200, body: { success: true, result: { spreadsheet_id: id } } };
    case '/admin/wb/tokens/add': {
      if (!isText(id)) return refusal(400, 'spreadsheet_id is required');
      const token = body['token'];
      const sid = isText(token) ? sidOf(token) : undefined;
      if (!isText(token) || sid === undefined) {
        return refusal(500, 'failed to add token: token contains an invalid number of segments');
      }
      register(spreadsheets, id, body['owner_email']).tokens.set(sid, token);
      return { status: 200, body: { success: true, result: { spreadsheet_id: id, sid } } };
    }
    case '/ss/wb/token/get': {
      const found = isText(id) ? spreadsheets.get(id) : undefined;
      if (!found?.is_active) return refusal(403, 'spreadsheet is not registered');
      const result = [...found.tokens].map(([sid, token]) => ({ sid, token }));
      return { status: 200, body: { result } };
    }
    default: {
      const ssId = body['ssId'];
      const found = isText(ssId) ? spreadsheets.get(ssId) : undefined;
      if (!found?.is_active) return refusal(403, 'spreadsheet is not registered');
      return { status: 200, body: { success: true, message: 'accepted', dataset: null } };
    }
  }
}

// An upsert: what the caller leaves out is overwritten with null.
function register(
  spreadsheets: Map<string, CompatSpreadsheet>,
  id: string,
  owner: unknown,
): CompatSpreadsheet {
  const found = spreadsheets.get(id) ?? { owner_email: null, is_active: true, tokens: new Map() };
  found.owner_email = isText(owner) ? owner : null;
  found.is_active = true;
  spreadsheets.set(id, found);
  return found;
}

function sidOf(token: string): string | undefined {
  const segments = token.split('.');
  if (segments.length !== 3) return undefined;
  try {
    const payload = JSON.parse(Buffer.from(segments[1] ?? '', 'base64url').toString('utf8'));
    return isText(payload.sid) ? payload.sid : undefined;
  } catch {
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function refusal(status: number, message: string): Answer {
  return { status, body: { success: false, message } };
}

function respond(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** A marketplace token as the real ones look: a JWT whose payload names its seller. */
export function marketplaceToken(sid: string, more: object = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signature = Buffer.from(`signature of ${sid} and nothing else`).toString('base64url');
  return `${part({ alg: 'ES256', kid: '1', typ: 'JWT' })}.${part({ ...more, sid })}.${signature}`;
}
