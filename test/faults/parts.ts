import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** One process of the system, or several of a kind: killed without a warning and started again on the same ports and data. */
export interface Part {
  /** Ends it with SIGKILL and waits until it is gone. */
  kill(): Promise<void>;
  /** Halts it where it stands, until `thaw` or `kill`. */
  freeze(): void;
  thaw(): void;
  /** Asks it to stop and waits; resolves with its exit code, null when a signal ended it or it did not run. */
  stop(): Promise<number | null>;
  /** Starts it and waits until it is ready. */
  start(): Promise<void>;
  isRunning(): boolean;
}

/** A process that a part has started. */
export interface Running {
  readonly pid: number | null;
  readonly exited: Promise<{ readonly code: number | null }>;
  stop(): Promise<void>;
}

/** A part of one process; `deaths` takes its name when it ends although nobody ended it. */
export function partOf(name: string, deaths: string[], start: () => Promise<Running>): Part {
  let running: Running | undefined;
  const signal = (which: NodeJS.Signals): void => {
    if (running?.pid) process.kill(running.pid, which);
  };
  return {
    isRunning: () => running !== undefined,
    start: async () => {
      if (running) return;
      const begun = await start();
      running = begun;
      void begun.exited.then(() => {
        if (running !== begun) return;
        running = undefined;
        deaths.push(name);
      });
    },
    freeze: () => {
      signal('SIGSTOP');
    },
    thaw: () => {
      signal('SIGCONT');
    },
    stop: async () => {
      const ending = running;
      running = undefined;
      if (!ending) return null;
      await ending.stop();
      return (await ending.exited).code;
    },
    kill: async () => {
      const ending = running;
      running = undefined;
      if (!ending?.pid) return;
      process.kill(ending.pid, 'SIGKILL');
      await ending.exited;
    },
  };
}

/** Two parts that are hit together. */
export function both(first: Part, second: Part): Part {
  const parts = [first, second];
  return {
    kill: async () => {
      await Promise.all(parts.map((part) => part.kill()));
    },
    start: async () => {
      await Promise.all(parts.map((part) => part.start()));
    },
    freeze: () => {
      for (const part of parts) part.freeze();
    },
    thaw: () => {
      for (const part of parts) part.thaw();
    },
    stop: async () => {
      const codes = await Promise.all(parts.map((part) => part.stop()));
      return codes.find((code) => code !== 0) ?? 0;
    },
    isRunning: () => parts.every((part) => part.isRunning()),
  };
}

/**
 * Waits until a program answers its probe. A worker runs also while something that it needs is down, so that any
 * answer of its will do.
 */
export async function untilReady(
  url: string,
  { name, exited, logFile }: { name: string; exited: Running['exited']; logFile: string },
): Promise<void> {
  const ended = exited.then(() => true);
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(3_000) }).catch(
      () => undefined,
    );
    if (answer && (answer.ok || name.startsWith('worker'))) return;
    if (await Promise.race([ended, sleep(40, false)])) break;
  }
  const said = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-8).join('\n');
  throw new Error(`${name} did not become ready:\n${said}`);
}
