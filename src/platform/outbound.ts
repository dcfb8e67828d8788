import { lookup } from 'node:dns';
import http from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import type { OutboundReason, OutboundResult } from '../contracts/connectors';
import { createAddressGuard } from './outbound-addresses';
import type { AddressGuard } from './outbound-addresses';

/** One HTTP request to a system outside. */
export interface OutboundRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** From the call to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Longest body that is read; 1 MiB unless said otherwise. */
  readonly maxBytes?: number | undefined;
}

/** The guarded HTTP client. */
export interface Outbound {
  /** Sends one request and reads its answer. Follows no redirect, tries nothing twice, and never rejects. */
  send(request: OutboundRequest): Promise<OutboundResult>;
  /** Closes idle connections; calls under way are cut off. */
  close(): void;
}

/** What `createOutbound` needs. */
export interface OutboundOptions {
  /** Ranges that may be dialled although they are no public addresses; link-local and metadata ones stay closed. */
  readonly allowCidrs: readonly string[];
  /** Refuses http: outside dev. */
  readonly requireHttps: boolean;
  readonly log?: { warn(fields: object, message: string): void } | undefined;
  /** Name resolution; the system's unless a test brings its own. */
  readonly resolve?: typeof lookup | undefined;
  /** Certificate authorities in PEM beside the built-in ones' place; for backends with one of their own. */
  readonly ca?: string | undefined;
}

const mebibyte = 1024 * 1024;
// Shorter than the idle time of common servers (Node: 5 s), so that few requests meet a connection about to close.
const idleMs = 4_000;

/**
 * Opens the HTTP client for connectors and hooks (docs/CONNECTORS.md): keep-alive, no redirects, one deadline for
 * the whole call, a capped answer, and a check of the address that is really dialled, so that a name that changes its
 * address after a check (DNS rebinding) gains nothing. Throws when a range of `allowCidrs` is none.
 */
export function createOutbound(options: OutboundOptions): Outbound {
  const guard = createAddressGuard(options.allowCidrs);
  const agents = guardedAgents(guard, options);
  return {
    send(request) {
      const target = allowedTarget(request.url, guard, options);
      return typeof target === 'string'
        ? Promise.resolve({ kind: 'failure', phase: 'before-send', reason: target })
        : exchange(
            request,
            target,
            target.protocol === 'https:' ? agents['https:'] : agents['http:'],
          );
    },
    close() {
      agents['http:'].destroy();
      agents['https:'].destroy();
    },
  };
}

/** Agents of `node:http` and `node:https` that keep connections and dial what the guard lets them. */
export function guardedAgents(
  guard: AddressGuard,
  options: Pick<OutboundOptions, 'log' | 'resolve' | 'ca'>,
): { readonly 'http:': http.Agent; readonly 'https:': https.Agent } {
  const agentOptions = {
    keepAlive: true,
    maxSockets: 256,
    maxFreeSockets: 64,
    timeout: idleMs,
    lookup: guardedLookup(guard, options),
  };
  return {
    'http:': new http.Agent(agentOptions),
    'https:': new https.Agent({ ...agentOptions, ...(options.ca ? { ca: options.ca } : {}) }),
  };
}

const blockedCode = 'EUSHERBLOCKED';

function allowedTarget(
  text: string,
  guard: AddressGuard,
  { requireHttps, log }: OutboundOptions,
): URL | 'request-refused' | 'address-refused' {
  if (!URL.canParse(text)) return 'request-refused';
  const url = new URL(text);
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && !requireHttps);
  if (!secure || url.username !== '' || url.password !== '') return 'request-refused';
  // A literal address is dialled without any name look-up, so it is checked here.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0 && !guard(host)) {
    log?.warn({ 'outbound.host': host }, 'Refused to call a closed address');
    return 'address-refused';
  }
  return url;
}

function guardedLookup(
  guard: AddressGuard,
  options: Pick<OutboundOptions, 'log' | 'resolve'>,
): LookupFunction {
  const resolve = options.resolve ?? lookup;
  return (hostname, wanted, callback) => {
    resolve(hostname, { ...wanted, all: true }, (error, addresses) => {
      if (error) {
        callback(error, []);
        return;
      }
      const open = addresses.filter(({ address }) => guard(address));
      const [first] = open;
      if (first === undefined) {
        options.log?.warn({ 'outbound.host': hostname }, 'Refused to call a closed address');
        const blocked = new Error('The address of this host is closed to outgoing calls');
        callback(Object.assign(blocked, { code: blockedCode }), []);
      } else if (wanted.all) callback(null, open);
      else callback(null, first.address, first.family);
    });
  };
}

