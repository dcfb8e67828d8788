import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isPortFree, nextFreePort } from '../servers/free-port';
import type { Keeper } from '../servers/keeper-client';
import { startPostgres, type PostgresServer } from '../servers/postgres';
import { writeRunFile, type RunFile } from '../servers/run-file';
import { openSecrets, type DevSecrets } from '../servers/secrets';
import { SetupError } from '../servers/setup-error';
import { startTemporal, type TemporalServer } from '../servers/temporal';
import {
  isConfigured,
  sampleBackendKey,
  systemEnvironment,
  type Environment,
  type ProgramAddresses,
} from './dev-environment';
import { lastJsonLine, runProgram, startProgram, type ProgramServer } from './dev-programs';
import {
  startBackendProcess,
  startMailboxProcess,
  type SystemContext,
  type ToolServer,
} from './dev-servers';
import { supervise, type Running, type Supervised } from './supervise';
import type { Terminal } from './terminal';

/** A whole running system on one machine. */
export interface DevSystem {
  /** What run.json says at this moment. */
  run(): RunFile;
  readonly environment: Environment;
  /** Migrates, then starts API and worker again, on new code. */
  reload(withMigrations: boolean): Promise<void>;
}

/** Parts that `bin/dev stop` and `bin/dev start` know. */
export const parts = ['postgres', 'temporal', 'mailbox', 'backend', 'api', 'worker'] as const;

/** Exists while a part shall stay down. */
export function holdFile(stateDir: string, part: string): string {
  return join(stateDir, 'held', part);
}

function portOf(address: string): number {
  return Number(/:(\d+)$/.exec(address)?.[1] ?? 0);
}

/** Where a program that listens on `[host]:port` is reached from this machine. */
function localUrl(address: string): string {
  const host = address.replace(/:\d+$/, '');
  const everywhere = ['', '0.0.0.0', '[::]', '127.0.0.1'].includes(host);
  return `http://${everywhere ? 'localhost' : host}:${String(portOf(address))}`;
}

/** ADDR and WORKER_ADDR as configured, which must then be free; else their defaults or the next free ports. */
async function chooseAddresses(): Promise<ProgramAddresses> {
  const choose = async (name: string, first: number): Promise<string> => {
    const configured = process.env[name];
    if (!configured) return `:${String(await nextFreePort(first))}`;
    if (await isPortFree(portOf(configured))) return configured;
    throw new SetupError(
      `Port ${String(portOf(configured))} (${name}=${configured}) is in use by another program.`,
      `End that program, choose another ${name}, or unset it: then the next free port is taken.`,
    );
  };
  const api = await choose('ADDR', 8090);
  const worker = await choose('WORKER_ADDR', portOf(api) + 1);
  return { api, worker, publicUrl: process.env['PUBLIC_URL'] ?? localUrl(api) };
}

/** The configured database or the embedded one; the latter as run.json shows it. */
function postgresPart(server: PostgresServer | null): RunFile['postgres'] {
  return server === null
    ? {
        app_url: process.env['DATABASE_URL'] ?? '',
        owner_url: process.env['DATABASE_OWNER_URL'] ?? null,
        sequencer_url: process.env['DATABASE_SEQUENCER_URL'] ?? null,
        pid: null,
      }
    : {
        app_url: server.appUrl,
        owner_url: server.ownerUrl,
        sequencer_url: server.sequencerUrl,
        pid: server.pid,
      };
}

function temporalPart({ address, namespace, uiUrl, pid }: TemporalServer): RunFile['temporal'] {
  return { address, namespace, ui_url: uiUrl, pid };
}

function mailboxPart(server: ToolServer | null): RunFile['mailbox'] {
  return (
    server && { url: server.url, smtp_url: String(server.announced['smtp_url']), pid: server.pid }
  );
}

/** A service account with the role owner: the stored one while the API knows it, else a new one. */
async function ownerKey(
  root: string,
  api: string,
  secrets: DevSecrets,
  environment: Environment,
): Promise<string> {
  const stored = secrets.find('OWNER_KEY');
  if (stored !== undefined) {
    const answer = await fetch(`${api}/me`, { headers: { 'X-Api-Key': stored } });
    if (answer.ok) return stored;
  }
  const name = stored === undefined ? 'dev-owner' : `dev-owner-${Date.now().toString(36)}`;
  const args = ['service-account', 'create', '--name', name, '--role', 'owner', '--json'];
  const { key } = lastJsonLine(await runProgram(root, 'cli', args, environment));
  secrets.set('OWNER_KEY', String(key));
  return String(key);
}

/** What a development system is started with. */
export interface SystemOptions {
  readonly root: string;
  readonly stateDir: string;
  readonly terminal: Terminal;
  /** Owns every process; closing it stops the system in order. */
  readonly keeper: Keeper;
  /** From its abort on nothing is started again. */
  readonly ending: AbortSignal;
}

