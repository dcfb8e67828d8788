import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that can be told apart from a later one with the same number. */
export interface ProcessMark {
  readonly pid: number;
  readonly identity: string;
}

let bootId: string | undefined;

function linuxIdentity(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The command name, in parentheses, may hold blanks and parentheses itself.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended; where process 1 reaps nothing (containers) it stays in the table for ever.
  if (state === 'Z' || state === 'X') return null;
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${String(fields[18])}@${bootId}`;
}

/**
 * What makes the process with this number that very process (its start time); null when there is
 * none.
 */
export function processIdentity(pid: number): string | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  if (process.platform === 'linux') return linuxIdentity(pid);
  try {
    const row = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return row === '' || row.startsWith('Z') ? null : row.replace(/^\S+\s+/, '');
  } catch {
    return null;
  }
}

/** Marks a running process; null when there is none with that number. */
export function markProcess(pid: number): ProcessMark | null {
  const identity = processIdentity(pid);
  return identity === null ? null : { pid, identity };
}

/** Whether that very process still runs. */
export function isRunning(mark: ProcessMark): boolean {
  return processIdentity(mark.pid) === mark.identity;
}

/** Waits until the process has ended; false when it still runs after `milliseconds`. */
export async function waitForEnd(mark: ProcessMark, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (isRunning(mark)) {
    if (performance.now() > deadline) return false;
    await sleep(25);
  }
  return true;
}

/** A signal and how long to wait for the end before the next one, in milliseconds. */
export type StopStep = readonly [signal: NodeJS.Signals, waitMs: number];

/** Ends a process by the given signals in turn, SIGKILL last. Returns once it is gone. */
export async function endProcess(mark: ProcessMark, steps: readonly StopStep[]): Promise<void> {
  for (const [signal, waitMs] of [...steps, ['SIGKILL', 5_000] as const]) {
    if (!isRunning(mark)) return;
    try {
      process.kill(mark.pid, signal);
    } catch {
      // It ended between the look and the signal.
    }
    if (await waitForEnd(mark, waitMs)) return;
  }
}
