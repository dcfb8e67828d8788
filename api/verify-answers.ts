import type { ServerResponse } from 'node:http';
import type { Verdict } from '../src/domain/api-keys/verifier';
import { undifferentiated } from '../src/domain/api-keys/verification.rules';
import type { KeyFacts, WrittenFacts } from '../src/domain/api-keys/verification.rules';
import { createQuickIds } from '../src/platform/ids';

/** Seconds after which it is worth while to ask again when nothing could be known. */
const outageSeconds = '1';

/** Of these routes' answers. */
const newId = createQuickIds();

const time = (ms: number): string => new Date(ms).toISOString();

/** A body and how many bytes it has. */
interface Body {
  readonly text: string;
  readonly bytes: number;
}

function goodBody(key: KeyFacts, verdict: Verdict): Body {
  const { before, after, bytes } = writtenOf(key);
  const rateLimit = rateLimitOf(key, verdict);
  // ASCII: as many bytes as characters.
  return { text: before + rateLimit + after, bytes: bytes + rateLimit.length };
}

// The same facts serve many answers.
const writtenOf = (key: KeyFacts): WrittenFacts => (key.written ??= writeFacts(key));

function writeFacts(key: KeyFacts): WrittenFacts {
  const body = JSON.stringify({
    valid: true,
    code: 'VALID',
    key_id: key.id,
    tenant_id: key.tenantId,
    tenant_slug: key.tenantSlug,
    environment: key.environment,
    scopes: key.scopes,
    role: key.role,
    product: key.product,
    expires_at: key.expiresAt === null ? null : time(key.expiresAt),
  });
  const rotation = key.rotation && {
    state: key.rotation.state,
    successor_id: key.rotation.successorId,
    old_expires_at: key.rotation.endsAt === null ? null : time(key.rotation.endsAt),
  };
  const before = `${body.slice(0, -1)},"rate_limit":`;
  const after = rotation ? `,"rotation":${JSON.stringify(rotation)}}` : '}';
  return {
    before,
    after,
    bytes: Buffer.byteLength(before) + Buffer.byteLength(after),
    scopes: key.scopes.join(' '),
  };
}

let lastReset = { at: 0, text: '' };

function rateLimitOf({ rateLimit }: KeyFacts, { remaining, resetAt }: Verdict): string {
  if (!rateLimit || remaining === null || resetAt === null) return 'null';
  // Windows are aligned, so that most answers of a minute end with the same one.
  if (lastReset.at !== resetAt) lastReset = { at: resetAt, text: time(resetAt) };
  return `{"limit":${String(rateLimit.limit)},"remaining":${String(remaining)},"reset_at":"${lastReset.text}"}`;
}

function badBody({ code, key }: Verdict): Body {
  const named = key ? `,"key_id":"${key.id}","tenant_id":"${key.tenantId}"` : '';
  const retryable = code === 'UNAVAILABLE' ? ',"retryable":true' : '';
  const text = `{"valid":false,"code":"${code}"${named}${retryable}}`;
  return { text, bytes: text.length };
}

/** Answers POST: always 200, the verdict in the body. */
export function answerPost(response: ServerResponse, verdict: Verdict): void {
  const { code, key, retryAfterMs } = verdict;
  const { text, bytes } = code === 'VALID' && key ? goodBody(key, verdict) : badBody(verdict);
  const headers = [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(bytes),
    'Cache-Control',
    'no-store',
    'X-Request-Id',
    newId(),
  ];
  if (retryAfterMs !== null) headers.push(...retryAfter(retryAfterMs));
  response.writeHead(200, headers);
  writeWhole(response, text, bytes === text.length ? 'latin1' : 'utf8');
}

/**
 * Writes head and body in one piece. `end` with a body writes them and an empty piece behind them, which makes it a
 * vectored write, a dearer one; and ASCII is cheaper to write as what it is.
 */
function writeWhole(response: ServerResponse, body: string, encoding: 'latin1' | 'utf8'): void {
  const { socket } = response;
  socket?.cork();
  response.write(body, encoding);
  socket?.uncork();
  response.end();
}

/**
 * Answers GET by status and headers alone: 204, one and the same 401 for whatever is no good key, 403 with a reason,
 * 503 when nobody can know.
 */
export function answerGet(response: ServerResponse, verdict: Verdict): void {
  const { code, key, retryAfterMs } = verdict;
  if (code === 'VALID' && key) {
    response.writeHead(204, [
      'X-Key-Id',
      key.id,
      'X-Tenant-Id',
      key.tenantId,
      'X-Scopes',
      writtenOf(key).scopes,
      'X-Environment',
      key.environment,
      'Cache-Control',
      'no-store',
      'X-Request-Id',
      newId(),
    ]);
    response.end();
  } else if (undifferentiated.has(code)) answerUnauthorized(response);
  else if (code === 'UNAVAILABLE') empty(response, 503, ['Retry-After', outageSeconds]);
  else empty(response, 403, ['X-Auth-Reason', code.toLowerCase(), ...retryAfter(retryAfterMs)]);
}

/** The 401 of GET, for bad keys and for peers that may not ask. */
export function answerUnauthorized(response: ServerResponse): void {
  empty(response, 401, ['WWW-Authenticate', 'Bearer realm="usher"']);
}

function empty(response: ServerResponse, status: number, headers: readonly string[]): void {
  response.writeHead(status, [
    ...headers,
    'Content-Length',
    '0',
    'Cache-Control',
    'no-store',
    'X-Request-Id',
    newId(),
  ]);
  response.end();
}

const retryAfter = (ms: number | null): string[] =>
  ms === null ? [] : ['Retry-After', String(Math.max(1, Math.ceil(ms / 1000)))];
