import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { openApiDocument } from '../../api/openapi';
import type { ArchiveTimes } from '../../src/domain/archive/deps';
import { createServiceAccount, shorthand } from '../../src/domain/identity/service-accounts';
import { createApiServer } from '../../src/main/api';
import { startAuditPart } from '../../src/main/audit-part';
import type { AuditPart, AuditPartOptions } from '../../src/main/audit-part';
import { createDeps, settleBoot } from '../../src/main/deps';
import type { Deps } from '../../src/main/deps';
import { startWorker } from '../../src/main/worker';
import type { RunningWorker, WorkerOptions } from '../../src/main/worker';
import { loadConfig } from '../../src/platform/config';
import { withSystem } from '../../src/platform/db';
import { createLog } from '../../src/platform/log';
import { createObjectStore } from '../../src/platform/object-store';
import type { ObjectStoreSettings } from '../../src/platform/object-store';
import { startMailbox } from '../../src/servers/mailbox';
import type { Mailbox } from '../../src/servers/mailbox';
import { startSampleBackend } from '../../src/servers/sample-backend';
import type { SampleBackend } from '../../src/servers/sample-backend';
import { signingKeys } from './audit-keys';
import { createTestDatabase } from './database';
import type { TestDatabase } from './database';
import { responsesOf } from './openapi';
import { installRuntime } from '../../src/main/temporal-part';
import { temporalServer, workflowBundle } from './test-servers';

/** An answer of the API, already checked against the OpenAPI document. */
export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
  readonly body: any;
}

/** A request to the API under test. */
export interface TestRequest {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends no credential. */
  readonly anonymous?: boolean;
  /** Another service account's key. */
  readonly key?: string;
}

/** How the audit log is archived; what is not said is so that a batch takes seconds. */
export type TestArchive = { readonly store: ObjectStoreSettings } & Partial<ArchiveTimes>;

/** The whole system on real servers: its own database, mailbox, backend and task queue. */
export interface TestApp {
  readonly url: string;
  readonly deps: Deps;
  readonly database: TestDatabase;
  readonly mailbox: Mailbox;
  readonly backend: SampleBackend;
  /** Everything that was logged, line by line. */
  readonly logs: readonly string[];
  call(method: string, path: string, request?: TestRequest): Promise<TestAnswer>;
  /** A service account key with the permissions of a role, or with given ones. */
  keyFor(role: string): Promise<string>;
  startWorker(): Promise<RunningWorker>;
  /** With what it is started: keys of the audit log, the archive, the bundle. */
  workerOptions(): Promise<WorkerOptions>;
  /** The audit sequencer alone, for an app without a worker. */
  startSequencer(over?: Partial<AuditPartOptions>): AuditPart;
  /** Those that were started and may still run. */
  readonly workers: readonly RunningWorker[];
  stop(): Promise<void>;
}

