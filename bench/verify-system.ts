import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { migrateUp } from '../src/main/migrate';
import { leanMemory } from '../src/main/dev-environment';
import { startKeeper } from '../src/servers/keeper-client';
import { startPostgres } from '../src/servers/postgres';
import type { PostgresServer } from '../src/servers/postgres';
import { cores, onCore, pinTree } from './cores';
import type { LoadOrder, LoadResult } from './load-client';
import { end, readiness } from './system';
import type { Program } from './system';

/** What verification is measured on: a durable Postgres, and servers that are started as they are needed. */
export interface VerifySystem {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly pepper: { readonly id: string; readonly key: Buffer };
  postgres(): PostgresServer;
  /** Starts Postgres again after it was killed. */
  restartPostgres(): Promise<void>;
  /** Starts a server on the core of servers. */
  start(script: string, extra?: Readonly<Record<string, string>>): Promise<Program>;
  load(order: Omit<LoadOrder, 'port'>, server: Program): Promise<LoadResult>;
  stop(): Promise<void>;
}

const dist = join(__dirname, '..');

/** Starts Postgres, migrated and empty, on the core of the rest. */
export async function startVerifySystem(): Promise<VerifySystem> {
  const folder = mkdtempSync(join(tmpdir(), 'usher-bench-'));
  // The database's own OS user has to reach it.
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'logs'));
  const keeper = startKeeper({ stateDir: folder });
  let postgres = await startPostgres({ stateDir: folder, keeper });
  pinTree(postgres.pid, cores.rest);
  await migrateUp(postgres.ownerUrl);
  const running = new Set<ChildProcess>();
  // A bench that fails leaves no process behind.
  process.once('exit', () => {
    for (const child of running) child.kill('SIGKILL');
  });
  const pepper = { id: 'p1', key: randomBytes(32) };
  const secret = pepper.key.toString('base64');
  const env: Record<string, string> = {
    APP_ENV: 'dev',
    LOG_LEVEL: 'info',
    DATABASE_URL: postgres.appUrl,
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    KEYS_HASH_PEPPER: `p1:${secret}`,
    SECRETS_KEY_RING: `k1:${secret}`,
    COOKIE_SECRET: `c1:${secret}`,
    TRUSTED_PROXIES: '127.0.0.1/32',
    ADDR: '127.0.0.1:0',
    SAMPLE_BACKEND_URL: 'http://127.0.0.1:9',
    SAMPLE_BACKEND_KEY: 'unused',
  };
  return {
    folder,
    env,
    pepper,
    postgres: () => postgres,
    async restartPostgres() {
      await postgres.stop();
      postgres = await startPostgres({ stateDir: folder, keeper });
      pinTree(postgres.pid, cores.rest);
    },
    async start(script, extra = {}) {
      const file = script.endsWith('.mjs') ? script : join(dist, script);
      const log = openSync(join(folder, 'logs', 'programs.log'), 'a');
      const [program, args] = onCore(cores.server, process.execPath, [file]);
      const child = spawn(program, args, {
        stdio: ['ignore', 'pipe', log, 'ipc'],
        env: { PATH: process.env['PATH'] ?? '', ...leanMemory, ...env, ...extra },
      });
      closeSync(log);
      running.add(child);
      child.once('exit', () => running.delete(child));
      const { url } = await readiness(child, script);
      return { pid: child.pid ?? 0, url: String(url), stop: () => end(child) };
    },
    async load(order, server) {
      const whole: LoadOrder = { ...order, port: Number(new URL(server.url).port) };
      const client = join(dist, 'bench', 'load-client.js');
      const [program, args] = onCore(cores.rest, process.execPath, [client, JSON.stringify(whole)]);
      const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 1e7 });
      const result = JSON.parse(stdout) as LoadResult;
      const { beside } = result;
      for (const { wrong, firstWrong } of beside ? [result, beside.own, beside.other] : [result])
        if (wrong > 0) throw new Error(`${String(wrong)} wrong answers: ${String(firstWrong)}`);
      return result;
    },
    async stop() {
      await Promise.all([...running].map(end));
      await postgres.stop();
      await keeper.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An empty database on the same server, for a peer. */
export async function createPeerDatabase(postgres: PostgresServer): Promise<string> {
  const client = new Client({ connectionString: postgres.superUrl });
  await client.connect();
  try {
    await client.query('create database peer owner usher_owner');
  } finally {
    await client.end();
  }
  const url = new URL(postgres.ownerUrl);
  url.pathname = '/peer';
  return url.href;
}

/** Installs what the peers need, once; false where no registry is within reach. */
export async function installPeers(): Promise<boolean> {
  const folder = join('bench', 'peers');
  if (existsSync(join(folder, 'node_modules', 'better-auth'))) return true;
  try {
    await promisify(execFile)('npm', ['ci', '--prefix', folder, '--no-audit', '--no-fund']);
    return true;
  } catch {
    return false;
  }
}
