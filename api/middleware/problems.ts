import type { ErrorRequestHandler, Request, Response } from 'express';
import { toProblem } from '../../src/errors/http';
import { DomainError, problems } from '../../src/errors/problems';
import { errorFields } from '../../src/platform/log';
import type { Log } from '../../src/platform/log';
import { sqlState } from '../../src/platform/db';

interface BodyParserError {
  readonly type?: string;
  readonly status?: number;
}

/** What body-parser, the URL decoder and a lost database throw, in the words of the catalogue; others as they are. */
export function translateError(error: unknown): unknown {
  if (error instanceof DomainError) return error;
  const { type, status } = error as BodyParserError;
  if (error instanceof URIError) return new DomainError('malformed-request');
  if (type === 'entity.too.large') return new DomainError('body-too-large');
  if (type === 'encoding.unsupported' || type === 'charset.unsupported') {
    return new DomainError('unsupported-media-type');
  }
  if (type !== undefined && status !== undefined && status < 500)
    return new DomainError('malformed-body');
  if (status === 400) return new DomainError('malformed-request');
  if (isOutage(error)) return new DomainError('unavailable', { retryAfterSeconds: 2 });
  return error;
}

// Connection failures, shutdowns, time-outs and serialisation failures of Postgres: the request may be sent again.
function isOutage(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return /^(?:08|53|57P|57014|40001|40P01|55P03)/.test(state);
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'EPIPE' || code === 'ETIMEDOUT')
    return true;
  return (
    typeof message === 'string' &&
    /^(?:Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Query read timeout)/.test(
      message,
    )
  );
}

/** The path of a request with tokens masked, as it may be shown and logged. */
export function shownPath(path: string): string {
  return path.replace(
    /^(\/(?:invite|login)\/|\/onboarding\/invites\/)([^/]{24,})/,
    (_, prefix: string, token: string) =>
      /^[0-9a-f-]{36}$/i.test(token) ? prefix + token : `${prefix}***`,
  );
}

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
  const retryAfter =
    translated instanceof DomainError ? translated.context.retryAfterSeconds : undefined;
  if (retryAfter !== undefined)
    response.setHeader('Retry-After', String(Math.max(1, Math.ceil(retryAfter))));
  if (problem.code === 'unauthenticated')
    response.setHeader('WWW-Authenticate', 'Bearer realm="usher"');
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
