import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServiceAccount, shorthand } from '../src/domain/identity/service-accounts';
import { environmentFor } from '../src/main/dev-environment';
import { createDeps } from '../src/main/deps';
import { leanMemory } from '../src/main/dev-environment';
import { migrateUp } from '../src/main/migrate';
import { loadConfig } from '../src/platform/config';
import { withSystem } from '../src/platform/db';
import { startKeeper } from '../src/servers/keeper-client';
import { startPostgres } from '../src/servers/postgres';
import { startTemporal } from '../src/servers/temporal';

/** A program of Usher in a process of its own. */
export interface Program {
  readonly pid: number;
  readonly url: string;
  stop(): Promise<void>;
}

/** The servers that a bench runs on, each in a process of its own, as in production. */
export interface BenchServers {
  readonly env: Readonly<Record<string, string>>;
  readonly temporalAddress: string;
  readonly backendUrl: string;
  readonly smtpUrl: string;
  readonly mailboxUrl: string;
  readonly key: string;
  readonly folder: string;
  /** Process ids of the servers. */
  readonly pids: Readonly<Record<'postgres' | 'temporal' | 'backend' | 'mailbox', number>>;
  start(program: 'api' | 'worker' | 'bare', extra?: Record<string, string>): Promise<Program>;
  stop(): Promise<void>;
}

const dist = join(__dirname, '..');

/** Starts Postgres (durable), the tuned Temporal dev server with a database file, mailbox and sample backend. */
export async function startBenchServers(): Promise<BenchServers> {
  const folder = mkdtempSync(join(tmpdir(), 'usher-bench-'));
  // The database's own OS user has to reach it.
  mkdirSync(join(folder, 'logs'));
  const keeper = startKeeper({ stateDir: folder });
  const [postgres, temporal] = await Promise.all([
    startPostgres({ stateDir: folder, keeper }),
    startTemporal({ stateDir: folder, ui: false, keeper }),
  ]);
  await migrateUp(postgres.ownerUrl);
  const running = new Set<ChildProcess>();
  // A bench that fails leaves no process behind.
  process.once('exit', () => {
    for (const child of running) child.kill('SIGKILL');
  });
  const launch = async (
    script: string,
    args: string[],
    env: Record<string, string>,
  ): Promise<{ child: ChildProcess; url: string; line: Record<string, unknown> }> => {
    const log = openSync(join(folder, 'logs', `${script.split('/').at(-1) ?? 'program'}.log`), 'a');
    const child = spawn(process.execPath, [join(dist, script), ...args], {
      stdio: ['ignore', 'pipe', log, 'ipc'],
      env: { PATH: process.env['PATH'] ?? '', ...leanMemory, ...env },
    });
    closeSync(log);
    running.add(child);
    child.once('exit', () => running.delete(child));
    const line = await readiness(child, script);
    return { child, url: String(line['url']), line };
  };
  const backendKey = 'bench-key';
  const backend = await launch(
    'src/servers/sample-backend.js',
    ['--port', '0', '--key', backendKey],
    {},
  );
  const mailbox = await launch(
    'src/servers/mailbox.js',
    ['--http-port', '0', '--smtp-port', '0'],
    {},
  );
  const secret = randomBytes(32).toString('base64');
  const env: Record<string, string> = {
    APP_ENV: 'dev',
    LOG_LEVEL: 'info',
    DATABASE_URL: postgres.appUrl,
    DATABASE_SEQUENCER_URL: postgres.sequencerUrl,
    TEMPORAL_ADDRESS: temporal.address,
    SMTP_URL: String(mailbox.line['smtp_url']),
    KEYS_HASH_PEPPER: `p1:${secret}`,
    SECRETS_KEY_RING: `k1:${secret}`,
    COOKIE_SECRET: `c1:${secret}`,
    AUDIT_CHECKPOINT_KEYS: `a1:${secret}`,
    AUDIT_SIGNING_KEY: `h1:${secret}`,
    SAMPLE_BACKEND_URL: backend.url,
    SAMPLE_BACKEND_KEY: backendKey,
    OUTBOUND_ALLOW_CIDRS: '127.0.0.0/8',
    RATE_INVITE_CREATE: 'off',
    RATE_ACCEPT: 'off',
    ADDR: '127.0.0.1:0',
    WORKER_ADDR: '127.0.0.1:0',
  };
  const scripts = {
    api: 'src/main/api.js',
    worker: 'src/main/worker.js',
    bare: 'bench/bare-worker.js',
  };
  return {
    env,
    temporalAddress: temporal.address,
    backendUrl: backend.url,
    smtpUrl: String(mailbox.line['smtp_url']),
    mailboxUrl: mailbox.url,
    folder,
    pids: {
      postgres: postgres.pid,
      temporal: temporal.pid ?? 0,
      backend: backend.child.pid ?? 0,
      mailbox: mailbox.child.pid ?? 0,
    },
    key: await ownerKey(env),
    async start(program, extra = {}) {
      const own = environmentFor(program === 'bare' ? 'worker' : program, env);
      const { child, url } = await launch(scripts[program], [], { ...own, ...extra });
      return {
        pid: child.pid ?? 0,
        url,
        stop: () => end(child),
      };
    },
    async stop() {
      await Promise.all([...running].map(end));
      await keeper.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A process tells that it is ready by IPC (api, worker) or by one JSON line (servers). */
export function readiness(child: ChildProcess, script: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.once('exit', (code) => {
      reject(new Error(`${script} ended with ${String(code)}: ${text.slice(-2000)}`));
    });
    child.on('message', (message) => {
      resolve(message as Record<string, unknown>);
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      if (text.length > 100_000) return;
      text += chunk.toString();
      const line = text.split('\n').find((one) => one.startsWith('{"url"'));
      if (line) resolve(JSON.parse(line) as Record<string, unknown>);
    });
  });
}

/** Asks a process to end and waits until it has. */
export function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => {
      resolve();
    });
    child.kill('SIGTERM');
  });
}

