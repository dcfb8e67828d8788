import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environmentFor } from '../../src/main/dev-environment';
import { migrate, runProgram } from '../../src/main/dev-programs';
import { freePort } from '../../src/servers/free-port';
import { compiledProgram, startKeeper } from '../../src/servers/keeper-client';
import type { Keeper } from '../../src/servers/keeper-client';
import { stages } from '../../src/servers/keeper-protocol';
import type { KeptSpec } from '../../src/servers/keeper-protocol';
import { startPostgres } from '../../src/servers/postgres';
import { startTemporal } from '../../src/servers/temporal';
import { both, partOf, untilReady } from './parts';
import type { Part } from './parts';

const root = join(__dirname, '..', '..');

/** The kinds of parts that faults hit. */
export const targets = ['worker', 'api', 'temporal', 'postgres', 'backend'] as const;

/** One of them. */
export type Target = (typeof targets)[number];

/** Parts of which there are two, one by one. */
export type Single = 'worker-1' | 'worker-2' | 'api-1' | 'api-2';

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
  /** Everything that it was configured with and nobody may see, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly parts: Readonly<Record<Target | Single, Part>>;
  /** Parts that ended although nobody killed or stopped them. */
  readonly deaths: readonly string[];
  /** Asks APIs and workers to stop, and returns those that did not come to a good end. */
  stopPrograms(): Promise<string[]>;
  /** Ends everything. */
  stop(options: { readonly keepFiles: boolean }): Promise<void>;
}

/** What a cluster can be started with. */
export interface ClusterOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Where the workers find the backend; the harness puts a gate in front of it. */
  readonly backendUrl: (realUrl: string) => string;
  readonly show: (text: string) => void;
}

