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
  let onReceived: (() => void) | undefined;
  setHandler(wakeUp, () => {
    received += 1;
    onReceived?.();
  });
  return {
    isPending: () => received !== seen,
    async orAfter(ms) {
      if (received === seen) await condition(() => received !== seen, Math.max(1, ms));
      seen = received;
    },
    async mayCallOff(work, isCalledOff) {
      const scope = new CancellationScope();
      const isOver = (): boolean => onReceived === undefined;
      let looking: Promise<void> | undefined;
      const look = async (): Promise<void> => {
        // Wake-ups that come in during a look are worth one more look together.
        for (let before; before !== received && !isOver();) {
          before = received;
          if ((await isCalledOff()) && !isOver()) scope.cancel();
        }
        looking = undefined;
      };
      onReceived = () => {
        looking ??= look();
      };
      try {
        return await scope.run(work);
      } finally {
        onReceived = undefined;
        await looking;
      }
    },
  };
}
