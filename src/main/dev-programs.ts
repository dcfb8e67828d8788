import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ProcessName } from '../platform/config';
import type { KeptProcess } from '../servers/keeper-client';
import { stages } from '../servers/keeper-protocol';
import { lastLines, logEnd, logSince, rotateLog } from '../servers/log-tail';
import { SetupError } from '../servers/setup-error';
import { environmentFor, leanMemory, type Environment } from './dev-environment';
import type { SystemContext } from './dev-tools';

const run = promisify(execFile);

/** Readable stacks, and no note about packages that are ES modules. */
const nodeFlags = ['--enable-source-maps', '--disable-warning=ExperimentalWarning'];
const readyWithinMs = 60_000;

function program(root: string, name: string): string {
  return join(root, 'dist', 'src', 'main', `${name}.js`);
}

/** Lines of pino as `level: message`; other lines as they are. */
function readable(output: string): string {
  return output
    .split('\n')
    .map((line) => {
      try {
        const { level, msg } = JSON.parse(line) as { level: string; msg: string };
        return `${level}: ${msg}`;
      } catch {
        return line;
      }
    })
    .join('\n');
}

/** An API or worker process that answers its readiness probe. */
export interface ProgramServer {
  readonly url: string;
  readonly pid: number;
  readonly exited: KeptProcess['exited'];
  stop(): Promise<void>;
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(3_000) })).ok;
  } catch {
    return false;
  }
}

/**
 * Starts the API or the worker and waits until it is ready. Its log is the file of its name in the
 * state folder's logs.
 */
export async function startProgram(
  { root, stateDir, keeper }: SystemContext,
  name: 'api' | 'worker',
  environment: Environment,
  url: string,
): Promise<ProgramServer> {
  const logFile = join(stateDir, 'logs', `${name}.log`);
  rotateLog(logFile);
  const from = logEnd(logFile);
  const kept = await keeper.start({
    name,
    file: process.execPath,
    args: [...nodeFlags, program(root, name)],
    env: { ...leanMemory, ...environmentFor(name, environment) },
    cwd: root,
    logFile,
    stage: stages.program,
    stop: [['SIGTERM', 20_000]],
  });
  const ended = kept.exited.then(() => true);
  const deadline = performance.now() + readyWithinMs;
  while (performance.now() < deadline) {
    if (await isReady(url))
      return { url, pid: kept.pid, exited: kept.exited, stop: () => kept.stop() };
    if (await Promise.race([ended, sleep(40, false)])) break;
  }
  await kept.stop();
  throw new SetupError(
    `The ${name} did not become ready.\n${lastLines(readable(logSince(logFile, from)), 12)}`,
    `Its log is ${logFile}.`,
  );
}

/** Runs one of the compiled programs to its end and answers what it printed on stdout. */
export async function runProgram(
  root: string,
  name: ProcessName,
  args: readonly string[],
  environment: Environment,
): Promise<string> {
  try {
    const { stdout } = await run(process.execPath, [...nodeFlags, program(root, name), ...args], {
      cwd: root,
      env: environmentFor(name, environment),
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new SetupError(
      `${[name, ...args].join(' ')} failed.\n${lastLines(readable(`${stdout}\n${stderr}`), 15)}`,
      'Remove the cause named above and run the command again; bin/dev --reset begins with empty databases.',
      error,
    );
  }
}

/** The JSON object in which a program's output ends, on one line or several. */
export function jsonIn(output: string): Record<string, unknown> {
  const lines = output.trim().split('\n');
  for (let from = lines.length - 1; from >= 0; from -= 1) {
    if (!lines[from]?.startsWith('{')) continue;
    try {
      return JSON.parse(lines.slice(from).join('\n')) as Record<string, unknown>;
    } catch {
      // A line for people, or the inside of a longer object.
    }
  }
  throw new SetupError('The program answered no JSON.', output.trim());
}

/**
 * Brings the database to the newest schema, as its owner; answers in a few words what there was to
 * do.
 */
export async function migrate(root: string, ownerUrl: string): Promise<string> {
  const environment = { PATH: process.env['PATH'] ?? '', DATABASE_OWNER_URL: ownerUrl };
  const said = (await runProgram(root, 'migrate', [], environment)).trim();
  const names = /^Migrated: (.+)$/m.exec(said)?.[1]?.split(', ');
  return names ? `${String(names.length)} applied` : said;
}
