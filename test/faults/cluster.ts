import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { environmentFor } from '../../src/main/dev-environment';
import { migrate, runProgram } from '../../src/main/dev-programs';
import { freePort } from '../../src/servers/free-port';
import { compiledProgram, startKeeper } from '../../src/servers/keeper-client';
import type { Keeper, KeptProcess } from '../../src/servers/keeper-client';
import { stages } from '../../src/servers/keeper-protocol';
import type { KeptSpec } from '../../src/servers/keeper-protocol';
import { startPostgres } from '../../src/servers/postgres';
import { startTemporal } from '../../src/servers/temporal';

const root = join(__dirname, '..', '..');

/** One process of the system, or several of a kind: killed without a warning and started again on the same ports and data. */
export interface Part {
  /** Ends it with SIGKILL and waits until it is gone. */
  kill(): Promise<void>;
  /** Asks it to stop and waits; resolves with its exit code. */
  stop(): Promise<number | null>;
  /** Starts it and waits until it is ready. */
  start(): Promise<void>;
  isRunning(): boolean;
}

/** The names of the parts that faults hit. */
export type Target = 'worker' | 'api' | 'temporal' | 'postgres' | 'backend';

/** A whole system of real processes: two APIs, two workers, its own servers, everything below one folder. */
export interface Cluster {
  readonly stateDir: string;
  readonly apiUrls: readonly [string, string];
  readonly workerUrls: readonly [string, string];
  readonly backendUrl: string;
  readonly mailboxUrl: string;
  readonly temporal: { readonly address: string; readonly dbFile: string };
  /** As superuser, on Usher's database. */
  readonly superUrl: string;
  readonly ownerKey: string;
  readonly parts: Readonly<Record<Target | 'worker-1' | 'worker-2' | 'api-1' | 'api-2', Part>>;
  /** Parts that ended although nobody killed or stopped them. */
  readonly deaths: readonly string[];
  /** Runs the operators' command line to its end. */
  usher(...args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** What a cluster can be started with. */
export interface ClusterOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Where the workers find the backend; the harness puts a gate in front of it. */
  readonly backendUrl?: (realUrl: string) => Promise<string>;
  readonly show?: (text: string) => void;
}

interface Running {
  readonly pid: number | null;
  readonly exited: Promise<{ readonly code: number | null }>;
  stop(): Promise<void>;
}

function partOf(name: string, deaths: string[], start: () => Promise<Running>): Part {
  let running: Running | undefined;
  return {
    isRunning: () => running !== undefined,
    start: async () => {
      if (running) return;
      const begun = await start();
      running = begun;
      void begun.exited.then(() => {
        if (running !== begun) return;
        running = undefined;
        deaths.push(name);
      });
    },
    stop: async () => {
      const ending = running;
      running = undefined;
      if (!ending) return null;
      await ending.stop();
      return (await ending.exited).code;
    },
    kill: async () => {
      const ending = running;
      running = undefined;
      if (!ending?.pid) return;
      process.kill(ending.pid, 'SIGKILL');
      await ending.exited;
    },
  };
}

function both(first: Part, second: Part): Part {
  return {
    kill: async () => {
      await Promise.all([first.kill(), second.kill()]);
    },
    start: async () => {
      await Promise.all([first.start(), second.start()]);
    },
    stop: async () => (await Promise.all([first.stop(), second.stop()]))[0],
    isRunning: () => first.isRunning() && second.isRunning(),
  };
}

async function untilReady(url: string, kept: KeptProcess): Promise<void> {
  const ended = kept.exited.then(() => true);
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(3_000) }).catch(
      () => undefined,
    );
    if (answer?.ok) return;
    // A part that needs another one which is down is not ready, and runs nevertheless.
    if (answer && kept.name.startsWith('worker')) return;
    if (await Promise.race([ended, sleep(40, false)])) break;
  }
  throw new Error(`${kept.name} did not become ready`);
}

