import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fullDisk } from './disk-room';
import { freePort, keptPort } from './free-port';
import { startKeeper, type Keeper, type KeptProcess } from './keeper-client';
import { stages, type ProcessExit } from './keeper-protocol';
import { endAll, isKeptElsewhere, processesIn, stopLeftovers } from './leftovers';
import { lastLines, logEnd, logSince, rotateLog } from './log-tail';
import { preparePostgresBinaries, type PostgresBinaries } from './postgres-binaries';
import { openStateFolder, preparePostgresData } from './postgres-data';
import { databaseName, prepareRoles } from './postgres-roles';
import { endProcess, markProcess, type StopStep } from './process-identity';
import { openSecrets } from './secrets';
import { silentLog, type ServerLog } from './server-log';
import { SetupError, systemCode } from './setup-error';

/** A running PostgreSQL with Usher's roles and database. URLs carry passwords. */
export interface PostgresServer {
  readonly pid: number;
  readonly port: number;
  readonly version: string;
  /** Of the superuser, on database `postgres`: for tests that make databases of their own. */
  readonly superUrl: string;
  readonly ownerUrl: string;
  readonly appUrl: string;
  readonly sequencerUrl: string;
  /** Whether the data folder was made by this start. */
  readonly created: boolean;
  readonly exited: Promise<ProcessExit>;
  stop(): Promise<void>;
}

/** Options of startPostgres. */
export interface PostgresOptions {
  /** Holds data, secrets, ports and logs; made when missing. */
  readonly stateDir: string;
  /** Told what happens, in sentences. */
  readonly log?: ServerLog;
  /** `test` gives up safety against power cuts for speed. */
  readonly tuning?: 'durable' | 'test';
  /** The keeper that shall own it; without one it gets its own, which stop() ends. */
  readonly keeper?: Keeper;
  /** A fixed port instead of one that is picked and remembered. */
  readonly port?: number;
}

/** Fast shutdown (disconnects clients), then immediate. */
const stopSteps: readonly StopStep[] = [
  ['SIGINT', 15_000],
  ['SIGQUIT', 5_000],
];

const settings: Readonly<Record<'always' | 'durable' | 'test', Readonly<Record<string, string>>>> =
  {
    always: {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: '200',
      shared_buffers: '128MB',
      timezone: 'UTC',
      log_timezone: 'UTC',
      log_line_prefix: '%m [%p] %q%u@%d ',
      // The details of a violated constraint name the values, such as an address.
      log_error_verbosity: 'terse',
      // Plans of short queries are not worth compiling, and latencies stay even.
      jit: 'off',
      max_logical_replication_workers: '0',
    },
    durable: {},
    // A commit still outlives a kill -9 of the server: it is with the operating system.
    test: { fsync: 'off', full_page_writes: 'off', max_wal_size: '4GB' },
  };

const startAttempts = 4;
const startTimeoutMs = 60_000;

/** Lines of postmaster.pid: process, data folder, start time, port, …, status. */
function readPidFile(folder: string): { pid: number; status: string } | null {
  try {
    const lines = readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), status: (lines[7] ?? '').trim() };
  } catch {
    return null;
  }
}

/**
 * Clears away what an earlier server left: the server itself, backends that outlived it, a pid file
 * that points to a stranger.
 */
async function clearAway(stateDir: string, folder: string, log: ServerLog): Promise<void> {
  const left = processesIn(folder, 'postgres');
  const pidFile = readPidFile(folder);
  if (pidFile === null && left.length === 0) return;
  const postmaster = pidFile === null ? null : markProcess(pidFile.pid);
  const isPostgres =
    postmaster !== null &&
    (process.platform !== 'linux' || left.some(({ pid }) => pid === postmaster.pid));
  if (isPostgres) {
    if (isKeptElsewhere(stateDir, postmaster)) {
      throw new SetupError(
        `PostgreSQL runs on ${folder} already (process ${String(postmaster.pid)}), for a system that is in use.`,
        'Stop that system first, or use another state folder.',
      );
    }
    log.info(`stopping a PostgreSQL that an earlier run left (process ${String(postmaster.pid)})`);
    await endProcess(postmaster, stopSteps);
  }
  // Backends notice within moments that their server was killed; the shared memory is in use until
  // they are gone.
  await endAll(processesIn(folder, 'postgres'), [['SIGQUIT', 5_000]]);
  if (!isPostgres && postmaster !== null) rmSync(join(folder, 'postmaster.pid'), { force: true });
}

