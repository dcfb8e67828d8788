import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields } from '../platform/log';
import type { Log } from '../platform/log';

/** Something that is done again and again until the process stops. */
export interface Loop {
  /** Does the next round now instead of at its time. */
  nudge(): void;
  stop(): Promise<void>;
}

/**
 * Repeats a round at an interval; a round that says so is followed at once by the next. Failures are logged when they
 * begin and when they are over, and never end the loop.
 */
export function startLoop(options: {
  readonly name: string;
  readonly everyMs: number;
  readonly log: Log;
  /** Returns whether there is more to do at once, or in how many milliseconds if that is before the next round. */
  readonly round: () => Promise<boolean | number>;
}): Loop {
  let stopping = false;
  const isStopping = (): boolean => stopping;
  let nudged = false;
  let pause = new AbortController();
  const run = async (): Promise<void> => {
    let failing = false;
    while (!isStopping()) {
      let more: boolean | number = false;
      try {
        more = await options.round();
        if (failing) options.log.info({ loop: options.name }, `The ${options.name} works again`);
        failing = false;
      } catch (error) {
        if (!failing)
          options.log.warn(
            { loop: options.name, ...errorFields(error) },
            `The ${options.name} fails; it goes on trying`,
          );
        failing = true;
      }
      if (isStopping() || more === true || nudged) {
        nudged = false;
        continue;
      }
      pause = new AbortController();
      const pauseMs = more === false ? options.everyMs : Math.min(options.everyMs, Math.ceil(more));
      await sleep(pauseMs, undefined, { signal: pause.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    nudge: () => {
      nudged = true;
      pause.abort();
    },
    async stop() {
      stopping = true;
      pause.abort();
      await running;
    },
  };
}
