import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { NativeConnectionOptions, WorkerOptions } from '@temporalio/worker';
import type { createActivities } from '../../activities';
import { createActivityInterceptors } from '../../activities/interceptors';
import { errorFields } from '../platform/log';
import type { Log } from '../platform/log';
import { temporalConnectionOptions } from '../platform/temporal';
import { encryptingDataConverter } from '../platform/temporal-codec';
import type { Deps } from './deps';

/** The supervised Temporal part of a worker. */
export interface TemporalPart {
  /** Whether every queue is polled at the moment. */
  isRunning(): boolean;
  stop(): Promise<void>;
}

/** Milliseconds between two attempts to connect or rebuild: from, to. */
const pause = { first: 250, most: 5_000 } as const;

/** Where the prebuilt bundle of the workflows lies. */
export function workflowBundlePath(): string {
  const path = join(__dirname, '..', '..', 'workflow-bundle.js');
  if (!existsSync(path)) throw new Error(`There is no workflow bundle at ${path}: build first`);
  return path;
}

/** Routes the log of Temporal's core into ours; once per process, before any worker. Signals stay with us. */
export function installRuntime(log: Log): void {
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      const fields = {
        'temporal.message': message,
        'workflow.id': meta?.['workflowId'] as unknown,
      };
      // Each poller tells of each retry of its own; the watch tells of the outage, once.
      if (/^gRPC call \w+ retried/.test(message)) return;
      if (level === 'ERROR') log.warn(fields, 'Temporal reported a failure');
      else log.info(fields, 'Temporal reported a warning');
    }),
    telemetryOptions: { logging: { forward: {}, filter: 'WARN' } },
  });
}

/**
 * Keeps the Temporal workers of this process running: one for workflows and our own activities, one per connector,
 * so that a slow backend takes no slots from the others. Connects lazily with backoff; a failed worker is rebuilt.
 */
export function startTemporalPart(
  deps: Deps,
  activities: ReturnType<typeof createActivities>,
  options: { readonly isThere: () => boolean; readonly bundlePath?: string },
): TemporalPart {
  const state = { stopping: false, workers: [] as Worker[] };
  const supervised = supervise(deps, activities, options, state);
  return {
    isRunning: () =>
      state.workers.length > 0 && state.workers.every((worker) => worker.getState() === 'RUNNING'),
    async stop() {
      state.stopping = true;
      for (const worker of state.workers) shutDown(worker);
      await supervised;
    },
  };
}

async function supervise(
  deps: Deps,
  activities: ReturnType<typeof createActivities>,
  options: { readonly isThere: () => boolean; readonly bundlePath?: string },
  state: { stopping: boolean; workers: Worker[] },
): Promise<void> {
  let wait: number = pause.first;
  let told = false;
  const isStopping = (): boolean => state.stopping;
  while (!isStopping()) {
    try {
      const connection = await NativeConnection.connect(nativeOptions(deps));
      try {
        state.workers = await createWorkers(deps, activities, connection, options.bundlePath);
        const running = state.workers.map((worker) => runOne(worker, state));
        // A stop that came while they were being created found none to shut down.
        if (isStopping()) state.workers.forEach(shutDown);
        wait = pause.first;
        if (told) deps.log.info({}, 'The Temporal workers run');
        told = false;
        await Promise.all(running);
      } finally {
        state.workers = [];
        await connection.close().catch(() => undefined);
      }
    } catch (error) {
      // Of an outage the watch tells.
      if (!told && options.isThere())
        deps.log.warn(errorFields(error), 'The Temporal workers cannot run; trying until they can');
      told ||= options.isThere();
    }
    if (!isStopping()) await sleep(wait);
    wait = Math.min(wait * 2, pause.most);
  }
}

function nativeOptions(deps: Deps): NativeConnectionOptions {
  const { address, tls, apiKey } = temporalConnectionOptions(deps.env);
  return {
    ...(address === undefined ? {} : { address }),
    ...(tls ? { tls } : {}),
    ...(typeof apiKey === 'string' ? { apiKey } : {}),
  };
}

// When one of them fails all are stopped, so that they are rebuilt together on a new connection.
async function runOne(worker: Worker, state: { workers: Worker[] }): Promise<void> {
  try {
    await worker.run();
  } finally {
    for (const other of state.workers) shutDown(other);
  }
}

function shutDown(worker: Worker): void {
  if (worker.getState() === 'RUNNING') worker.shutdown();
}

async function createWorkers(
  deps: Deps,
  activities: ReturnType<typeof createActivities>,
  connection: NativeConnection,
  bundlePath = workflowBundlePath(),
): Promise<Worker[]> {
  const { env } = deps;
  const shared: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    namespace: env.TEMPORAL_NAMESPACE,
    activities,
    ...(env.TEMPORAL_CODEC ? { dataConverter: encryptingDataConverter(env.SECRETS_KEY_RING) } : {}),
    interceptors: { activity: [createActivityInterceptors(deps.log)] },
    shutdownGraceTime: '12 seconds',
    shutdownForceTime: '16 seconds',
    maxConcurrentActivityTaskExecutions: env.WORKER_ACTIVITY_SLOTS,
  };
  const main = await Worker.create({
    ...shared,
    taskQueue: env.TASK_QUEUE,
    workflowBundle: { codePath: bundlePath },
    maxConcurrentLocalActivityExecutions: env.WORKER_ACTIVITY_SLOTS,
    // What waits for a customer, a turn or an order needs no place in memory: it is read again when it is woken.
    maxCachedWorkflows: 600,
  });
  const backends = await Promise.all(
    [...deps.connectors.connectors.keys()].map((connector) =>
      Worker.create({ ...shared, taskQueue: `${env.TASK_QUEUE}-${connector}` }),
    ),
  );
  return [main, ...backends];
}
