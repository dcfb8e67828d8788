import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessExit } from '../servers/keeper-protocol';

/** Something that runs and can end by itself. */
export interface Running {
  readonly exited: Promise<ProcessExit>;
  stop(): Promise<void>;
}

/** A process that is started again whenever it ends by itself. */
export interface Supervised<T extends Running> {
  /** The latest one; it may have ended a moment ago. */
  current(): T;
  /** Stops it and starts it again, e.g. on new code. */
  restart(): Promise<void>;
}

/** What supervise needs. */
export interface Supervision<T extends Running> {
  readonly name: string;
  readonly start: () => Promise<T>;
  /** Called with each new one after the first. */
  readonly onRestart: (next: T) => void;
  /** Told in a sentence what happened. */
  readonly warn: (text: string) => void;
  /** While this is true, it is not started again (`bin/dev stop temporal`). */
  readonly isHeld: () => boolean;
  /** From its abort on everything is left as it is; whoever owns the processes stops them. */
  readonly ending: AbortSignal;
}

const firstDelayMs = 500;
const longestDelayMs = 15_000;
/** After running that long, the next crash counts as a first one. */
const steadyMs = 30_000;

function describe({ code, signal }: ProcessExit): string {
  return signal === null ? `exit code ${String(code)}` : signal;
}

/**
 * Starts a process and keeps it running: after a crash it is started again, each time later, at
 * most 15 seconds.
 */
export async function supervise<T extends Running>(
  supervision: Supervision<T>,
): Promise<Supervised<T>> {
  const { name, start, onRestart, warn, isHeld, ending } = supervision;
  let current = await start();
  const over = () => ending.aborted;
  let replacing: Promise<void> | undefined;

  const startAgain = async (delayMs: number): Promise<void> => {
    for (let delay = delayMs; !over(); delay = Math.min(longestDelayMs, delay * 2)) {
      await sleep(delay);
      while (isHeld() && !over()) await sleep(200);
      if (over()) return;
      try {
        current = await start();
        onRestart(current);
        return;
      } catch (error) {
        if (!over()) warn(`${name} could not be started: ${(error as Error).message}`);
      }
    }
  };
  const guard = async (): Promise<void> => {
    let crashes = 0;
    while (!over()) {
      const watched = current;
      const since = performance.now();
      const exit = await watched.exited;
      // The keeper was stopped: code and signal are unknown, and nothing can be started any more.
      if (over() || (exit.code === null && exit.signal === null)) return;
      if (replacing) {
        await replacing;
        continue;
      }
      if (performance.now() - since > steadyMs) crashes = 0;
      crashes += 1;
      const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** (crashes - 1));
      const next = isHeld()
        ? `; it stays down until: bin/dev start ${name}`
        : `; starting it again in ${String(delay / 1000)} s`;
      warn(`${name} ended (${describe(exit)})${next}`);
      replacing = startAgain(delay);
      await replacing;
      replacing = undefined;
      if (!over()) warn(`${name} runs again`);
    }
  };
  void guard();

  return {
    current: () => current,
    restart: async () => {
      while (replacing) await replacing;
      const replace = async () => {
        await current.stop();
        await startAgain(0);
      };
      replacing = replace();
      await replacing;
      replacing = undefined;
    },
  };
}
