import { randomBytes } from 'node:crypto';
import { parse as parseCookies } from 'cookie';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { normaliseAddress } from '../../src/platform/client-addresses';
import { chooseLocale, findLocale } from '../../src/platform/locale';
import type { Locale } from '../../src/platform/locale';
import { isSameOrigin } from '../middleware/csrf';
import { DomainError } from '../../src/errors/problems';
import { answerOfError } from './failures';
import { pageHeaders } from './headers';
import { outcomeStatus, renderOutcome } from './outcome-page';
import type { PageDeps } from './page-deps';
import type { OutcomeView, PageContext } from './views';

/** One request of a browser, as the pages see it. */
export interface Visit {
  readonly request: Request;
  /** The client's address: the right-most hop that is no trusted proxy. */
  readonly ip: string;
  readonly userAgent: string | null;
  readonly requestId: string;
  readonly cookies: Readonly<Record<string, string | undefined>>;
  /** What a form sent; empty for a field that is missing or given twice. */
  readonly field: (name: string) => string;
  /** Whether a form has a field at all. */
  readonly hasField: (name: string) => boolean;
}

/** A page to send. */
export interface Page {
  readonly status: number;
  readonly render: (context: PageContext) => string;
  /** The language of the invite that the page is about. */
  readonly locale?: string | null | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Values for Set-Cookie. */
  readonly cookies?: readonly string[];
}

/** A way on: the browser asks for another page by GET. */
export interface WayOn {
  readonly location: string;
  readonly cookies?: readonly string[];
}

/** Answers one visit. Errors are thrown as `DomainError` and become pages. */
export type PageHandler = (visit: Visit) => Promise<Page | WayOn>;

/** A page that tells one thing. */
export function outcome(
  view: OutcomeView,
  more: Partial<Pick<Page, 'locale' | 'headers' | 'cookies'>> = {},
): Page {
  return {
    status: outcomeStatus(view),
    render: (context) => renderOutcome(view, context),
    ...more,
  };
}

/** How pages are served: each with headers of its own, in the visitor's language, its errors as pages. */
export interface Serving {
  /** The Express handler of a page; `operation` names it in logs and metrics. */
  readonly page: (operation: string, handler: PageHandler) => RequestHandler;
  /** Turns what goes wrong before a handler runs into a page as well. */
  readonly onError: ErrorRequestHandler;
}

/** Builds the serving of pages. */
export function createServing(
  deps: Pick<PageDeps, 'browserCookies' | 'clientAddress' | 'log' | 'supportEmail'>,
): Serving {
  const send = (visit: Visit, answer: Page | WayOn, response: Response): void => {
    const chosen = chosenLanguage(deps, visit);
    const cookies = [...(answer.cookies ?? []), ...(chosen.asked ? [chosen.asked] : [])];
    if (cookies.length > 0) response.setHeader('Set-Cookie', cookies);
    if ('location' in answer) {
      response.setHeader('Cache-Control', 'no-store');
      response.setHeader('Referrer-Policy', 'no-referrer');
      response.redirect(303, answer.location);
      return;
    }
    const context: PageContext = {
      nonce: randomBytes(16).toString('base64'),
      locale: chooseLocale({
        lang: chosen.locale,
        invite: answer.locale,
        acceptLanguage: visit.request.get('accept-language'),
      }),
      path: visit.request.path,
    };
    for (const headers of [pageHeaders(context.nonce), answer.headers ?? {}]) {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    }
    response.status(answer.status).send(answer.render(context));
  };
  const fail = (error: unknown, visit: Visit, response: Response): void => {
    const answer = answerOfError(error, visit.request, response, deps);
    if (response.headersSent) response.destroy();
    else send(visit, answer, response);
  };

  return {
    page: (operation, handler) => async (request, response) => {
      response.locals['operation'] = operation;
      const visit = visitOf(deps, request, response);
      try {
        send(visit, await handler(visit), response);
      } catch (error) {
        fail(error, visit, response);
      }
    },
    onError: (error: unknown, request, response, _next) => {
      fail(error, visitOf(deps, request, response), response);
    },
  };
}

/**
 * Refuses a form that another site sent. Browsers without fetch metadata do not tell, since the pages ask for no
 * referrer: there the form's signed token speaks for itself.
 * @throws DomainError `cross-origin`
 */
export function refuseForeign(visit: Visit, publicUrl: string): void {
  const { headers } = visit.request;
  const told =
    headers['sec-fetch-site'] !== undefined ||
    (headers.origin !== undefined && headers.origin !== 'null');
  if (told && !isSameOrigin(headers, new URL(publicUrl).origin)) {
    throw new DomainError('cross-origin');
  }
}

/** Reads a request as a visit. */
export function visitOf(
  deps: Pick<PageDeps, 'clientAddress'>,
  request: Request,
  response: Response,
): Visit {
  const body = (request.body ?? {}) as Readonly<Record<string, unknown>>;
  const value = (name: string): unknown => (Object.hasOwn(body, name) ? body[name] : undefined);
  return {
    request,
    // A client that has gone by now has no address any more; what it sent is done all the same.
    ip: normaliseAddress(deps.clientAddress(request)) ?? '::',
    userAgent: request.get('user-agent')?.slice(0, 500) ?? null,
    requestId: String(response.locals['requestId'] ?? ''),
    cookies: parseCookies(request.headers.cookie ?? ''),
    field: (name) => {
      const given = value(name);
      return typeof given === 'string' ? given : '';
    },
    hasField: (name) => typeof value(name) === 'string',
  };
}

// What the address asks for is remembered; a choice outlives the language of the invite.
function chosenLanguage(
  deps: Pick<PageDeps, 'browserCookies'>,
  visit: Visit,
): { locale: Locale | undefined; asked?: string } {
  const { language } = deps.browserCookies;
  const wish = visit.request.query['lang'];
  const asked = typeof wish === 'string' ? findLocale(wish) : undefined;
  const remembered = findLocale(visit.cookies[language.name]);
  if (asked === undefined || asked === remembered) return { locale: asked ?? remembered };
  const inAYear = new Date(Date.now() + 365 * 86_400_000);
  return { locale: asked, asked: language.set(asked, inAYear) };
}
