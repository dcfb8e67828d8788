import { readFileSync, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  endProcess,
  isRunning,
  markProcess,
  waitForEnd,
  type ProcessMark,
  type StopStep,
} from './process-identity';
import { readJson } from './state-files';
import type { KeeperRecord } from './keeper-protocol';

/** Longest time that an orderly end of everything takes, in milliseconds. */
const orderlyEndMs = 45_000;

/**
 * Ends what earlier systems of this state folder left behind: waits for a keeper that is shutting
 * down, and stops, in order, the processes of one that was killed. Systems whose parent still runs
 * are left alone. Answers the names of what it ended.
 */
export async function stopLeftovers(stateDir: string): Promise<string[]> {
  const folder = join(stateDir, 'keepers');
  const stopped: string[] = [];
  for (const name of listFolder(folder)) {
    const file = join(folder, name);
    const record = readJson(file) as KeeperRecord | undefined;
    if (record === undefined) {
      rmSync(file, { force: true });
      continue;
    }
    if (isRunning(record.keeper)) {
      if (record.parent && isRunning(record.parent)) continue;
      if (!(await waitForEnd(record.keeper, orderlyEndMs))) await endProcess(record.keeper, []);
    }
    const left = record.processes.filter((mark) => isRunning(mark));
    for (const mark of left.sort((a, b) => a.stage - b.stage)) {
      await endProcess(mark, mark.stop);
      stopped.push(mark.name);
    }
    rmSync(file, { force: true });
  }
  return stopped;
}

/** Whether a keeper whose parent still runs owns that process. */
export function isKeptElsewhere(stateDir: string, { pid, identity }: ProcessMark): boolean {
  const folder = join(stateDir, 'keepers');
  return listFolder(folder).some((name) => {
    const record = readJson(join(folder, name)) as KeeperRecord | undefined;
    return (
      record?.processes.some((kept) => kept.pid === pid && kept.identity === identity) === true &&
      record.parent !== null &&
      isRunning(record.keeper) &&
      isRunning(record.parent)
    );
  });
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch {
    return [];
  }
}

/**
 * Running processes of that command whose working directory is the folder. A PostgreSQL server and
 * its backends stand in their data folder, so that they are found when no record names them (Linux;
 * elsewhere nothing is found).
 */
export function processesIn(folder: string, command: string): ProcessMark[] {
  if (process.platform !== 'linux') return [];
  let wanted: string;
  try {
    wanted = realpathSync(folder);
  } catch {
    return [];
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && standsIn(name, command, wanted))
    .flatMap((pid) => markProcess(Number(pid)) ?? []);
}

function standsIn(pid: string, command: string, folder: string): boolean {
  try {
    return (
      readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === command &&
      readlinkSync(`/proc/${pid}/cwd`) === folder
    );
  } catch {
    // It ended meanwhile, or belongs to another user.
    return false;
  }
}

/** Ends all of these processes, each by the given signals in turn. */
export async function endAll(
  marks: readonly ProcessMark[],
  steps: readonly StopStep[],
): Promise<void> {
  await Promise.all(marks.map((mark) => endProcess(mark, steps)));
}
