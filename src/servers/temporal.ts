import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fullDisk, requireRoom } from './disk-room';
import { freePort, keptPort } from './free-port';
import { startKeeper, type Keeper, type KeptProcess } from './keeper-client';
import { stages, type ProcessExit } from './keeper-protocol';
import { stopLeftovers } from './leftovers';
import { lastLines, logEnd, logSince, rotateLog } from './log-tail';
import { silentLog, type ServerLog, type ShowProgress } from './server-log';
import { SetupError } from './setup-error';
import { writePrivateFile } from './state-files';
import { findTemporal, type TemporalBinary } from './temporal-binary';

/** A Temporal server. `pid` is null where it is somebody else's (TEMPORAL_ADDRESS). */
export interface TemporalServer {
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string | null;
  readonly pid: number | null;
  /** CLI version, null where the server is somebody else's. */
  readonly version: string | null;
  readonly exited: Promise<ProcessExit>;
  stop(): Promise<void>;
}

/** Options of startTemporal. */
export interface TemporalOptions {
  /** Holds the database file, ports and logs; made when missing. */
  readonly stateDir: string;
  /**
   * The database file, default `temporal.db` in the state folder; null keeps everything in memory.
   */
  readonly dbFile?: string | null;
  /** Whether it serves the Temporal UI. */
  readonly ui?: boolean;
  /** Told what happens, in sentences. */
  readonly log?: ServerLog;
  /** Shown while the program is downloaded or built. */
  readonly progress?: ShowProgress;
  /** The keeper that shall own it; without one it gets its own, which stop() ends. */
  readonly keeper?: Keeper;
}

/**
 * Without the first three each hop costs 50 ms (transfer queue polls of the single shard); without
 * the fourth, which allows for clocks of other hosts that differ, each timer and each retry of an
 * activity comes up to a second late; the rest lifts rate limits.
 */
const dynamicConfig: Readonly<Record<string, string>> = {
  'history.transferProcessorMaxPollRPS': '2000',
  'history.timerProcessorMaxPollRPS': '2000',
  'history.visibilityProcessorMaxPollRPS': '200',
  'history.timerProcessorMaxTimeShift': '"20ms"',
  'matching.numTaskqueueReadPartitions': '1',
  'matching.numTaskqueueWritePartitions': '1',
  'frontend.rps': '100000',
  'frontend.namespaceRPS': '100000',
  'frontend.namespaceRPS.visibility': '10000',
  'frontend.namespaceCount': '10000',
  'history.rps': '100000',
  'matching.rps': '100000',
  'worker.schedulerNamespaceStartWorkflowRPS': '1000',
};

const pragmas = ['journal_mode=WAL', 'synchronous=NORMAL'];
const startAttempts = 4;
const startTimeoutMs = 60_000;

/**
 * Deletes the database with its side files: a left -wal or -shm makes the next start fail with
 * `disk I/O error (522)`.
 */
export function removeTemporalDatabase(dbFile: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal', '.version']) {
    rmSync(`${dbFile}${suffix}`, { force: true });
  }
}

/**
 * The server never migrates a database file, so that one of another version is dropped: Usher's
 * rows bring its workflows back.
 */
function matchDatabaseToVersion(dbFile: string, version: string, log: ServerLog): void {
  const stamp = `${dbFile}.version`;
  const madeBy = existsSync(stamp) ? readFileSync(stamp, 'utf8').trim() : null;
  if (existsSync(dbFile) && madeBy !== version) {
    log.info(
      `Temporal's database was made by another version (${madeBy ?? 'unknown'}); starting with an empty one`,
    );
    removeTemporalDatabase(dbFile);
  }
  if (!existsSync(dbFile)) {
    removeTemporalDatabase(dbFile);
    writePrivateFile(stamp, `${version}\n`);
  }
}

interface Ports {
  readonly grpc: number;
  readonly http: number;
  readonly ui: number | null;
}

function flags(ports: Ports, dbFile: string | null): string[] {
  const pairs = (flag: string, values: readonly string[]) =>
    values.flatMap((value) => [flag, value]);
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(ports.grpc)],
    ...['--http-port', String(ports.http), '--log-level', 'error', '--log-format', 'json'],
    ...(ports.ui === null ? ['--headless'] : ['--ui-port', String(ports.ui)]),
    ...(dbFile === null ? [] : ['--db-filename', dbFile, ...pairs('--sqlite-pragma', pragmas)]),
    ...pairs(
      '--dynamic-config-value',
      Object.entries(dynamicConfig).map(([key, value]) => `${key}=${value}`),
    ),
  ];
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

