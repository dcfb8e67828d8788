import type { ErrorRequestHandler, Request, Response } from 'express';
import { toProblem } from '../../src/errors/http';
import { DomainError, problems } from '../../src/errors/problems';
import { errorFields } from '../../src/platform/log';
import type { Log } from '../../src/platform/log';
import { isOutage } from '../../src/platform/outage';

interface Thrown {
  readonly name: string;
  /** Of body-parser. */
  readonly type: string;
  readonly status: number;
}

/** Seconds after which a request may be sent again that met a part which is down. */
const outageSeconds = 2;

/** What body-parser, the URL decoder and a lost database throw, in the words of the catalogue; others as they are. */
export function translateError(error: unknown): unknown {
  if (error instanceof DomainError || typeof error !== 'object' || error === null) return error;
  const { name, type, status = 500 } = error as Partial<Thrown>;
  if (name === 'URIError') return new DomainError('malformed-request');
  if (type === 'entity.too.large') return new DomainError('body-too-large');
  if (type === 'encoding.unsupported' || type === 'charset.unsupported') {
    return new DomainError('unsupported-media-type');
  }
  if (type !== undefined && status < 500) return new DomainError('malformed-body');
  if (status === 400) return new DomainError('malformed-request');
  if (isOutage(error)) return new DomainError('unavailable', { retryAfterSeconds: outageSeconds });
  return error;
}

/** The path of a request with tokens and keys masked, as it may be shown and logged. */
export function shownPath(path: string): string {
  return path
    .replace(
      /^(\/(?:invite|login)\/|\/onboarding\/invites\/)([^/]{24,})/,
      (_, prefix: string, token: string) =>
        /^[0-9a-f-]{36}$/i.test(token) ? prefix + token : `${prefix}***`,
    )
    .replace(apiKeys, (_, tag: string) => `${tag}***`);
}

// No path takes a key, and some people try.
const apiKeys = /([a-z][a-z0-9]{1,9}_(?:live|test)_|bp_(?=[\w+/%-]{16}))[\w+/%-]+/gi;

/** Sends an error as a problem document; logs it once when it is ours. */
export function sendProblem(error: unknown, request: Request, response: Response, log: Log): void {
  const translated = translateError(error);
  const requestId = String(response.locals['requestId'] ?? '');
  const problem = toProblem(translated, { requestId, instance: shownPath(request.path) });
  response.locals['problem'] = problem.code;
  if (problem.status >= 500) {
    log.error(
      {
        ...errorFields(error),
        problem: problem.code,
        'http.method': request.method,
        'http.path': problem.instance,
      },
      `The request failed: ${problem.title}`,
    );
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const context = translated instanceof DomainError ? translated.context : {};
  const waits = problem.status === 429 || problem.status === 503 ? outageSeconds : undefined;
  const retryAfter = context.retryAfterSeconds ?? waits;
  if (retryAfter !== undefined)
    response.setHeader('Retry-After', String(Math.max(1, Math.ceil(retryAfter))));
  if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="usher"');
  const etag = context.extra?.['current_etag'];
  if (typeof etag === 'string') response.setHeader('ETag', etag);
  response.setHeader('Cache-Control', 'no-store');
  response
    .status(problem.status)
    .type('application/problem+json')
    .send(
      JSON.stringify({
        ...problem,
        ...(isPromised(request.path) ? { success: false, message: problem.detail } : {}),
      }),
    );
}

// The onboarding surface promises these two members as well.
function isPromised(path: string): boolean {
  return path.startsWith('/onboarding/');
}

/** The last error handler of the app. */
export function createProblems(log: Log): ErrorRequestHandler {
  return (error, request, response, _next) => {
    sendProblem(error, request, response, log);
  };
}

/** Titles and next steps for people who follow a problem's `type`. */
export function problemPage(
  code: string,
): { title: string; status: number; next: string } | undefined {
  return Object.hasOwn(problems, code) ? problems[code as keyof typeof problems] : undefined;
}