/** Starts a cluster; everything that it runs ends with this process. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const stateDir = mkdtempSync(join(tmpdir(), 'usher-faults-'));
  // As root, Postgres runs as another user, who has to reach its data.
  chmodSync(stateDir, 0o755);
  const keeper = startKeeper({ stateDir });
  const close = async (keepFiles: boolean): Promise<void> => {
    await keeper.close();
    if (!keepFiles) rmSync(stateDir, { recursive: true, force: true });
  };
  try {
    return await assemble(stateDir, keeper, options, close);
  } catch (error) {
    await close(false);
    throw error;
  }
}

const url = (port: number): string => `http://127.0.0.1:${String(port)}`;

async function assemble(
  stateDir: string,
  keeper: Keeper,
  options: ClusterOptions,
  close: (keepFiles: boolean) => Promise<void>,
): Promise<Cluster> {
  const { show } = options;
  const deaths: string[] = [];
  const dbFile = join(stateDir, 'temporal.db');
  const addresses = { superUrl: '', ownerUrl: '', appUrl: '', sequencerUrl: '', temporal: '' };
  const postgres = partOf('postgres', deaths, async () => {
    const server = await startPostgres({ stateDir, keeper, tuning: 'test' });
    const { superUrl, ownerUrl, appUrl, sequencerUrl } = server;
    Object.assign(addresses, { superUrl, ownerUrl, appUrl, sequencerUrl });
    return server;
  });
  const temporal = partOf('temporal', deaths, async () => {
    const server = await startTemporal({ stateDir, keeper, dbFile });
    addresses.temporal = server.address;
    return server;
  });
  const [mailboxPort, smtpPort, backendPort, ...programPorts] = await Promise.all(
    Array.from({ length: 7 }, () => freePort()),
  );
  const backendKey = randomBytes(24).toString('base64url');
  const tool = (name: string, file: string, args: readonly string[], env = {}): Part =>
    partOf(name, deaths, async () => {
      const all = [...args, '--state', join(stateDir, `${name}.jsonl`)];
      const kept = await keeper.start(
        spec(stateDir, name, compiledProgram(file), all, env, stages.tool),
      );
      await kept.ready;
      return kept;
    });
  const mailbox = tool('mailbox', 'mailbox', [
    ...['--http-port', String(mailboxPort), '--smtp-port', String(smtpPort)],
  ]);
  const backend = tool('backend', 'sample-backend', ['--port', String(backendPort)], {
    SAMPLE_BACKEND_KEY: backendKey,
  });
  show('starting Postgres, Temporal, mailbox and backend');
  await Promise.all([postgres, temporal, mailbox, backend].map((part) => part.start()));
  show('migrating');
  await migrate(root, addresses.ownerUrl);

  const backendUrl = url(backendPort ?? 0);
  const [api1 = 0, api2 = 0, worker1 = 0, worker2 = 0] = programPorts;
  const keys = {
    pepper: randomBytes(32).toString('base64'),
    keyRing: randomBytes(32).toString('base64'),
    cookies: randomBytes(32).toString('base64'),
  };
  const environment: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    LOG_LEVEL: 'info',
    DATABASE_URL: addresses.appUrl,
    DATABASE_OWNER_URL: addresses.ownerUrl,
    DATABASE_SEQUENCER_URL: addresses.sequencerUrl,
    TEMPORAL_ADDRESS: addresses.temporal,
    SMTP_URL: `smtp://127.0.0.1:${String(smtpPort)}`,
    KEYS_HASH_PEPPER: `p1:${keys.pepper}`,
    SECRETS_KEY_RING: `k1:${keys.keyRing}`,
    COOKIE_SECRET: `c1:${keys.cookies}`,
    AUDIT_CHECKPOINT_KEYS: `a1:${keys.keyRing}`,
    AUDIT_SIGNING_KEY: `h1:${keys.pepper}`,
    SAMPLE_BACKEND_URL: options.backendUrl(backendUrl),
    SAMPLE_BACKEND_KEY: backendKey,
    OUTBOUND_ALLOW_CIDRS: '127.0.0.0/8',
    RATE_INVITE_CREATE: 'off',
    RATE_ACCEPT: 'off',
    RATE_LOGIN: 'off',
    RATE_RESEND_SECONDS: '0',
    PUBLIC_URL: url(api1),
    ...options.env,
  };
  const program = (kind: 'api' | 'worker', n: 1 | 2, port: number): Part => {
    const name = `${kind}-${String(n)}`;
    return partOf(name, deaths, async () => {
      const address = `127.0.0.1:${String(port)}`;
      const own = { ADDR: address, WORKER_ADDR: address };
      const file = join(root, 'dist', 'src', 'main', `${kind}.js`);
      const env = environmentFor(kind, { ...environment, ...own });
      const program = spec(stateDir, name, file, [], env, stages.program);
      const kept = await keeper.start(program);
      await untilReady(url(port), { name, exited: kept.exited, logFile: program.logFile });
      return kept;
    });
  };
  const programs = {
    'api-1': program('api', 1, api1),
    'api-2': program('api', 2, api2),
    'worker-1': program('worker', 1, worker1),
    'worker-2': program('worker', 2, worker2),
  };
  show('starting two APIs and two workers');
  await Promise.all(Object.values(programs).map((part) => part.start()));
  const made = await runProgram(
    root,
    'cli',
    ['service-account', 'create', '--name', 'faults', '--role', 'owner', '--json'],
    environment,
  );
  const ownerKey = (JSON.parse(made) as { key: string }).key;
  const database = new URL(addresses.superUrl);
  database.pathname = new URL(addresses.ownerUrl).pathname;
  return {
    stateDir,
    apiUrls: [url(api1), url(api2)],
    workerUrls: [url(worker1), url(worker2)],
    backendUrl,
    mailboxUrl: url(mailboxPort ?? 0),
    temporal: { address: addresses.temporal, dbFile },
    superUrl: database.href,
    ownerKey,
    secrets: {
      'key of the owner': ownerKey,
      'key of the backend': backendKey,
      'password of the application': new URL(addresses.appUrl).password,
      'password of the schema owner': new URL(addresses.ownerUrl).password,
      'password of the superuser': new URL(addresses.superUrl).password,
      pepper: keys.pepper,
      'key ring': keys.keyRing,
      'cookie secret': keys.cookies,
    },
    parts: {
      ...programs,
      ...{ postgres, temporal, backend },
      api: both(programs['api-1'], programs['api-2']),
      worker: both(programs['worker-1'], programs['worker-2']),
    },
    deaths,
    stopPrograms: async () => {
      const ends = Object.entries(programs).map(async ([name, part]) => {
        const code = await part.stop();
        return code === 0 ? [] : [`${name} was asked to stop and ended with ${String(code)}`];
      });
      return (await Promise.all(ends)).flat();
    },
    stop: async ({ keepFiles }) => {
      // What is left has nothing to save: everything is judged.
      for (const part of [...Object.values(programs), temporal, postgres, mailbox, backend])
        await part.kill();
      await close(keepFiles);
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