async function ownerKey(env: Record<string, string>): Promise<string> {
  process.env['SAMPLE_BACKEND_URL'] = env['SAMPLE_BACKEND_URL'];
  process.env['SAMPLE_BACKEND_KEY'] = env['SAMPLE_BACKEND_KEY'];
  const deps = createDeps(loadConfig({ ...env, LOG_LEVEL: 'silent' }, 'cli'), { process: 'cli' });
  try {
    const account = await withSystem(deps.db, 'cli', (tx) =>
      createServiceAccount(
        tx,
        deps.serviceKeys,
        { actorId: 'system:cli', permissions: 'all' },
        { name: 'bench', permissions: shorthand('owner'), allowedCidrs: [] },
        { ip: null, userAgent: null },
      ),
    );
    return account.key;
  } finally {
    await deps.close();
  }
}

/** A folder of connectors whose sample backend takes so many calls a window on each path. */
export function limitedConnectors(folder: string, calls: number, windowMs: number): string {
  const target = join(folder, `connectors-${String(calls)}`);
  mkdirSync(target, { recursive: true });
  const sample = JSON.parse(readFileSync(join('connectors', 'sample.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  sample['rate_limits'] = [{ path: '*', calls, window_ms: windowMs }];
  writeFileSync(join(target, 'sample.json'), JSON.stringify(sample));
  writeFileSync(
    join(target, 'blueprints.json'),
    JSON.stringify({ blueprints: { default: { connectors: ['sample'] } } }),
  );
  return target;
}

/** Resident memory of a process in MiB. */
export function rssOf(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) / 1024;
}

/** Clock ticks a second in `/proc/<pid>/stat`: fixed at 100 for user space on Linux. */
const ticksPerSecond = 100;

/** CPU time that processes have used, in milliseconds, by name; of Postgres with its backends. */
export function cpuOf(pids: Readonly<Record<string, number>>): Record<string, number> {
  const used = new Map<number, number>();
  /** Of children that are gone. */
  const ended = new Map<number, number>();
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      // The name in parentheses may hold anything; what follows it does not.
      const fields = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      parents.set(Number(entry), fields[1] ?? 0);
      used.set(Number(entry), (((fields[11] ?? 0) + (fields[12] ?? 0)) * 1000) / ticksPerSecond);
      ended.set(Number(entry), (((fields[13] ?? 0) + (fields[14] ?? 0)) * 1000) / ticksPerSecond);
    } catch {
      // It ended between the listing and the look.
    }
  }
  return Object.fromEntries(
    Object.entries(pids).map(([name, pid]) => [
      name,
      [...used]
        .filter(([one]) => one === pid || (name === 'postgres' && parents.get(one) === pid))
        .reduce((sum, [, ms]) => sum + ms, name === 'postgres' ? (ended.get(pid) ?? 0) : 0),
    ]),
  );
}

/** Samples the memory of processes until stopped; returns the highest seen of each. */
export function watchMemory(pids: Readonly<Record<string, number>>): () => Record<string, number> {
  const highest: Record<string, number> = {};
  const sample = (): void => {
    for (const [name, pid] of Object.entries(pids))
      highest[name] = Math.max(highest[name] ?? 0, rssOf(pid));
  };
  sample();
  const timer = setInterval(sample, 250);
  return () => {
    clearInterval(timer);
    return highest;
  };
}

/** Does something for each item, so many at a time. */
export async function inParallel<T>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
    }),
  );
}
