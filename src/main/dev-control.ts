import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stopLeftovers } from '../servers/leftovers';
import { takePidLock, type PidLock } from '../servers/pid-lock';
import { removePostgresData } from '../servers/postgres-data';
import { readRunFile, systemLockFile, type RunFile } from '../servers/run-file';
import { SetupError } from '../servers/setup-error';
import { parts, type Part } from './dev-servers';
import { holdFile } from './dev-system';

/** Takes the state folder for this process; says where the system runs that has it already. */
export function takeStateDir(stateDir: string): PidLock {
  const lock = takePidLock(systemLockFile(stateDir));
  if ('release' in lock) return lock;
  const run = readRunFile(stateDir)?.run;
  const where = run ? `, at ${run.api.url}` : '; it is still starting or stopping';
  throw new SetupError(
    `A system of this folder is running already (process ${String(lock.holder.pid)})${where}.`,
    run
      ? `Use that one, or stop it: kill ${String(lock.holder.pid)}`
      : 'Wait for it, or look at its terminal.',
  );
}

/** Throws the state away, also what of it lies outside the state folder. */
export async function resetState(stateDir: string): Promise<void> {
  await stopLeftovers(stateDir);
  removePostgresData(stateDir);
  const lock = systemLockFile(stateDir);
  for (const name of readdirSync(stateDir)) {
    const path = join(stateDir, name);
    if (path !== lock) rmSync(path, { recursive: true, force: true });
  }
}

function pidsOf(run: RunFile, part: Part): readonly number[] {
  if (part === 'api' || part === 'worker') return run[part].pids;
  const pid = run[part].pid;
  return typeof pid === 'number' ? [pid] : [];
}

/**
 * `bin/dev stop temporal`: ends a part of the running system and keeps it down until `bin/dev start
 * temporal`. Answers what to say.
 */
export function controlPart(stateDir: string, verb: 'stop' | 'start', name: string): string {
  const run = readRunFile(stateDir)?.run;
  if (!run) throw new SetupError('No system of this folder is running.', 'Start one: bin/dev');
  const part = parts.find((known) => known === name);
  if (part === undefined) {
    throw new SetupError(`There is no part "${name}".`, `Parts: ${parts.join(', ')}`);
  }
  const file = holdFile(stateDir, part);
  if (verb === 'start') {
    rmSync(file, { force: true });
    return `${part} starts again.`;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '');
  for (const pid of pidsOf(run, part)) {
    process.kill(pid, part === 'postgres' ? 'SIGINT' : 'SIGTERM');
  }
  return `${part} is down until: bin/dev start ${part}`;
}
