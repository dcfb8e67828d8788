import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { createApp } from '../../api/app';
import { answerUnreadable } from '../../api/unreadable';
import { createHandlers } from './handlers';
import { endpoints } from '../contracts/endpoints';
import { loadConfig } from '../platform/config';
import { captchaOf, createDeps, settleBoot } from './deps';
import type { Deps } from './deps';
import { databaseCheck, readinessOf } from './readiness';
import { announce, listen } from './listen';
import { tellStartFailure } from './start-failure';
import { onStop } from './stop';

/** Builds the HTTP server of the API on given dependencies. */
export function createApiServer(deps: Deps): { server: Server; stopServing: () => void } {
  let stopping = false;
  const checkDatabase = databaseCheck(deps.db);
  const parts = createHandlers(deps, captchaOf(deps));
  const app = createApp({
    contracts: endpoints,
    handlers: parts.handlers,
    pages: parts.pages,
    authenticate: parts.authenticate,
    findOnboarding: parts.findOnboarding,
    idempotencyKeys: parts.idempotencyKeys,
    limits: parts.limits,
    onRefused: parts.onRefused,
    readiness: async () =>
      stopping
        ? { ready: false, parts: { process: 'is stopping' } }
        : readinessOf({ database: checkDatabase }),
    trustedProxies: deps.env.TRUSTED_PROXIES,
    publicUrl: deps.env.PUBLIC_URL,
    log: deps.log,
    metrics: deps.metrics,
  });
  const server = createServer(
    {
      keepAliveTimeout: 65_000,
      headersTimeout: 20_000,
      requestTimeout: 60_000,
      // The app refuses a request without it, with a problem.
      requireHostHeader: false,
    },
    app,
  );
  answerUnreadable(server);
  return {
    server,
    stopServing: () => {
      stopping = true;
    },
  };
}

async function main(): Promise<void> {
  const env = loadConfig(process.env, 'api');
  const deps = createDeps(env, { process: 'api' });
  await settleBoot(deps);
  const { server, stopServing } = createApiServer(deps);
  const url = await listen(server, env.ADDR);
  announce(deps.log, 'api', url);
  onStop(deps.log, async () => {
    stopServing();
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeIdleConnections();
      setTimeout(() => {
        server.closeAllConnections();
      }, 12_000).unref();
    });
    await deps.close();
  });
}

if (require.main === module) {
  main().catch((error: unknown) => {
    tellStartFailure('API', error);
    process.exit(1);
  });
}
