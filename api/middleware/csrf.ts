import type { IncomingHttpHeaders } from 'node:http';
import type { RequestHandler } from 'express';
import { DomainError } from '../../src/errors/problems';

const safe = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Whether a browser sent a request from this site itself: by fetch metadata, else by Origin. Without either it is
 * not known, and that counts as no.
 * @param publicOrigin origin of `PUBLIC_URL`; the request's own Host counts as well
 */
export function isSameOrigin(headers: IncomingHttpHeaders, publicOrigin: string): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const { origin, host } = headers;
  if (origin === undefined || !URL.canParse(origin)) return false;
  return origin === publicOrigin || (host !== undefined && new URL(origin).host === host);
}

/**
 * Refuses unsafe requests that carry a cookie and do not come from this site. Page forms answer from pages without
 * referrer, so that browsers without fetch metadata send them without a telling Origin: their signed token speaks for them.
 * @param isPageForm whether a path takes a form with a signed token
 */
export function createCsrfGuard(options: {
  readonly publicUrl: string;
  readonly isPageForm: (path: string) => boolean;
}): RequestHandler {
  const publicOrigin = new URL(options.publicUrl).origin;
  return (request, _response, next) => {
    const { headers, method, path } = request;
    if (safe.has(method) || headers.cookie === undefined || isSameOrigin(headers, publicOrigin)) {
      next();
      return;
    }
    const untold =
      headers['sec-fetch-site'] === undefined &&
      (headers.origin === undefined || headers.origin === 'null');
    next(untold && options.isPageForm(path) ? undefined : new DomainError('cross-origin'));
  };
}

/** Paths of the page forms that carry a signed token. */
export function isPageForm(path: string): boolean {
  return path === '/onboarding/progress' || /^\/(?:invite|login)\/[^/]+$/.test(path);
}