function explain(folder: string, port: number, output: string): SetupError {
  if (output.includes('No space left on device')) return fullDisk(folder);
  if (output.includes('Address already in use')) {
    return new SetupError(
      `Port ${String(port)}, on which PostgreSQL should listen, is in use by another program.`,
      'End that program, or let Usher pick a port.',
    );
  }
  return new SetupError(
    `PostgreSQL did not start.\n${lastLines(output)}`,
    'The lines above are from its log. Remove their cause and run the command again; bin/dev --reset begins anew.',
  );
}

async function waitUntilReady(kept: KeptProcess, folder: string): Promise<boolean> {
  const ended = kept.exited.then(() => true);
  const deadline = performance.now() + startTimeoutMs;
  while (performance.now() < deadline) {
    // Asking by a connection would leave a FATAL line in the log as long as it recovers.
    const pidFile = readPidFile(folder);
    if (pidFile?.pid === kept.pid && pidFile.status === 'ready') return true;
    if (await Promise.race([ended, sleep(10, false)])) return false;
  }
  return false;
}

async function launch(
  keeper: Keeper,
  binaries: PostgresBinaries,
  {
    folder,
    port,
    logFile,
    tuning,
  }: { folder: string; port: number; logFile: string; tuning: 'durable' | 'test' },
): Promise<KeptProcess> {
  const flags = Object.entries({ ...settings.always, ...settings[tuning] });
  try {
    return await keeper.start({
      name: 'postgres',
      file: binaries.postgres,
      args: [
        '-D',
        folder,
        '-p',
        String(port),
        ...flags.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      // Only what it needs: PG* variables and odd locales of the caller must not change the server.
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8', TZ: 'UTC' },
      cwd: '/',
      logFile,
      runAs: binaries.runAs,
      stage: stages.postgres,
      stop: stopSteps,
    });
  } catch (error) {
    throw new SetupError(
      `PostgreSQL (${binaries.postgres}) could not be run: ${systemCode(error) ?? String(error)}.`,
      'Its user must be allowed to enter the folders above it and to run programs there.',
      error,
    );
  }
}

/**
 * Starts a real PostgreSQL on the state folder's data, made at the first start, listening on the
 * loopback address only. Throws a SetupError that says what to do when it cannot.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { stateDir, log = silentLog, tuning = 'durable' } = options;
  openStateFolder(stateDir);
  await stopLeftovers(stateDir);
  const binaries = await preparePostgresBinaries();
  const secrets = openSecrets(stateDir);
  const superPassword = () => secrets.get('POSTGRES_PASSWORD');
  const { folder, created } = await preparePostgresData(stateDir, binaries, superPassword);
  await clearAway(stateDir, folder, log);
  const logFile = join(stateDir, 'logs', 'postgres.log');
  rotateLog(logFile);
  const keeper = options.keeper ?? startKeeper({ stateDir });
  const shutDown = async (kept?: KeptProcess) => {
    await kept?.stop();
    if (!options.keeper) await keeper.close();
  };
  let port = options.port ?? (await keptPort(stateDir, 'postgres'));
  for (let attempt = 1; ; attempt += 1) {
    const from = logEnd(logFile);
    const kept = await launch(keeper, binaries, { folder, port, logFile, tuning }).catch(
      async (error: unknown) => {
        await shutDown();
        throw error;
      },
    );
    if (!(await waitUntilReady(kept, folder))) {
      await kept.stop();
      const failure = explain(folder, port, logSince(logFile, from));
      const portTaken = failure.message.startsWith('Port ') && options.port === undefined;
      if (portTaken && attempt < startAttempts) {
        log.warn(`port ${String(port)} was taken meanwhile; PostgreSQL gets another one`);
        port = await freePort();
        continue;
      }
      await shutDown();
      throw failure;
    }
    const url = (user: string, password: string, database: string) =>
      `postgres://${user}:${password}@127.0.0.1:${String(port)}/${database}`;
    const superUrl = url('postgres', superPassword(), 'postgres');
    const passwords = {
      usher_owner: secrets.get('POSTGRES_OWNER_PASSWORD'),
      usher_app: secrets.get('POSTGRES_APP_PASSWORD'),
      usher_sequencer: secrets.get('POSTGRES_SEQUENCER_PASSWORD'),
    };
    try {
      await prepareRoles(superUrl, passwords);
    } catch (error) {
      await shutDown(kept);
      throw error;
    }
    return {
      pid: kept.pid,
      port,
      version: binaries.version,
      superUrl,
      ownerUrl: url('usher_owner', passwords.usher_owner, databaseName),
      appUrl: url('usher_app', passwords.usher_app, databaseName),
      sequencerUrl: url('usher_sequencer', passwords.usher_sequencer, databaseName),
      created,
      exited: kept.exited,
      stop: () => shutDown(kept),
    };
  }
}