/**
 * Ready means: the namespace is there and its workflows can be listed, which comes a moment after
 * the port.
 */
async function waitUntilReady(kept: KeptProcess, { http }: Ports): Promise<boolean> {
  const namespace = `http://127.0.0.1:${String(http)}/api/v1/namespaces/default`;
  const ended = kept.exited.then(() => true);
  const deadline = performance.now() + startTimeoutMs;
  while (performance.now() < deadline) {
    if ((await answers(namespace)) && (await answers(`${namespace}/workflows?pageSize=1`)))
      return true;
    if (await Promise.race([ended, sleep(20, false)])) return false;
  }
  return false;
}

function explain(folder: string, output: string): SetupError {
  if (/disk is full|no space left/i.test(output)) return fullDisk(folder);
  return new SetupError(
    `Temporal did not start.\n${lastLines(output)}`,
    'The lines above are from its log. Its database can be deleted without loss: Usher resumes every workflow from its own rows.',
  );
}

function externalServer(address: string): TemporalServer {
  return {
    address,
    namespace: process.env['TEMPORAL_NAMESPACE'] ?? 'default',
    uiUrl: null,
    pid: null,
    version: null,
    exited: new Promise(() => undefined),
    stop: () => Promise.resolve(),
  };
}

/**
 * The ports of this start: remembered ones in a state folder's own server, any free ones after
 * another program took them.
 */
async function choosePorts(stateDir: string, ui: boolean, attempt: number): Promise<Ports> {
  const pick = (name: string, preferred?: number) =>
    attempt === 1 ? keptPort(stateDir, name, preferred) : freePort();
  return {
    grpc: await pick('temporal'),
    http: await freePort(),
    ui: ui ? await pick('temporal_ui', 8233) : null,
  };
}

function launch(
  keeper: Keeper,
  binary: TemporalBinary,
  {
    stateDir,
    logFile,
    ports,
    dbFile,
  }: { stateDir: string; logFile: string; ports: Ports; dbFile: string | null },
): Promise<KeptProcess> {
  return keeper.start({
    name: 'temporal',
    file: binary.file,
    args: flags(ports, dbFile),
    // A TEMPORAL_* variable or a profile in the home folder must not change the server.
    env: { PATH: process.env['PATH'] ?? '', HOME: stateDir, TZ: 'UTC' },
    cwd: stateDir,
    logFile,
    stage: stages.temporal,
    stop: [['SIGTERM', 10_000]],
  });
}

/**
 * The Temporal server at TEMPORAL_ADDRESS where that is set, else a dev server of our own, tuned,
 * on a database file. Throws a SetupError that says what to do when there is none.
 */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const { stateDir, log = silentLog, ui = false } = options;
  const external = process.env['TEMPORAL_ADDRESS'];
  if (external) return externalServer(external);
  mkdirSync(stateDir, { recursive: true });
  await stopLeftovers(stateDir);
  const binary = await findTemporal(options.progress);
  const dbFile = options.dbFile === undefined ? join(stateDir, 'temporal.db') : options.dbFile;
  if (dbFile !== null) {
    requireRoom(stateDir);
    matchDatabaseToVersion(dbFile, binary.version, log);
  }
  const logFile = join(stateDir, 'logs', 'temporal.log');
  rotateLog(logFile);
  const keeper = options.keeper ?? startKeeper({ stateDir });
  const shutDown = async (kept?: KeptProcess) => {
    await kept?.stop();
    if (!options.keeper) await keeper.close();
  };
  for (let attempt = 1; ; attempt += 1) {
    const ports = await choosePorts(stateDir, ui, attempt);
    const from = logEnd(logFile);
    const kept = await launch(keeper, binary, { stateDir, logFile, ports, dbFile }).catch(
      async (error: unknown) => {
        await shutDown();
        throw new SetupError(
          `${binary.file} could not be run: ${String(error)}`,
          'Look at its permissions.',
          error,
        );
      },
    );
    if (await waitUntilReady(kept, ports)) {
      return {
        address: `127.0.0.1:${String(ports.grpc)}`,
        namespace: 'default',
        uiUrl: ports.ui === null ? null : `http://127.0.0.1:${String(ports.ui)}`,
        pid: kept.pid,
        version: binary.version,
        exited: kept.exited,
        stop: () => shutDown(kept),
      };
    }
    await kept.stop();
    const output = logSince(logFile, from);
    if (/address already in use/i.test(output) && attempt < startAttempts) {
      log.warn('a port for Temporal was taken meanwhile; it gets others');
      continue;
    }
    await shutDown();
    throw explain(stateDir, output);
  }
}
