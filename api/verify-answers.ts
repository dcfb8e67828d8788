import type { ServerResponse } from 'node:http';
import type { Verdict } from '../src/domain/api-keys/verifier';
import { undifferentiated } from '../src/domain/api-keys/verification.rules';
import type { KeyFacts, WrittenBody } from '../src/domain/api-keys/verification.rules';
import { remembering } from '../src/platform/remembering';
import { writtenHeaders } from './whole-answers';
import type { Body, Head, WriteAnswer } from './whole-answers';

/** Seconds after which it is worth while to ask again when nothing could be known. */
const outageSeconds = '1';

const noStore = ['Cache-Control', 'no-store'] as const;

const time = (ms: number): string => new Date(ms).toISOString();

function goodBody(key: KeyFacts, verdict: Verdict): Body {
  const { before, after, bytes } = bodyOf(key);
  const rateLimit = rateLimitOf(key, verdict);
  // ASCII: as many bytes as characters.
  return { text: before + rateLimit + after, bytes: bytes + rateLimit.length };
}

// The same facts serve many answers.
const bodyOf = (key: KeyFacts): WrittenBody => (key.writtenBody ??= writeBody(key));

function writeBody(key: KeyFacts): WrittenBody {
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
  return { before, after, bytes: Buffer.byteLength(before) + Buffer.byteLength(after) };
}

const headersOf = (key: KeyFacts): string =>
  (key.writtenHeaders ??= writtenHeaders([
    'X-Key-Id',
    key.id,
    'X-Tenant-Id',
    key.tenantId,
    'X-Scopes',
    key.scopes.join(' '),
    'X-Environment',
    key.environment,
    ...noStore,
  ]));

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

/** Answers with a verdict. */
export type WriteVerdict = (response: ServerResponse, verdict: Verdict) => void;

/** The answers of one server. */
export interface VerifyAnswers {
  /** Answers POST: always 200, the verdict in the body. */
  readonly post: WriteVerdict;
  /**
   * Answers GET by status and headers alone: 204, one and the same 401 for whatever is no good key, 403 with a reason,
   * 503 when nobody can know.
   */
  readonly get: WriteVerdict;
  /** The 401 of GET, for bad keys and for peers that may not ask. */
  readonly unauthorized: (response: ServerResponse) => void;
}

const verdictGiven: Head = {
  status: 200,
  headers: writtenHeaders(['Content-Type', 'application/json', ...noStore]),
};
const unauthorized: Head = {
  status: 401,
  headers: writtenHeaders(['WWW-Authenticate', 'Bearer realm="usher"', ...noStore]),
};
const unavailable: Head = {
  status: 503,
  headers: writtenHeaders(['Retry-After', outageSeconds, ...noStore]),
};
const verdictWithRetry = remembering((seconds): Head => ({
  ...verdictGiven,
  headers: verdictGiven.headers + writtenHeaders(['Retry-After', seconds]),
}));
const nothing: Body = { text: '', bytes: 0 };

/** Builds the answers of one server. */
export function createVerifyAnswers(write: WriteAnswer): VerifyAnswers {
  const answerUnauthorized = (response: ServerResponse): void => {
    write(response, unauthorized, nothing);
  };
  return {
    post(response, verdict) {
      const { code, key, retryAfterMs } = verdict;
      const body = code === 'VALID' && key ? goodBody(key, verdict) : badBody(verdict);
      const head = retryAfterMs === null ? verdictGiven : verdictWithRetry(secondsOf(retryAfterMs));
      write(response, head, body);
    },
    get(response, { code, key, retryAfterMs }) {
      if (code === 'VALID' && key) write(response, { status: 204, headers: headersOf(key) });
      else if (undifferentiated.has(code)) answerUnauthorized(response);
      else if (code === 'UNAVAILABLE') write(response, unavailable, nothing);
      else {
        const reason = ['X-Auth-Reason', code.toLowerCase(), ...retryAfter(retryAfterMs)];
        const headers = writtenHeaders([...reason, ...noStore]);
        write(response, { status: 403, headers }, nothing);
      }
    },
    unauthorized: answerUnauthorized,
  };
}

const secondsOf = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1000)));

const retryAfter = (ms: number | null): string[] =>
  ms === null ? [] : ['Retry-After', secondsOf(ms)];
