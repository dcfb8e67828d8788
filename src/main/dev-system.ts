import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { permissions, stepUpPermissions } from '../domain/identity/roles.rules';
import { writeRunFile, type RunFile } from '../servers/run-file';
import { openSecrets, type DevSecrets } from '../servers/secrets';
import { chooseAddresses } from './dev-addresses';
import { systemEnvironment, type Environment } from './dev-environment';
import { jsonIn, migrate, runProgram, startProgram } from './dev-programs';
import { startServers, type KeepRunning, type Part } from './dev-servers';
import type { SystemContext } from './dev-tools';
import { supervise } from './supervise';

/** A whole running system on one machine. */
export interface DevSystem {
  /** What run.json says at this moment. */
  run(): RunFile;
  readonly environment: Environment;
  /** Migrates if asked to, then starts API and worker again, on new code. */
  reload(withMigrations: boolean): Promise<void>;
}

/** Exists while a part shall stay down (`bin/dev stop temporal`). */
export function holdFile(stateDir: string, part: Part): string {
  return join(stateDir, 'held', part);
}

/** run.json, written once everything runs and after every restart of a part. */
function createBoard(stateDir: string) {
  let run: RunFile | undefined;
  return {
    publish: (first: RunFile) => {
      run = first;
      writeRunFile(stateDir, run);
    },
    update: (changes: Partial<RunFile>) => {
      if (run === undefined) return;
      run = { ...run, ...changes };
      writeRunFile(stateDir, run);
    },
    current: () => {
      if (run === undefined) throw new Error('the system is still starting');
      return run;
    },
  };
}

/**
 * The key of a service account that may do everything: the stored one while it opens all there is, else a new one.
 * A role as shorthand leaves out what people confirm by a fresh sign-in, so those permissions are named.
 */
async function ownerKey(
  root: string,
  apiUrl: string,
  secrets: DevSecrets,
  environment: Environment,
): Promise<string> {
  const stored = secrets.find('OWNER_KEY');
  if (stored !== undefined && (await mayEverything(apiUrl, stored))) return stored;
  const name = stored === undefined ? 'dev-owner' : `dev-owner-${Date.now().toString(36)}`;
  const named = [...stepUpPermissions].flatMap((permission) => ['--permission', permission]);
  const args = ['service-account', 'create', '--name', name, '--role', 'owner', ...named, '--json'];
  const { key } = jsonIn(await runProgram(root, 'cli', args, environment));
  secrets.set('OWNER_KEY', String(key));
  return String(key);
}

// A stored key may be of before the last reset, or of a version that knew fewer permissions.
async function mayEverything(apiUrl: string, key: string): Promise<boolean> {
  const answer = await fetch(`${apiUrl}/me`, { headers: { 'X-Api-Key': key } });
  if (answer.status === 401) return false;
  if (!answer.ok) return true;
  const { permissions: held } = (await answer.json()) as { readonly permissions: string[] };
  return permissions.every((permission) => held.includes(permission));
}

/**
 * Starts servers, migrations, API and worker under the keeper, each step shown on the terminal, and
 * keeps every part running until `ending` is aborted. Throws a SetupError that says what to do.
 */
export async function startDevSystem(
  context: SystemContext,
  ending: AbortSignal,
): Promise<DevSystem> {
  const { root, stateDir, terminal } = context;
  const secrets = openSecrets(stateDir);
  const board = createBoard(stateDir);
  rmSync(join(stateDir, 'held'), { recursive: true, force: true });
  mkdirSync(join(stateDir, 'held'), { recursive: true });

  const keep: KeepRunning = (part, start, onRestart) =>
    supervise({
      name: part,
      start,
      onRestart: (next) => board.update(onRestart(next)),
      warn: (text) => terminal.warn(text),
      isHeld: () => existsSync(holdFile(stateDir, part)),
      ending,
    });
  const servers = await startServers(context, keep, secrets);
  const addresses = await chooseAddresses();
  const environment = systemEnvironment(servers, secrets, addresses);

  const startPart = (name: 'api' | 'worker', url: string) =>
    terminal.step(
      name,
      () =>
        keep(
          name,
          () => startProgram(context, name, environment, url),
          ({ pid }) => ({ [name]: { url, pids: [pid] } }),
        ),
      () => url,
    );
  const { apiUrl, workerUrl } = addresses;
  const programs = [startPart('api', apiUrl), startPart('worker', workerUrl)] as const;
  await Promise.allSettled(programs);
  const [api, worker] = await Promise.all(programs);
  board.publish({
    api: { url: apiUrl, pids: [api.current().pid] },
    worker: { url: workerUrl, pids: [worker.current().pid] },
    ...servers,
    owner_key: await ownerKey(root, apiUrl, secrets, environment),
  });

  const reload = async (withMigrations: boolean) => {
    const ownerUrl = board.current().postgres.owner_url;
    if (withMigrations && ownerUrl !== null) await migrate(root, ownerUrl);
    await Promise.all([api.restart(), worker.restart()]);
  };
  return { run: () => board.current(), environment, reload };
}
