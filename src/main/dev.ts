import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { deferred } from '../servers/deferred';
import { startKeeper, type Keeper } from '../servers/keeper-client';
import { stopLeftovers } from '../servers/leftovers';
import { removeRunFile, stateDirOf } from '../servers/run-file';
import { SetupError, explained } from '../servers/setup-error';
import { playDemo } from './demo';
import { controlPart, resetState, takeStateDir } from './dev-control';
import { jsonIn, runProgram } from './dev-programs';
import { parts } from './dev-servers';
import { startDevSystem, type DevSystem } from './dev-system';
import { followLogs } from './follow-logs';
import { createTerminal, type Terminal } from './terminal';
import { watchSources } from './watch-sources';

/** How bin/dev or bin/demo was called. */
export interface Invocation {
  readonly command: 'dev' | 'demo';
  readonly args: readonly string[];
  /** Root of the clone. */
  readonly root: string;
  /** When the command began, in milliseconds since 1970: set-up counts into the total. */
  readonly startedAt: number;
}

const options: Readonly<Record<Invocation['command'], readonly string[]>> = {
  demo: ['--once', '--reset'],
  dev: ['--reset'],
};

const help = {
  demo: `bin/demo [--once] [--reset]

Starts the whole system and plays the main job: an invite becomes an active tenant.

  --once    shut everything down afterwards and exit
  --reset   begin with empty databases (deletes .usher/)`,
  dev: `bin/dev [--reset]
bin/dev stop PART | start PART

Starts the whole system and restarts it on source changes.

  --reset       begin with empty databases (deletes .usher/)
  stop PART     take a part of the running system down, to see what happens without it
  start PART    bring it back

  parts: ${parts.join(', ')}`,
};

/** A one-time link by which the person at the terminal becomes an owner. */
async function loginLink({ root }: Invocation, system: DevSystem): Promise<string> {
  const args = [
    'create-owner',
    '--email',
    'owner@example.com',
    '--name',
    'Demo Owner',
    '--login-link',
    '--json',
  ];
  const { login_url } = jsonIn(await runProgram(root, 'cli', args, system.environment));
  return String(login_url);
}

function showPlaces(terminal: Terminal, system: DevSystem, login: string): void {
  const { api, mailbox, temporal, backend } = system.run();
  terminal.gap();
  terminal.table([
    ['API', api.url],
    ['API docs', `${api.url}/docs`],
    ...(mailbox.url === null ? [] : ([['Mailbox', mailbox.url]] as const)),
    ...(temporal.ui_url === null ? [] : ([['Temporal UI', temporal.ui_url]] as const)),
    ['Sample backend', backend.url],
    ['Sign in, once', login],
  ]);
  terminal.gap();
}

function reloadOnChange({ root }: Invocation, system: DevSystem, terminal: Terminal): () => void {
  return watchSources(root, {
    onFailed: (text) => terminal.fail(text, 'The programs go on with the last good build.'),
    onBuilt: async ({ changed }) => {
      const migrations = changed.some((file) => file.startsWith('migrations'));
      const what = changed.length === 1 ? String(changed[0]) : `${String(changed.length)} files`;
      await terminal
        .step(
          'reloaded',
          () => system.reload(migrations),
          () => what,
        )
        .catch((error: unknown) => terminal.fail((error as Error).message));
    },
  });
}

/** Plays the demo, if it is one, and stays until the keeper is lost. */
async function play(
  invocation: Invocation,
  {
    system,
    terminal,
    keeper,
    onUp,
  }: { system: DevSystem; terminal: Terminal; keeper: Keeper; onUp: () => void },
): Promise<number> {
  const { command, args, root, startedAt } = invocation;
  const stateDir = stateDirOf(root);
  if (command === 'demo') {
    terminal.gap();
    await playDemo(system.run(), terminal);
    terminal.gap();
    terminal.say(
      `Total ${((Date.now() - startedAt) / 1000).toFixed(1)} s, from the start of this command.`,
    );
  }
  if (args.includes('--once')) return 0;
  showPlaces(terminal, system, await loginLink(invocation, system));
  const undo = [followLogs(stateDir, ['api', 'worker'], (text) => terminal.warn(text))];
  if (command === 'dev') undo.push(reloadOnChange(invocation, system, terminal));
  terminal.say(`Logs are in ${join(stateDir, 'logs')}. Ctrl-C stops everything; the state stays.`);
  onUp();
  await keeper.ended;
  for (const end of undo) end();
  throw new SetupError(
    'The keeper of the servers was killed.',
    'Everything is stopped now; run the command again.',
  );
}

