import { createServer } from 'node:http';
import { createActivities } from '../../activities';
import { loadConfig } from '../platform/config';
import { withSystem } from '../platform/db';
import { startStepCounters } from '../platform/metrics';
import { createMailTransport } from '../platform/mail/transport';
import { declareLimits } from '../domain/onboarding/backend-rate';
import { archivePartOptions, openArchivePart } from './archive-part';
import type { ArchivePartOptions } from './archive-part';
import { auditPartOptions, startAuditPart } from './audit-part';
import type { AuditPartOptions } from './audit-part';
import { onceReachable } from './await-database';
import { createDeps, settleBoot } from './deps';
import type { Deps } from './deps';
import { keepHeapsLean } from './lean-heap';
import { announce, listen } from './listen';
import { createMailSender } from './mailing';
import { databaseCheck, pepperCheck, readinessOf } from './readiness';
import { tellStartFailure } from './start-failure';
import { onStop } from './stop';
import { installRuntime, startTemporalPart } from './temporal-part';
import { watchTemporal } from './temporal-watch';
import { startUpkeep } from './upkeep';

/** The running parts of a worker. */
export interface RunningWorker {
  isPolling(): boolean;
  stop(): Promise<void>;
}

/** What a worker has beside its dependencies. */
export interface WorkerOptions {
  /** How the audit log is kept; as configured unless said otherwise. */
  readonly audit?: AuditPartOptions;
  /** How the audit log is archived; as configured unless said otherwise. */
  readonly archive?: ArchivePartOptions;
  readonly bundlePath?: string;
}

/** Starts relay, reconciler, mail relay, sequencer and the supervised Temporal part; none of them stops the others. */
export async function startWorker(
  deps: Deps,
  { audit: auditOptions, archive: archiveOptions, ...options }: WorkerOptions = {},
): Promise<RunningWorker> {
  const transport = createMailTransport({
    url: deps.env.SMTP_URL.reveal(),
    from: deps.env.MAIL_FROM,
  });
  startStepCounters(deps.metrics, stepKeysOf(deps));
  const mailSender = createMailSender({ ...deps, transport });
  await onceReachable(deps.log, () =>
    withSystem(deps.db, 'boot', (tx) => declareLimits(tx, pathLimitsOf(deps))),
  );
  const upkeep = startUpkeep(deps, mailSender);
  const auditKept = auditOptions ?? auditPartOptions(deps.env);
  const audit = startAuditPart(deps, auditKept);
  const archive = openArchivePart(deps, archiveOptions ?? archivePartOptions(deps.env));
  const watch = watchTemporal(deps, (namespaceId) => {
    upkeep.onTemporalFound(namespaceId);
  });
  const { AUDIT_TRUSTED_KEY: trustedKey } = deps.env;
  const activities = createActivities({
    ...deps,
    mailSender,
    archive: archive.deps,
    auditStore: auditKept.store,
    auditTrusted: trustedKey === '' ? [] : [trustedKey],
  });
  const temporal = startTemporalPart(deps, activities, {
    isThere: () => watch.isThere(),
    ...options,
  });
  return {
    isPolling: () => temporal.isRunning() && watch.isThere(),
    async stop() {
      await Promise.all([watch.stop(), temporal.stop()]);
      await upkeep.stop();
      await audit.stop();
      await archive.close();
      transport.close();
    },
  };
}

function pathLimitsOf(deps: Deps) {
  return deps.connectors.limits;
}

function stepKeysOf({ connectors }: Deps): string[] {
  return [...connectors.connectors.values()].flatMap(({ name, steps }) =>
    steps.map((step) => `${name}.${step.name}`),
  );
}

/** In percent; of hundreds of cached workflows most of the worker's memory is. */
const heapGrowth = 20;

async function main(): Promise<void> {
  keepHeapsLean(heapGrowth);
  const env = loadConfig(process.env, 'worker');
  const deps = createDeps(env, { process: 'worker' });
  await settleBoot(deps);
  installRuntime(deps.log);
  const worker = await startWorker(deps);
  let stopping = false;
  const checkDatabase = databaseCheck(deps.db);
  const checkPeppers = pepperCheck(deps.db, deps.apiKeys.hasher);
  const readiness = () =>
    stopping
      ? Promise.resolve({ ready: false, parts: { process: 'is stopping' } })
      : readinessOf({
          database: checkDatabase,
          peppers: checkPeppers,
          temporal: async () => {
            if (!worker.isPolling()) return 'is not polled';
            const { connection } = deps.temporal;
            await connection.withDeadline(Date.now() + 1_500, () =>
              connection.workflowService.getSystemInfo({}),
            );
            return 'ok';
          },
        });
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0];
    const answer = async (): Promise<[number, string, string]> => {
      if (path === '/healthz') return [200, 'application/json', '{"status":"ok"}'];
      if (path === '/metrics') {
        const { registry, workerLastPoll } = deps.metrics;
        if (worker.isPolling()) workerLastPoll.setToCurrentTime();
        return [200, registry.contentType, await registry.metrics()];
      }
      if (path !== '/readyz') return [404, 'application/json', '{"status":"not found"}'];
      const state = await readiness();
      const body = JSON.stringify({
        status: state.ready ? 'ready' : 'not ready',
        parts: state.parts,
      });
      return [state.ready ? 200 : 503, 'application/json', body];
    };
    answer().then(
      ([status, type, body]) => response.writeHead(status, { 'Content-Type': type }).end(body),
      () => response.writeHead(500).end(),
    );
  });
  const url = await listen(server, env.WORKER_ADDR);
  announce(deps.log, 'worker', url);
  onStop(deps.log, async () => {
    stopping = true;
    await worker.stop();
    server.close();
    server.closeAllConnections();
    await deps.close();
  });
}

if (require.main === module) {
  main().catch((error: unknown) => {
    tellStartFailure('worker', error);
    process.exit(1);
  });
}
