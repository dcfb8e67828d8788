import { CancellationScope, condition, setHandler } from '@temporalio/workflow';
import { wakeUp } from '../messages';

/** The wake-ups that a workflow has received. */
export interface WakeUps {
  /** Whether one came in since the last wait. */
  isPending(): boolean;
  /** Waits for the next wake-up, or so many milliseconds. */
  orAfter(ms: number): Promise<void>;
  /** Runs work that a wake-up may call off: `isCalledOff` looks at the rows whenever one comes in. */
  mayCallOff<T>(work: () => Promise<T>, isCalledOff: () => Promise<boolean>): Promise<T>;
}

/** Listens for wake-ups; to be called first, so that none is missed. */
export function onWakeUp(): WakeUps {
  let received = 0;
  let seen = 0;
  setHandler(wakeUp, () => {
    received += 1;
  });
  return {
    isPending: () => received !== seen,
    async orAfter(ms) {
      if (received === seen) await condition(() => received !== seen, Math.max(1, ms));
      seen = received;
    },
    async mayCallOff(work, isCalledOff) {
      const scope = new CancellationScope();
      let ended = false;
      const isOver = (): boolean => ended;
      const working = scope.run(work).finally(() => {
        ended = true;
      });
      const watching = (async () => {
        while (!isOver()) {
          const before = received;
          await condition(() => isOver() || received !== before);
          if (!isOver() && (await isCalledOff())) scope.cancel();
        }
      })();
      try {
        return await working;
      } finally {
        await watching;
      }
    },
  };
}
