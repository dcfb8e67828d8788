import type { Request, Response } from 'express';
import { DomainError, problems } from '../../src/errors/problems';
import type { ProblemCode } from '../../src/errors/problems';
import { errorFields } from '../../src/platform/log';
import type { Log } from '../../src/platform/log';
import { shownPath, translateError } from '../middleware/problems';
import { outcomeStatus, renderOutcome } from './outcome-page';
import type { Page } from './serving';
import type { OutcomeView } from './views';

/** Codes that say no more to a customer than that it is not possible now. */
const notNow: ReadonlySet<ProblemCode> = new Set([
  'tenant-not-open',
  'tenant-suspended',
  'user-deactivated',
  'inviter-lost-right',
  'invite-held',
]);

/** Whether a problem only means that the door is closed at present. */
export function isNotNow(error: DomainError): boolean {
  return notNow.has(error.code);
}

/** The page for a problem. */
export function outcomeOf(
  error: DomainError,
  about: { readonly requestId: string; readonly supportEmail: string | null },
): OutcomeView {
  const { code, context } = error;
  if (notNow.has(code)) return { kind: 'tenant-not-open', supportEmail: about.supportEmail };
  switch (code) {
    case 'invite-not-found':
      return { kind: 'invite-not-found' };
    case 'login-link-invalid':
      return { kind: 'login-link-invalid' };
    case 'cross-origin':
    case 'form-expired':
      return { kind: 'invalid-form', backUrl: null };
    case 'unauthenticated':
      return { kind: 'session-needed', signInUrl: '/sign-in' };
    case 'rate-limited':
      return { kind: 'too-many-tries', retryAfterSeconds: context.retryAfterSeconds ?? 60 };
    default:
      return { kind: 'problem', status: problems[code].status, ...about };
  }
}

/** Turns any error into a page; logs it once when it is ours. */
export function answerOfError(
  error: unknown,
  request: Request,
  response: Response,
  deps: { readonly log: Log; readonly supportEmail: string | null },
): Page {
  const known = knownError(error, request);
  const requestId = String(response.locals['requestId'] ?? '');
  response.locals['problem'] = known.code;
  const view = outcomeOf(known, { requestId, supportEmail: deps.supportEmail });
  if (problems[known.code].status >= 500) {
    deps.log.error(
      {
        ...errorFields(error),
        problem: known.code,
        'http.method': request.method,
        'http.path': shownPath(request.path),
      },
      `A page could not be shown: ${problems[known.code].title}`,
    );
  }
  const { retryAfterSeconds } = known.context;
  return {
    status: outcomeStatus(view),
    render: (context) => renderOutcome(view, context),
    headers:
      retryAfterSeconds === undefined
        ? {}
        : { 'Retry-After': String(Math.max(1, Math.ceil(retryAfterSeconds))) },
  };
}

function knownError(error: unknown, request: Request): DomainError {
  // A link that was cut off in the middle of a character is a link that nobody knows.
  if (error instanceof URIError && /^\/invite\//i.test(request.path)) {
    return new DomainError('invite-not-found');
  }
  const translated = translateError(error);
  return translated instanceof DomainError ? translated : new DomainError('internal');
}
