import type { IncomingMessage, ServerResponse } from 'node:http';
import { toProblem } from '../src/errors/http';
import { DomainError } from '../src/errors/problems';
import type { Question, Verdict, Verifier } from '../src/domain/api-keys/verifier';
import { newId } from '../src/platform/ids';
import { isKept, keepAlive } from './kept-connections';
import type { LeanRequest } from './lean-request';
import { createVerifyAnswers } from './verify-answers';
import type { WriteVerdict } from './verify-answers';
import type { VerifyCallers } from './verify-callers';
import { readHeaders, readQuestion } from './verify-request';
import { createAnswerWriter } from './whole-answers';

/** The paths that are answered here, ahead of the app (`verifyApiKey`, `authorizeApiKey`). */
export const verifyPaths = {
  post: '/v1/internal/api-keys/verify',
  get: '/_internal/auth/api-key/verify',
} as const;

/** Largest body of POST, in bytes. */
const mostBytes = 8 * 1024;
/** Bytes of a larger body that are read and dropped so that its sender gets to see the answer. */
const mostDropped = 2 * 1024 * 1024;

const malformed: Verdict = {
  code: 'MALFORMED',
  key: undefined,
  remaining: null,
  resetAt: null,
  retryAfterMs: null,
};

/** Answers one of the two routes; false when the request is for somebody else. */
export type VerifyHandler = (request: LeanRequest, response: ServerResponse) => boolean;

/** What the routes work with. */
export interface VerifyDeps {
  readonly verifier: Verifier;
  readonly callers: VerifyCallers;
  /** Counts answers that no verifier saw. */
  readonly counted: (code: 'MALFORMED') => void;
}

/** Somebody who asked in this turn of the event loop. */
interface Waiting {
  readonly question: Question;
  readonly response: ServerResponse;
  readonly answer: WriteVerdict;
}

/**
 * The two routes of the hot path as a handler of plain node:http: an Express app costs several times what a
 * verification does.
 */
export function createVerifyHandler({ verifier, callers, counted }: VerifyDeps): VerifyHandler {
  const answers = createVerifyAnswers(createAnswerWriter());
  const refuseUnread = (response: ServerResponse, answer: WriteVerdict): void => {
    counted('MALFORMED');
    answer(response, malformed);
  };
  let waiting: Waiting[] = [];
  const settle = (): void => {
    const all = waiting;
    waiting = [];
    for (const { question, response, answer } of all)
      verifier.verify(question, (verdict) => {
        answer(response, verdict);
      });
  };
  // All requests that have come are read before the first is answered: the code for either stays in the processor's cache,
  // and callers are woken once. A tenth of the processor time of an answer from memory.
  const ask = (question: Question, response: ServerResponse, answer: WriteVerdict): void => {
    if (waiting.push({ question, response, answer }) === 1) setImmediate(settle);
  };

  const post = (request: LeanRequest, response: ServerResponse): void => {
    const verify = (text: string | undefined): void => {
      const question = text === undefined ? undefined : readQuestion(text);
      if (question) ask(question, response, answers.post);
      else refuseUnread(response, answers.post);
    };
    if (callers.isAllowed(request.socket)) {
      readBody(request, verify);
      return;
    }
    callers.isPermitted(request.open()).then(
      (permitted) => {
        if (permitted) readBody(request, verify);
        else answerStranger(request, response);
      },
      () => {
        request.resume();
        answers.post(response, { ...malformed, code: 'UNAVAILABLE' });
      },
    );
  };
  const get = (request: LeanRequest, response: ServerResponse): void => {
    request.skipBody();
    if (!callers.isAllowed(request.socket)) {
      answers.unauthorized(response);
      return;
    }
    const question = readHeaders(request, callers.isTrusted(request.socket));
    if (question) ask(question, response, answers.get);
    else refuseUnread(response, answers.get);
  };

  return (request, response) => {
    const { url = '' } = request;
    if (isPath(url, verifyPaths.get)) {
      if (request.method === 'GET') get(request, response);
      else refuseMethod(request, response, 'GET');
      return true;
    }
    if (!isPath(url, verifyPaths.post)) return false;
    if (request.method === 'POST') post(request, response);
    else refuseMethod(request, response, 'POST');
    return true;
  };
}

// A query changes nothing: keys are never taken from it.
const isPath = (url: string, path: string): boolean =>
  url === path || (url.startsWith(path) && url.charCodeAt(path.length) === 63);

/** The text of a body, or undefined of one that is too large. */
function readBody(request: LeanRequest, done: (text: string | undefined) => void): void {
  const length = Number(request.headers['content-length']);
  if (!(length > 0 && length <= mostBytes)) {
    collectBody(request, done);
    return;
  }
  // Nearly always it came along with the head, and then it need not be listened for.
  request.read(0);
  process.nextTick(() => {
    const body = request.read(length) as Buffer | null;
    if (body === null) collectBody(request, done);
    else done(body.toString('utf8'));
  });
}

function collectBody(request: IncomingMessage, done: (text: string | undefined) => void): void {
  let chunks: Buffer[] = [];
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= mostBytes) chunks.push(chunk);
    else {
      chunks = [];
      if (length > mostDropped) request.destroy();
    }
  });
  request.on('end', () => {
    if (length > mostBytes) done(undefined);
    else done((chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))?.toString('utf8'));
  });
  // A client that went away in the middle is told nothing.
  request.on('error', () => undefined);
}

function answerStranger(request: IncomingMessage, response: ServerResponse): void {
  // The usual words are about signing in, which opens nothing here.
  const detail =
    'Only peers named in VERIFY_ALLOW_CIDRS, or a service account that holds keys:verify and calls from its addresses, may ask.';
  sendProblem(request, response, new DomainError('unauthenticated', { detail }), [
    'WWW-Authenticate',
    'Bearer realm="usher"',
  ]);
}

/** Answers whatever else is asked for where only keys are verified. */
export function answerElsewhere(request: IncomingMessage, response: ServerResponse): void {
  sendProblem(request, response, new DomainError('not-found'), []);
}

function refuseMethod(request: IncomingMessage, response: ServerResponse, allow: string): void {
  sendProblem(request, response, new DomainError('method-not-allowed'), ['Allow', allow]);
}

function sendProblem(
  request: IncomingMessage,
  response: ServerResponse,
  error: DomainError,
  headers: readonly string[],
): void {
  const requestId = newId();
  const instance = (request.url ?? '').split('?', 1)[0] ?? '';
  const problem = toProblem(error, { requestId, instance });
  request.resume();
  const body = JSON.stringify(problem);
  response.writeHead(problem.status, [
    ...headers,
    'Content-Type',
    'application/problem+json; charset=utf-8',
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Cache-Control',
    'no-store',
    'X-Request-Id',
    requestId,
    ...(isKept(response) ? keepAlive : []),
  ]);
  response.end(request.method === 'HEAD' ? undefined : body);
}