/** Starts a cluster; everything that it runs ends with this process. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const show = options.show ?? (() => undefined);
  const stateDir = mkdtempSync(join(tmpdir(), 'usher-faults-'));
  // As root, Postgres runs as another user, who has to reach its data.
  chmodSync(stateDir, 0o755);
  const keeper = startKeeper({ stateDir });
  const close = async () => {
    await keeper.close();
    rmSync(stateDir, { recursive: true, force: true });
  };
  try {
    return await assemble(stateDir, keeper, options, show, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  stateDir: string,
  keeper: Keeper,
  options: ClusterOptions,
  show: (text: string) => void,
  close: () => Promise<void>,
): Promise<Cluster> {
  const deaths: string[] = [];
  const key = randomBytes(32).toString('base64');
  const dbFile = join(stateDir, 'temporal.db');
  let superUrl = '';
  let ownerUrl = '';
  let appUrl = '';
  let sequencerUrl = '';
  let temporalAddress = '';
  const postgres = partOf('postgres', deaths, async () => {
    const server = await startPostgres({ stateDir, keeper, tuning: 'test' });
    ({ superUrl, ownerUrl, appUrl, sequencerUrl } = server);
    return server;
  });
  const temporal = partOf('temporal', deaths, async () => {
    const server = await startTemporal({ stateDir, keeper, dbFile });
    temporalAddress = server.address;
    return server;
  });
  const ports = {
    mailbox: await freePort(),
    smtp: await freePort(),
    backend: await freePort(),
    api1: await freePort(),
    api2: await freePort(),
    worker1: await freePort(),
    worker2: await freePort(),
  };
  const url = (port: number): string => `http://127.0.0.1:${String(port)}`;
  const tool = (name: string, args: readonly string[], env: Record<string, string> = {}) =>
    partOf(name, deaths, async () => {
      const kept = await keeper.start(
        spec(stateDir, name, compiledProgram(args[0] ?? ''), args.slice(1), env, stages.tool),
      );
      await kept.ready;
      return kept;
    });
  const mailbox = tool('mailbox', [
    ...['mailbox', '--http-port', String(ports.mailbox), '--smtp-port', String(ports.smtp)],
    ...['--state', join(stateDir, 'mailbox.jsonl')],
  ]);
  const backend = tool(
    'backend',
    ['sample-backend', '--port', String(ports.backend), '--state', join(stateDir, 'backend.jsonl')],
    { SAMPLE_BACKEND_KEY: 'sample-key' },
  );
  show('starting Postgres, Temporal, mailbox and backend');
  await Promise.all([postgres, temporal, mailbox, backend].map((part) => part.start()));
  show('migrating');
  await migrate(root, ownerUrl);

  const backendUrl = url(ports.backend);
  const environment: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    LOG_LEVEL: 'info',
    DATABASE_URL: appUrl,
    DATABASE_OWNER_URL: ownerUrl,
    DATABASE_SEQUENCER_URL: sequencerUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    SMTP_URL: `smtp://127.0.0.1:${String(ports.smtp)}`,
    OPERATORS_MAIL: 'operators@usher.localhost',
    KEYS_HASH_PEPPER: `p1:${key}`,
    SECRETS_KEY_RING: `k1:${key}`,
    COOKIE_SECRET: `c1:${key}`,
    AUDIT_CHECKPOINT_KEYS: `a1:${key}`,
    AUDIT_SIGNING_KEY: `h1:${key}`,
    SAMPLE_BACKEND_URL: (await options.backendUrl?.(backendUrl)) ?? backendUrl,
    SAMPLE_BACKEND_KEY: 'sample-key',
    OUTBOUND_ALLOW_CIDRS: '127.0.0.0/8',
    RATE_INVITE_CREATE: 'off',
    RATE_ACCEPT: 'off',
    RATE_LOGIN: 'off',
    RATE_RESEND_SECONDS: '0',
    PUBLIC_URL: url(ports.api1),
    ...options.env,
  };
  const program = (name: 'api' | 'worker', n: 1 | 2, port: number) =>
    partOf(`${name}-${String(n)}`, deaths, async () => {
      const address = `127.0.0.1:${String(port)}`;
      const own = { ADDR: address, WORKER_ADDR: address };
      const file = join(root, 'dist', 'src', 'main', `${name}.js`);
      const env = environmentFor(name, { ...environment, ...own });
      const kept = await keeper.start(
        spec(stateDir, `${name}-${String(n)}`, file, [], env, stages.program),
      );
      await untilReady(url(port), kept);
      return kept;
    });
  const api = [program('api', 1, ports.api1), program('api', 2, ports.api2)] as const;
  const worker = [
    program('worker', 1, ports.worker1),
    program('worker', 2, ports.worker2),
  ] as const;
  show('starting two APIs and two workers');
  await Promise.all([...api, ...worker].map((part) => part.start()));
  const usher = (...args: readonly string[]) => runProgram(root, 'cli', args, environment);
  const made = await usher(
    ...['service-account', 'create', '--name', 'faults', '--role', 'owner', '--json'],
  );
  const database = new URL(superUrl);
  database.pathname = new URL(ownerUrl).pathname;
  const parts = {
    postgres,
    temporal,
    backend,
    'api-1': api[0],
    'api-2': api[1],
    'worker-1': worker[0],
    'worker-2': worker[1],
    api: both(...api),
    worker: both(...worker),
  };
  return {
    stateDir,
    apiUrls: [url(ports.api1), url(ports.api2)],
    workerUrls: [url(ports.worker1), url(ports.worker2)],
    backendUrl,
    mailboxUrl: url(ports.mailbox),
    temporal: { address: temporalAddress, dbFile },
    superUrl: database.href,
    ownerKey: (JSON.parse(made) as { key: string }).key,
    parts,
    deaths,
    usher,
    stop: async () => {
      await Promise.all(Object.values(parts).map((part) => part.stop()));
      await close();
    },
  };
}

function spec(
  stateDir: string,
  name: string,
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stage: number,
): KeptSpec {
  return {
    name,
    file: process.execPath,
    args: ['--enable-source-maps', '--disable-warning=ExperimentalWarning', file, ...args],
    env: { PATH: process.env['PATH'] ?? '', ...env },
    cwd: root,
    logFile: join(stateDir, 'logs', `${name}.log`),
    announces: stage === stages.tool,
    stage,
    stop: [['SIGTERM', 20_000]],
  };
}