/** Starts the API (and, unless told otherwise, a worker) in this process. */
export async function startTestApp(
  options: {
    env?: Record<string, string>;
    worker?: boolean;
    /** Where the audit log is archived and its checkpoints are published; nowhere unless given. */
    archive?: TestArchive;
    /** Leads the application's database URL elsewhere, such as through a proxy that can be cut. */
    databaseUrl?: (url: string) => string;
  } = {},
): Promise<TestApp> {
  const key = randomBytes(32).toString('base64');
  const [database, temporal, mailbox, backend] = await Promise.all([
    createTestDatabase(),
    options.worker === false ? { address: '127.0.0.1:1', namespace: 'default' } : temporalServer(),
    startMailbox({ httpPort: 0, smtpPort: 0 }),
    startSampleBackend({ port: 0, key: 'sample-key' }),
  ]);
  const exportDir = join(tmpdir(), `usher-exports-${database.name}`);
  const settings: Record<string, string> = {
    LOG_LEVEL: 'info',
    DATABASE_URL: options.databaseUrl?.(database.appUrl) ?? database.appUrl,
    DATABASE_POOL: '10',
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    TASK_QUEUE: database.name,
    SMTP_URL: mailbox.smtpUrl,
    OPERATORS_MAIL: 'operators@usher.localhost',
    KEYS_HASH_PEPPER: `p1:${key}`,
    SECRETS_KEY_RING: `k1:${key}`,
    COOKIE_SECRET: `c1:${key}`,
    SAMPLE_BACKEND_URL: backend.url,
    SAMPLE_BACKEND_KEY: 'sample-key',
    OUTBOUND_ALLOW_CIDRS: '127.0.0.0/8',
    RATE_INVITE_CREATE: 'off',
    RATE_ACCEPT: 'off',
    RATE_LOGIN: 'off',
    PUBLIC_URL: 'http://localhost:8090',
    TENANT_EXPORT_DIR: exportDir,
    ...options.env,
  };
  for (const [name, value] of Object.entries(settings)) process.env[name] = value;
  const env = loadConfig({ ...settings }, 'api');
  const logs: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logs.push(chunk.toString());
      done();
    },
  });
  const deps = createDeps(env, {
    process: 'api',
    log: createLog({ level: env.LOG_LEVEL, process: 'test' }, sink),
  });
  await settleBoot(deps);
  const api = createApiServer(deps);
  const { server } = api;
  await api.settled();
  const url = await listening(server);
  const owner = await accountKey(deps, 'owner');
  const workers: RunningWorker[] = [];
  const sequencers: AuditPart[] = [];
  const audit = { url: database.sequencerUrl, keys: signingKeys() };

  const app: TestApp = {
    url,
    deps,
    database,
    mailbox,
    backend,
    logs,
    call: callerOf(url, owner),
    keyFor: (role) => accountKey(deps, role),
    workers,
    async workerOptions() {
      const { codePath } = await workflowBundle();
      const { store, ...times } = options.archive ?? {};
      return {
        audit: { ...audit, store: store && createObjectStore(store) },
        archive: { ...audit, store, times: { ...quickTimes, ...times } },
        bundlePath: codePath,
      };
    },
    async startWorker() {
      runtimeInstalled ||= install(deps);
      const worker = await startWorker(deps, await app.workerOptions());
      workers.push(worker);
      return worker;
    },
    startSequencer(over = {}) {
      const part = startAuditPart(deps, { ...audit, ...over });
      sequencers.push(part);
      return part;
    },
    async stop() {
      for (const part of [...workers, ...sequencers]) await part.stop();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
      await api.close();
      await deps.close();
      await Promise.all([mailbox.stop(), backend.stop()]);
      await database.drop();
      rmSync(exportDir, { recursive: true, force: true });
    },
  };
  if (options.worker !== false) await app.startWorker();
  return app;
}

const quickTimes: ArchiveTimes = {
  hotDays: 0,
  graceHours: 0,
  lockDays: 0,
  restoredDays: 1,
  pauseSeconds: 0.2,
};

let runtimeInstalled = false;

// Once in a process: the first app's log takes what Temporal's core has to say.
function install(deps: Deps): true {
  installRuntime(deps.log);
  return true;
}

/** What sends requests to an API and checks each answer against the document. */
export function callerOf(url: string, owner: string): TestApp['call'] {
  const documented = responsesOf(openApiDocument());
  return async (method, path, request = {}) => {
    const hasBody = request.body !== undefined;
    const response = await fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(request.anonymous ? {} : { 'x-api-key': request.key ?? owner }),
        ...(hasBody ? { 'content-type': 'application/json' } : {}),
        ...request.headers,
      },
      ...(hasBody
        ? { body: typeof request.body === 'string' ? request.body : JSON.stringify(request.body) }
        : {}),
    });
    const text = await response.text();
    const isJson = /^application\/([\w-]+\+)?json/.test(response.headers.get('content-type') ?? '');
    const body: unknown = isJson && text !== '' ? JSON.parse(text) : text;
    documented(method, path.split('?')[0] ?? path, {
      status: response.status,
      headers: response.headers,
      body,
    });
    return { status: response.status, headers: response.headers, body };
  };
}

/** Has a server listen on a free port of the loopback interface. */
export async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

async function accountKey(deps: Deps, role: string): Promise<string> {
  const created = await withSystem(deps.db, 'cli', (tx) =>
    createServiceAccount(
      tx,
      deps.serviceKeys,
      { actorId: 'system:cli', permissions: 'all' },
      { name: `test-${role}`, permissions: shorthand(role), allowedCidrs: [] },
      { ip: null, userAgent: null },
    ),
  );
  return created.key;
}
