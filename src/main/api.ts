import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import { createApp } from '../../api/app';
import { createKeptConnections, isKept, keepAlive } from '../../api/kept-connections';
import type { KeptConnections } from '../../api/kept-connections';
import { LeanRequest } from '../../api/lean-request';
import { answerUnreadable } from '../../api/unreadable';
import { answerElsewhere } from '../../api/verify';
import type { VerifyHandler } from '../../api/verify';
import { createHandlers } from './handlers';
import { endpoints } from '../contracts/endpoints';
import { loadConfig } from '../platform/config';
import { captchaOf, createDeps, settleBoot } from './deps';
import type { Deps } from './deps';
import { databaseCheck, erasureCheck, pepperCheck, readinessOf } from './readiness';
import { keepHeapsLean } from './lean-heap';
import { announce, listen } from './listen';
import { tellStartFailure } from './start-failure';
import { onStop } from './stop';
import { startVerification } from './verification';

/** The HTTP side of the API. */
export interface ApiServer {
  readonly server: Server;
  /** Verifies keys on an address of its own, `VERIFY_ADDR`; undefined where `ADDR` does that. */
  readonly verifyServer: Server | undefined;
  /** Waits until the first request will find what it needs, but not for long. */
  settled(): Promise<void>;
  /** Tells load balancers that this process is on its way out. */
  stopServing(): void;
  /** Ends what goes on beside requests, once the servers are closed. */
  close(): Promise<void>;
}

/** Builds the HTTP server of the API on given dependencies. */
export function createApiServer(deps: Deps): ApiServer {
  let stopping = false;
  const checkDatabase = databaseCheck(deps.db);
  const checkPeppers = pepperCheck(deps.db, deps.apiKeys.hasher);
  const checkErasures = erasureCheck(deps.db);
  const verification = startVerification(deps);
  const parts = createHandlers(deps, captchaOf(deps), verification.leakDoors);
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
        : readinessOf({
            database: checkDatabase,
            peppers: checkPeppers,
            erasures: checkErasures,
          }),
    trustedProxies: deps.env.TRUSTED_PROXIES,
    publicUrl: deps.env.PUBLIC_URL,
    log: deps.log,
    metrics: deps.metrics,
  });
  const kept = createKeptConnections();
  const server = openServer(kept, (request, response) => {
    if (verification.handle(request, response)) return;
    kept.busy(response);
    if (isKept(response)) response.setHeader(...keepAlive);
    app(request.open(), response);
  });
  return {
    server,
    verifyServer: verification.handleOwn && ownServer(kept, verification.handleOwn),
    settled: () => verification.settled(),
    stopServing: () => {
      stopping = true;
    },
    close: () => verification.stop(),
  };
}

const serverOptions = {
  IncomingMessage: LeanRequest,
  // Connections that are kept are watched instead.
  keepAliveTimeout: 0,
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  // The app refuses a request without it, with a problem.
  requireHostHeader: false,
};

function openServer(
  kept: KeptConnections,
  handle: (request: LeanRequest, response: ServerResponse) => void,
): Server {
  const server = createServer(serverOptions, handle);
  kept.watch(server);
  answerUnreadable(server, kept);
  return server;
}

const ownServer = (kept: KeptConnections, handle: VerifyHandler): Server =>
  openServer(kept, (request, response) => {
    if (!handle(request, response)) answerElsewhere(request, response);
  });

/** In percent; what hundreds of requests left behind that were under way when the young heaps were swept. */
const heapGrowth = 40;

async function main(): Promise<void> {
  keepHeapsLean(heapGrowth);
  const env = loadConfig(process.env, 'api');
  const deps = createDeps(env, { process: 'api' });
  await settleBoot(deps);
  const api = createApiServer(deps);
  const { server, verifyServer } = api;
  await api.settled();
  const url = await listen(server, env.ADDR);
  if (verifyServer) {
    const verifyUrl = await listen(verifyServer, env.VERIFY_ADDR);
    deps.log.info({ url: verifyUrl }, `Keys are verified at ${verifyUrl}`);
  }
  announce(deps.log, 'api', url);
  onStop(deps.log, async () => {
    api.stopServing();
    await Promise.all([server, verifyServer].filter((one) => one !== undefined).map(finish));
    await api.close();
    await deps.close();
  });
}

// Takes nothing new, and cuts off after 12 s what is not finished.
function finish(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeIdleConnections();
    setTimeout(() => {
      server.closeAllConnections();
    }, 12_000).unref();
  });
}

if (require.main === module) {
  main().catch((error: unknown) => {
    tellStartFailure('API', error);
    process.exit(1);
  });
}