function exchange(
  request: OutboundRequest,
  url: URL,
  agent: http.Agent | https.Agent,
): Promise<OutboundResult> {
  return new Promise((resolve) => {
    const opened = open(request, url, agent);
    if (opened === undefined) {
      resolve({ kind: 'failure', phase: 'before-send', reason: 'request-refused' });
      return;
    }
    const { send, sent } = opened;
    let settled = false;
    const settle = (result: OutboundResult) => {
      if (settled) return;
      settled = true;
      clearTimeout(deadline);
      resolve(result);
    };
    const fail = (reason: OutboundReason) => {
      settle({ kind: 'failure', phase: sent() ? 'after-send' : 'before-send', reason });
      send.destroy();
    };
    const deadline = setTimeout(() => {
      fail('timeout');
    }, request.timeoutMs);
    send.on('error', (error) => {
      fail(reasonOf(error, sent()));
    });
    send.on('response', (response) => {
      readAnswer(response, request.maxBytes ?? mebibyte, settle, fail);
    });
    send.end(request.body);
  });
}

/** Starts a request and watches whether a byte of it may have left; undefined when HTTP cannot carry it. */
function open(
  request: OutboundRequest,
  url: URL,
  agent: http.Agent | https.Agent,
): { send: ClientRequest; sent: () => boolean } | undefined {
  const send = prepare(request, url, agent);
  if (send === undefined) return undefined;
  const secure = url.protocol === 'https:';
  let connected = false;
  let reused: { socket: Socket; before: number } | undefined;
  send.on('socket', (socket) => {
    if (!socket.connecting && send.reusedSocket) {
      // Bytes handed to a kept connection may be on their way; none handed over proves that nothing left.
      reused = { socket, before: socket.bytesWritten };
      return;
    }
    // Over TLS the request waits for the handshake, so a broken one has sent nothing.
    if (socket.connecting || secure) {
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        connected = true;
      });
    } else connected = !socket.destroyed;
  });
  const sent = () => (reused ? reused.socket.bytesWritten > reused.before : connected);
  return { send, sent };
}

function prepare(
  request: OutboundRequest,
  url: URL,
  agent: http.Agent | https.Agent,
): ClientRequest | undefined {
  const secure = url.protocol === 'https:';
  const length = request.body === undefined ? undefined : Buffer.byteLength(request.body);
  const bodiless = ['GET', 'HEAD', 'DELETE'].includes(request.method) && length === undefined;
  try {
    return (secure ? https : http).request({
      agent,
      method: request.method,
      hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
      path: url.pathname + url.search,
      headers: {
        ...request.headers,
        'accept-encoding': 'identity',
        ...(bodiless ? {} : { 'content-length': length ?? 0 }),
      },
    });
  } catch {
    // Node refuses methods and header values that are no HTTP before it opens anything.
    return undefined;
  }
}

function readAnswer(
  response: IncomingMessage,
  maxBytes: number,
  settle: (result: OutboundResult) => void,
  fail: (reason: OutboundReason) => void,
): void {
  const chunks: Buffer[] = [];
  let size = Number(response.headers['content-length'] ?? 0) > maxBytes ? Infinity : 0;
  if (size > maxBytes) {
    fail('too-large');
    return;
  }
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxBytes) fail('too-large');
    else chunks.push(chunk);
  });
  response.on('error', () => {
    fail('reset');
  });
  response.on('end', () => {
    if (!response.complete) {
      fail('reset');
      return;
    }
    const text = Buffer.concat(chunks).toString('utf8');
    settle({
      kind: 'response',
      status: response.statusCode ?? 0,
      headers: flatHeaders(response),
      json: parseJson(text),
      text,
    });
  });
}

function flatHeaders({ headers }: IncomingMessage): Record<string, string> {
  const pairs = Object.entries(headers).map(
    ([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')] as const,
  );
  return Object.fromEntries(pairs);
}

function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const dnsCodes = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EAI_NONAME']);
const unreachableCodes = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'EHOSTDOWN']);

function reasonOf(error: Error, sent: boolean): OutboundReason {
  const codes = codesOf(error);
  const has = (test: (code: string) => boolean) => codes.some(test);
  if (has((code) => code === blockedCode)) return 'address-refused';
  if (has((code) => dnsCodes.has(code))) return 'dns';
  if (has((code) => code === 'ECONNREFUSED')) return 'refused';
  if (has((code) => unreachableCodes.has(code))) return 'unreachable';
  if (has((code) => code === 'ETIMEDOUT')) return 'timeout';
  if (has((code) => code.startsWith('HPE_'))) return 'unreadable';
  const reset = has((code) => ['ECONNRESET', 'EPIPE', 'ECONNABORTED'].includes(code));
  if (reset || sent) return 'reset';
  const tls = has((code) =>
    /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_|SELF_SIGNED|EPROTO)/.test(code),
  );
  return tls ? 'tls' : 'unreachable';
}

// Several addresses of a name fail together: their errors come as one with the details inside.
function codesOf(error: Error & { code?: unknown; errors?: unknown }): string[] {
  const inner = Array.isArray(error.errors) ? (error.errors as { code?: unknown }[]) : [];
  return [error, ...inner].flatMap(({ code }) => (typeof code === 'string' ? [code] : []));
}