/** The life of a system from start to end; answers the exit code. */
async function live(
  invocation: Invocation,
  terminal: Terminal,
  interrupted: Promise<unknown>,
): Promise<number> {
  const { root } = invocation;
  const stateDir = stateDirOf(root);
  const left = await stopLeftovers(stateDir);
  if (left.length > 0) terminal.say(`Stopped what an earlier run left: ${left.join(', ')}.`);
  removeRunFile(stateDir);
  const keeper = startKeeper({ stateDir });
  const ending = new AbortController();
  let up = false;
  const onUp = () => {
    up = true;
  };
  const log = { info: () => undefined, warn: (text: string) => terminal.warn(text) };
  const work = startDevSystem({ root, stateDir, terminal, keeper, log }, ending.signal)
    .then((system) => play(invocation, { system, terminal, keeper, onUp }))
    .catch((error: unknown) => {
      if (!ending.signal.aborted) report(error, terminal);
      return 1;
    });
  const code = await Promise.race([work, interrupted.then(() => (up ? 0 : 130))]);
  ending.abort();
  terminal.settle();
  terminal.gap();
  await terminal.step(
    'everything stopped',
    async () => {
      await keeper.close();
      // Only a keeper that was killed leaves anything.
      await stopLeftovers(stateDir);
    },
    () => `the state stays in ${stateDir}`,
  );
  removeRunFile(stateDir);
  return code;
}

function report(thrown: unknown, terminal: Terminal): void {
  const error = explained(thrown);
  if (error instanceof SetupError) terminal.fail(error.message, error.advice);
  else terminal.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
}

/**
 * Resolves at the first signal to stop. At the second the process ends at once; the keeper goes on
 * stopping everything.
 */
function interruption(): Promise<unknown> {
  const { promise, resolve } = deferred<NodeJS.Signals>();
  let count = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      count += 1;
      if (count > 1) process.exit(130);
      resolve(signal);
    });
  }
  return promise;
}

async function startAndStay(invocation: Invocation, terminal: Terminal): Promise<number> {
  const { command, args, root } = invocation;
  const stateDir = stateDirOf(root);
  const interrupted = interruption();
  if (!existsSync(stateDir)) mkdirSync(stateDir, { recursive: true, mode: 0o755 });
  const lock = takeStateDir(stateDir);
  try {
    terminal.heading(`Usher ${command}`);
    terminal.gap();
    if (args.includes('--reset')) {
      const reset = () => resetState(stateDir);
      await terminal.step('state thrown away', reset, () => stateDir);
    }
    return await live(invocation, terminal, interrupted);
  } finally {
    lock.release();
  }
}

/** Runs bin/dev or bin/demo; answers the exit code. */
export async function runSystem(invocation: Invocation): Promise<number> {
  const { command, args, root } = invocation;
  const terminal = createTerminal();
  // The terminal may be closed; what runs is stopped all the same.
  process.stdout.on('error', () => undefined);
  if (args.includes('--help')) {
    process.stdout.write(`${help[command]}\n`);
    return 0;
  }
  try {
    const [verb, part = ''] = args;
    if (command === 'dev' && (verb === 'stop' || verb === 'start')) {
      terminal.say(controlPart(stateDirOf(root), verb, part));
      return 0;
    }
    const odd = args.find((arg) => !options[command].includes(arg));
    if (odd !== undefined) {
      terminal.fail(`bin/${command} does not know ${odd}.`, `See bin/${command} --help.`);
      return 2;
    }
    return await startAndStay(invocation, terminal);
  } catch (error) {
    report(error, terminal);
    return 1;
  }
}