/**
 * Starts servers, migrations, API and worker under the keeper, each step shown on the terminal, and keeps every part running.
 * Throws a SetupError that says what to do.
 */
export async function startDevSystem(options: SystemOptions): Promise<DevSystem> {
  const { root, stateDir, terminal, keeper, ending } = options;
  const log = { info: () => undefined, warn: (text: string) => terminal.warn(text) };
  const context: SystemContext = { root, stateDir, keeper, log };
  const secrets = openSecrets(stateDir);
  let run: RunFile | undefined;
  rmSync(join(stateDir, 'held'), { recursive: true, force: true });
  mkdirSync(join(stateDir, 'held'), { recursive: true });

  const update = (changes: Partial<RunFile>) => {
    if (run === undefined) return;
    run = { ...run, ...changes };
    writeRunFile(stateDir, run);
  };
  const keepRunning = <T extends Running>(
    name: (typeof parts)[number],
    start: () => Promise<T>,
    onRestart: (next: T) => void,
  ): Promise<Supervised<T>> =>
    supervise({
      name,
      start,
      onRestart,
      warn: (text) => terminal.warn(text),
      isHeld: () => existsSync(holdFile(stateDir, name)),
      ending,
    });

  const startDatabase = () =>
    terminal.step(
      'PostgreSQL',
      () =>
        keepRunning(
          'postgres',
          () => startPostgres({ stateDir, keeper, log }),
          (server) => update({ postgres: postgresPart(server) }),
        ),
      (part) => `${part.current().version} on 127.0.0.1:${String(part.current().port)}`,
    );
  const temporalStep = terminal.step(
    'Temporal',
    (progress) =>
      keepRunning(
        'temporal',
        () => startTemporal({ stateDir, keeper, log, ui: true, progress }),
        (server) => update({ temporal: temporalPart(server) }),
      ),
    (part) => `${part.current().version ?? 'external'} on ${part.current().address}`,
  );
  const mailStep = isConfigured('SMTP_URL')
    ? null
    : terminal.step(
        'mailbox',
        () =>
          keepRunning(
            'mailbox',
            () => startMailboxProcess(context),
            (server) => update({ mailbox: mailboxPart(server) }),
          ),
        (part) => part.current().url,
      );
  const backendStep = terminal.step(
    'sample backend',
    () =>
      keepRunning(
        'backend',
        () => startBackendProcess(context, sampleBackendKey(secrets)),
        ({ url, pid }) => update({ backend: { url, pid } }),
      ),
    (part) => part.current().url,
  );
  const databaseStep = isConfigured('DATABASE_URL') ? null : startDatabase();
  const migrated = databaseStep?.then((part) =>
    terminal.step(
      'migrations',
      () => migrate(root, { DATABASE_OWNER_URL: part.current().ownerUrl }),
      (text) => text,
    ),
  );
  // Settled all, so that a failure is reported after the other steps have come to rest.
  const settled = await Promise.allSettled([
    temporalStep,
    mailStep,
    backendStep,
    databaseStep,
    migrated,
  ]);
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason as Error;
  const [temporal, mailbox, backend, database] = await Promise.all([
    temporalStep,
    mailStep,
    backendStep,
    databaseStep,
  ]);

  const servers = {
    postgres: postgresPart(database?.current() ?? null),
    temporal: temporalPart(temporal.current()),
    mailbox: mailboxPart(mailbox?.current() ?? null),
    backend: { url: backend.current().url, pid: backend.current().pid },
  };
  const addresses = await chooseAddresses();
  const environment = systemEnvironment(servers, secrets, addresses);
  const [apiUrl, workerUrl] = [localUrl(addresses.api), localUrl(addresses.worker)];
  const startPart = (name: 'api' | 'worker', url: string) =>
    terminal.step(
      name,
      () =>
        keepRunning<ProgramServer>(
          name,
          () => startProgram(context, name, environment, url),
          ({ pid }) => update({ [name]: { url, pids: [pid] } }),
        ),
      () => url,
    );
  const [api, worker] = await Promise.all([
    startPart('api', apiUrl),
    startPart('worker', workerUrl),
  ]);
  run = {
    api: { url: apiUrl, pids: [api.current().pid] },
    worker: { url: workerUrl, pids: [worker.current().pid] },
    ...servers,
    objects: null,
    owner_key: await ownerKey(root, apiUrl, secrets, environment),
  };
  writeRunFile(stateDir, run);

  return {
    run: () => run as RunFile,
    environment,
    reload: async (withMigrations) => {
      if (withMigrations) await migrate(root, environment);
      await Promise.all([api.restart(), worker.restart()]);
    },
  };
}

/** Runs the migrations and answers what they said in a word. */
async function migrate(root: string, environment: Environment): Promise<string> {
  const output = await runProgram(root, 'migrate', [], {
    PATH: process.env['PATH'] ?? '',
    ...environment,
  });
  return output.trim().split('\n').at(-1) ?? '';
}
