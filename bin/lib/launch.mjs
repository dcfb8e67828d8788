// What every command in bin/ does first: packages, build; then the compiled program takes over.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { installPackages } from './packages.mjs';
import { SetUpError, reportFailure } from './progress.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '');
const require = createRequire(import.meta.url);

/**
 * Node flags of every process that runs compiled code: readable stacks, and no note that `require`
 * loads an ES module.
 */
const nodeFlags = ['--enable-source-maps', '--disable-warning=ExperimentalWarning'];

async function setUp() {
  await installPackages(root);
  await build();
}

async function guarded(work) {
  try {
    return await work();
  } catch (error) {
    reportFailure(error);
    process.exit(1);
  }
}

/**
 * Runs a program in the foreground and ends with its exit code. Ctrl-C reaches it by the terminal.
 */
function handOver(args, env = process.env) {
  const child = spawn(process.execPath, [...nodeFlags, ...args], { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.once('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

/**
 * `bin/dev` and `bin/demo`. They run in this very process: whatever ends it closes the keeper's
 * pipe.
 */
export function launchSystem(command, args) {
  const startedAt = Date.now();
  return guarded(async () => {
    if (!args.includes('--help')) await setUp();
    else if (!existsSync(join(root, 'dist', 'src', 'main', 'dev.js'))) await setUp();
    process.setSourceMapsEnabled(true);
    const { runSystem } = require(join(root, 'dist', 'src', 'main', 'dev.js'));
    process.exit(await runSystem({ command, args, root, startedAt }));
  });
}

/**
 * `bin/usher`: the operators' command line, configured from the running dev system unless the
 * environment says otherwise.
 */
export function launchCli(args) {
  return guarded(async () => {
    await setUp();
    const environment = join(root, 'dist', 'src', 'main', 'dev-environment.js');
    const env = require(environment).environmentOfRunningSystem(root) ?? process.env;
    handOver([join(root, 'dist', 'src', 'main', 'cli.js'), ...args], env);
  });
}

/** `bin/test`: packages, build and servers as in `bin/demo`, then every check. */
export function launchTests(args) {
  return guarded(async () => {
    await setUp();
    const { prepareServers } = require(join(root, 'dist', 'src', 'main', 'prepare.js'));
    await prepareServers();
    const suite = join(root, 'bin', 'lib', 'test.mjs');
    if (!existsSync(suite))
      throw new SetUpError('bin/lib/test.mjs is missing.', 'Restore it from git.');
    handOver([suite, ...args]);
  });
}
