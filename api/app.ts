import express from 'express';
import type { Express, Request, Router } from 'express';
import helmet from 'helmet';
import { DomainError, problems } from '../src/errors/problems';
import type { EndpointContract } from '../src/contracts/http';
import type { Log } from '../src/platform/log';
import type { Metrics } from '../src/platform/metrics';
import { createCsrfGuard, isPageForm } from './middleware/csrf';
import { createProblems, problemPage } from './middleware/problems';
import { requestId } from './middleware/request-id';
import { createRequestLog } from './middleware/request-log';
import { openApiDocument } from './openapi';
import { createDocsPage } from './pages/docs-page';
import { createRouter } from './router';
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

/** The client's address: the right-most hop of X-Forwarded-For that is no trusted proxy. */
export function clientAddress(request: Request): string {
  return request.ip ?? request.socket.remoteAddress ?? '';
}

/** The whole HTTP pipeline, top to bottom. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', [...deps.trustedProxies]);
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);
  app.set('strict routing', true);

  app.use(requestId);
  app.use(createRequestLog(deps.log, deps.metrics));
  app.use(probes(deps));
  app.use(
    helmet({
      contentSecurityPolicy: { directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    }),
  );
  app.use(documents());
  app.use(createCsrfGuard({ publicUrl: deps.publicUrl, isPageForm }));
  app.use(deps.pages);
  app.use(express.json({ limit: '1mb', strict: false, type: 'application/json' }));
  app.use(express.text({ limit: '1mb', type: 'text/csv' }));
  app.use(express.urlencoded({ limit: '64kb', extended: false }));
  app.use(createRouter(deps.contracts, deps.handlers, { ...deps, clientAddress }));
  app.use(() => {
    throw new DomainError('not-found');
  });
  app.use(createProblems(deps.log));
  return app;
}

function probes(deps: AppDeps): Router {
  const router = express.Router();
  router.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' });
  });
  router.get('/readyz', async (_request, response) => {
    const { ready, parts } = await deps.readiness();
    response.status(ready ? 200 : 503).json({ status: ready ? 'ready' : 'not ready', parts });
  });
  router.get('/metrics', async (_request, response) => {
    response.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics());
  });
  return router;
}

function documents(): Router {
  const router = express.Router();
  const document = JSON.stringify(openApiDocument());
  router.get('/openapi.json', (_request, response) => {
    response.type('application/json').send(document);
  });
  router.use('/docs', createDocsPage());
  router.get('/problems', (_request, response) => {
    response.json({
      items: Object.entries(problems).map(([code, problem]) => ({ code, ...problem })),
    });
  });
  router.get('/problems/:code', (request, response) => {
    const problem = problemPage(request.params.code);
    if (!problem) throw new DomainError('not-found');
    response.json({ code: request.params.code, ...problem });
  });
  return router;
}
