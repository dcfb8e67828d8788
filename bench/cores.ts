import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** The server that is measured runs on one core, everything else on the other. */
export const cores = { server: 0, rest: 1 } as const;

/** Whether processes can be tied to cores here: two of them, and `taskset`. */
export const canPin = ((): boolean => {
  try {
    execFileSync('taskset', ['-V'], { stdio: 'ignore' });
    return availableParallelism() >= 2;
  } catch {
    return false;
  }
})();

/** A command that runs on one core, as program and arguments. */
export function onCore(core: number, program: string, args: readonly string[]): [string, string[]] {
  return canPin ? ['taskset', ['-c', String(core), program, ...args]] : [program, [...args]];
}

/** Ties a process and its children, and what they start from now on, to a core. */
export function pinTree(pid: number, core: number): void {
  if (!canPin) return;
  const children = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((entry) => {
      try {
        return / \S+ (\d+) /.exec(afterName(entry))?.[1] === String(pid);
      } catch {
        return false;
      }
    });
  for (const one of [String(pid), ...children])
    execFileSync('taskset', ['-a', '-p', '-c', String(core), one], { stdio: 'ignore' });
}

// The name in parentheses may hold anything; state and parent follow it.
function afterName(pid: string): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return ` ${stat.slice(stat.lastIndexOf(')') + 2)}`;
}
