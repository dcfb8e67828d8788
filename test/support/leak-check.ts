import type { ChildProcess } from 'node:child_process';
import { Server, Socket } from 'node:net';
import { relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

type Handle = object;
type TimerFunctions = Pick<
  typeof globalThis,
  'setTimeout' | 'setInterval' | 'clearTimeout' | 'clearInterval'
>;

const shared = Symbol.for('usher.handlesOfTestServers');

/** Milliseconds that closed sockets and ended processes get to disappear. */
const grace = 2_000;

/** What keeps this process running now: sockets, servers, child processes, watchers; nothing that was unref'd. */
export function openHandles(): Handle[] {
  const { _getActiveHandles } = process as unknown as { _getActiveHandles(): Handle[] };
  return _getActiveHandles.call(process);
}

/**
 * Handles that belong to the servers which all test files share. They are opened on demand, so that a file may be
 * the first to need them without owning them.
 */
export function handlesOfTestServers(): WeakSet<Handle> {
  const holder = globalThis as unknown as Record<symbol, WeakSet<Handle> | undefined>;
  return (holder[shared] ??= new WeakSet());
}

function describe(handle: Handle): string {
  if (handle instanceof Server) {
    return `a server that still listens on ${JSON.stringify(handle.address())}`;
  }
  if (handle instanceof Socket) {
    const { localPort, remoteAddress, remotePort } = handle;
    return remotePort === undefined
      ? 'an open pipe or a socket that is not connected'
      : `a socket from port ${String(localPort)} to ${String(remoteAddress)}:${remotePort}`;
  }
  if (isProcess(handle)) {
    const { pid, spawnargs } = handle;
    return `a child process, pid ${String(pid)}: ${spawnargs.join(' ')}`;
  }
  return `a ${handle.constructor.name}`;
}

function isProcess(handle: Handle): handle is ChildProcess {
  return 'spawnargs' in handle;
}

/** Finds what one test file leaves open. */
export interface LeakCheck {
  /** Descriptions of what is still open; waits up to two seconds for things that are closing. */
  leaks(): Promise<string[]>;
  /** Ends child processes that are left, so that they do not outlive the run. */
  endProcesses(): void;
}

/**
 * Starts to watch the sockets, servers, child processes and timers that are opened from now on.
 * @param scope the globals of the test file; its timer functions are replaced by ones that are counted
 */
export function watchHandles(scope: TimerFunctions & { Error: ErrorConstructor }): LeakCheck {
  const before = new Set(openHandles());
  const timers = new Map<NodeJS.Timeout, Error>();
  replaceTimers(scope, timers);

  const left = (): Handle[] =>
    openHandles().filter((handle) => !before.has(handle) && !handlesOfTestServers().has(handle));
  const found = (): string[] => [
    ...left().map(describe),
    ...[...timers].filter(([timer]) => isRunning(timer)).map(([, origin]) => timerOrigin(origin)),
  ];
  return {
    leaks: async () => {
      const deadline = Date.now() + grace;
      let open = found();
      while (open.length > 0 && Date.now() < deadline) {
        await pause(20, undefined, { ref: false });
        open = found();
      }
      return open;
    },
    endProcesses: () => {
      for (const handle of left()) if (isProcess(handle)) handle.kill('SIGKILL');
    },
  };
}

function isRunning(timer: NodeJS.Timeout): boolean {
  return timer.hasRef() && !(timer as unknown as { _destroyed: boolean })._destroyed;
}

function timerOrigin(origin: Error): string {
  const frames = origin.stack?.split('\n').slice(2) ?? [];
  const own = frames.find((frame) => !frame.includes('node_modules') && !frame.includes('node:'));
  const place = /([^\s(]+:\d+):\d+\)?$/.exec(own ?? frames[0] ?? '')?.[1];
  return `a timer, set in ${place ? relative(process.cwd(), place) : 'an unknown place'}`;
}

function replaceTimers(
  scope: TimerFunctions & { Error: ErrorConstructor },
  timers: Map<NodeJS.Timeout, Error>,
): void {
  const counted = <F extends 'setTimeout' | 'setInterval'>(name: F): (typeof globalThis)[F] => {
    const original = scope[name];
    const set = (...args: Parameters<typeof setTimeout>): NodeJS.Timeout => {
      const timer = original(...args);
      timers.set(timer, new scope.Error('set here'));
      if (timers.size > 10_000) forget(timers);
      return timer;
    };
    // Keeps the promisified form and what else hangs on the function.
    return Object.defineProperties(set, Object.getOwnPropertyDescriptors(original)) as never;
  };
  scope.setTimeout = counted('setTimeout');
  scope.setInterval = counted('setInterval');
}

function forget(timers: Map<NodeJS.Timeout, Error>): void {
  for (const timer of timers.keys()) if (!isRunning(timer)) timers.delete(timer);
}
