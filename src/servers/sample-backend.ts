import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { answerTest } from './sample-backend-control';
import type { SeenCall } from './sample-backend-control';
import { createFaultPlan, createSlidingLimits } from './sample-backend-faults';
import type { BackendFault } from './sample-backend-faults';
import { answerTo, failure, parseObject } from './sample-backend-routes';
import type { Answer } from './sample-backend-routes';
import { openState } from './sample-backend-state';
import type { BackendState } from './sample-backend-state';

/** A running sample backend. */
export interface SampleBackend {
  readonly url: string;
  stop(): Promise<void>;
}

const mostCalls = 100_000;
const mostBytes = 1024 * 1024;

/**
 * Starts the sample provisioning backend on 127.0.0.1 (port 0: a free one). It keeps the contract that
 * `connectors/sample.json` declares, honours Idempotency-Key, looks objects up and deletes them. Below `/_test`,
 * which takes no key, tests read objects and calls and set faults and limits.
 */
export async function startSampleBackend(options: {
  port: number;
  key: string;
  stateFile?: string | undefined;
}): Promise<SampleBackend> {
  const state = openState(options.stateFile);
  const faults = createFaultPlan();
  const limits = createSlidingLimits();
  let calls: SeenCall[] = [];
  const reset = () => {
    state.clear();
    faults.set([]);
    limits.set([]);
    calls = [];
  };

  const answer = (request: IncomingMessage, call: SeenCall, body: string, fault?: BackendFault) => {
    if (!isAllowed(request, options.key)) return failure(401, 'invalid api key');
    if (!limits.admit(call.path, Date.now())) return failure(429, 'rate limit exceeded');
    if (fault?.mode === 'status') return failure(fault.status, fault.message);
    return act(state, call, body);
  };
  const server = createServer((request, response) => {
    readBody(request, response, (body) => {
      const target = request.url ?? '';
      if (!URL.canParse(target, 'http://backend')) {
        write(response, failure(400, 'bad request'));
        return;
      }
      const url = new URL(target, 'http://backend');
      const method = request.method ?? 'GET';
      if (url.pathname.startsWith('/_test/')) {
        write(response, answerTest({ state, faults, limits, calls, reset }, method, url, body));
        return;
      }
      const path = url.pathname.replace(/^\/api(?=\/)/, '');
      const fault = faults.strike(method, path);
      const call: SeenCall = {
        at: new Date().toISOString(),
        method,
        path,
        status: null,
        idempotency_key: keyOf(request),
        replayed: false,
        fault: fault?.mode ?? null,
        fields: fieldsOf(body),
      };
      calls.push(call);
      if (calls.length > mostCalls) calls = calls.slice(mostCalls / 2);
      if (fault?.mode === 'reset-before-act') request.socket.resetAndDestroy();
      else deliver(answer(request, call, body, fault), fault, call, request, response);
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  }).catch((error: unknown) => {
    state.close();
    throw error;
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          state.close();
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  then: (body: string) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= mostBytes) chunks.push(chunk);
  });
  request.on('error', () => undefined);
  request.on('end', () => {
    if (size > mostBytes) write(response, failure(413, 'body too large'));
    else then(Buffer.concat(chunks).toString('utf8'));
  });
}

function isAllowed({ headers }: IncomingMessage, key: string): boolean {
  return headers['x-api-key'] === key || headers.authorization === `Bearer ${key}`;
}

function keyOf({ headers }: IncomingMessage): string | null {
  const key = headers['idempotency-key'];
  return typeof key === 'string' && key !== '' ? key : null;
}

function fieldsOf(body: string): string[] {
  const parsed = body === '' ? undefined : parseObject(body);
  return parsed === undefined ? [] : Object.keys(parsed);
}

/** Does what a call asks for; a key that was seen before gets its first answer again. */
function act(state: BackendState, call: SeenCall, body: string): Answer {
  const key = call.idempotency_key;
  const request = key === null ? '' : digest(`${call.method} ${call.path}\n${body}`);
  const kept = key === null ? undefined : state.answerTo(key);
  if (kept) {
    if (kept.request !== request) return failure(422, 'this Idempotency-Key had another request');
    call.replayed = true;
    return { status: kept.status, body: kept.body };
  }
  const answer = answerTo(state, call.method, call.path, body);
  if (answer.effect) {
    const { status, body: text, effect } = answer;
    state.commit(effect, key === null ? undefined : { key, request, status, body: text });
  }
  return answer;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** Sends an answer the way that the fault, if any, wants it lost. */
function deliver(
  answer: Answer,
  fault: BackendFault | undefined,
  call: SeenCall,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  switch (fault?.mode) {
    case 'timeout-after-act':
      return;
    case 'reset-after-act':
      request.socket.resetAndDestroy();
      return;
    case 'malformed':
      call.status = 200;
      write(response, { status: 200, body: '{"success":tru' });
      return;
    case 'slow':
      setTimeout(() => {
        call.status = answer.status;
        write(response, answer);
      }, fault.delay_ms).unref();
      return;
    case 'status':
      call.status = answer.status;
      write(response, answer, fault.retry_after);
      return;
    case 'reset-before-act':
    case undefined:
      call.status = answer.status;
      write(response, answer);
  }
}

function write(response: ServerResponse, { status, body }: Answer, retryAfter?: number): void {
  if (response.destroyed) return;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  });
  response.end(body);
}

const usage =
  'usage: sample-backend --port N [--key K] [--state FILE]   (the key may be in SAMPLE_BACKEND_KEY)';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, key: { type: 'string' }, state: { type: 'string' } },
  });
  const port = Number(values.port ?? 0);
  const key = values.key ?? process.env['SAMPLE_BACKEND_KEY'] ?? '';
  if (!Number.isInteger(port) || port < 0 || port > 65_535 || key === '') throw new Error(usage);
  const backend = await startSampleBackend({ port, key, stateFile: values.state });
  process.stdout.write(`${JSON.stringify({ url: backend.url })}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void backend.stop().then(() => process.exit(0)));
  }
}

if (require.main === module) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
