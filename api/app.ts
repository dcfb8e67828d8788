import express from 'express';
import type { Express, Request, RequestHandler, Router } from 'express';
import helmet from 'helmet';
import { DomainError, problems } from '../src/errors/problems';
import type { EndpointContract } from '../src/contracts/http';
import { addressSet } from '../src/platform/address-ranges';
import { normaliseAddress } from '../src/platform/client-addresses';
import type { Log } from '../src/platform/log';
import type { Metrics } from '../src/platform/metrics';
import { createCsrfGuard, isPageForm } from './middleware/csrf';
import { createProblems, problemPage } from './middleware/problems';
import { requestId } from './middleware/request-id';
import { createRequestLog } from './middleware/request-log';
import { openApiDocument } from './openapi';
import { createDocsPage } from './pages/docs-page';
import { createRouter, refuseOtherMethods } from './router';
import type { AnyHandlers, RouterDeps } from './router';

/** What the app is made of. */
export interface AppDeps extends Omit<RouterDeps, 'clientAddress'> {
  readonly contracts: readonly EndpointContract[];
  readonly handlers: AnyHandlers;
  /** Server-rendered pages of customers. */
  readonly pages: Router;
  readonly readiness: () => Promise<{ ready: boolean; parts: Readonly<Record<string, string>> }>;
  readonly trustedProxies: readonly string[];
  readonly publicUrl: string;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * The client's address: the right-most hop of X-Forwarded-For that is no trusted proxy. Always one that Postgres
 * takes for an `inet`: where a proxy sent something else it is the proxy's own, and `::` when nobody is there any more.
 */
export function clientAddress(request: Request): string {
  return normaliseAddress(request.ip) ?? normaliseAddress(request.socket.remoteAddress) ?? '::';
}

/** The whole HTTP pipeline, top to bottom. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // Read as the routes of verification read it.
  const isProxy = addressSet(deps.trustedProxies);
  app.set('trust proxy', (hop: string | undefined) => {
    const address = normaliseAddress(hop);
    return address !== undefined && isProxy(address);
  });
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);
  app.set('strict routing', true);

  app.use(requestId);
  app.use(requireHost);
  app.use(createRequestLog(deps.log, deps.metrics));
  app.use(probes(deps));
  app.use(
    helmet({
      contentSecurityPolicy: { directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    }),
  );
  app.use(documents());
  // Pages refuse forms from other sites themselves, with a page.
  app.use(deps.pages);
  app.use(createCsrfGuard({ publicUrl: deps.publicUrl, isPageForm }));
  app.use(createRouter(deps.contracts, deps.handlers, { ...deps, clientAddress }));
  app.use(() => {
    throw new DomainError('not-found');
  });
  app.use(createProblems(deps.log));
  return app;
}

// RFC 9112 wants it answered; node would do so without a request id.
const requireHost: RequestHandler = (request, _response, next) => {
  const missing = request.httpVersion === '1.1' && request.headers.host === undefined;
  next(missing ? new DomainError('malformed-request') : undefined);
};

function probes(deps: AppDeps): Router {
  const router = fixedPaths();
  readOnly(router, '/healthz', (_request, response) => {
    response.json({ status: 'ok' });
  });
  readOnly(router, '/readyz', async (_request, response) => {
    const { ready, parts } = await deps.readiness();
    response.status(ready ? 200 : 503).json({ status: ready ? 'ready' : 'not ready', parts });
  });
  readOnly(router, '/metrics', async (_request, response) => {
    response.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics());
  });
  return router;
}

function documents(): Router {
  const router = fixedPaths();
  const document = JSON.stringify(openApiDocument());
  readOnly(router, '/openapi.json', (_request, response) => {
    response.type('application/json').send(document);
  });
  router.use('/docs', createDocsPage());
  readOnly(router, '/problems', (_request, response) => {
    response.json({
      items: Object.entries(problems).map(([code, problem]) => ({ code, ...problem })),
    });
  });
  readOnly(router, '/problems/:code', (request, response) => {
    const code = String(request.params['code']);
    const problem = problemPage(code);
    if (!problem) throw new DomainError('not-found');
    response.json({ code, ...problem });
  });
  return router;
}

const fixedPaths = (): Router => express.Router({ caseSensitive: true, strict: true });

function readOnly(router: Router, path: string, handler: RequestHandler): void {
  router.get(path, handler);
  refuseOtherMethods(router, path, ['GET', 'HEAD']);
}
