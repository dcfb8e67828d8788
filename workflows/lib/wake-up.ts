import { CancellationScope, condition, setHandler } from '@temporalio/workflow';
import { wakeUp } from '../messages';

/** The wake-ups that a workflow has received. */
export interface WakeUps {
  /** Whether one came in since the last wait. */
  isPending(): boolean;
  /** Waits for the next wake-up, or so many milliseconds. */
  orAfter(ms: number): Promise<void>;
  /** Runs work that a wake-up may call off. */
  mayCallOff<T>(work: () => Promise<T>, how: CallingOff<T>): Promise<T>;
}

/** How work is called off. */
export interface CallingOff<T> {
  /** Looks at the rows, whenever a wake-up comes in. */
  readonly isCalledOff: () => Promise<boolean>;
  /** What is done in the place of work that was called off. */
  readonly otherwise: () => Promise<T>;
}

/** Listens for wake-ups; to be called first, so that none is missed. */
export function onWakeUp(): WakeUps {
  let received = 0;
  let seen = 0;
  let onReceived: (() => void) | undefined;
  let scope = new CancellationScope();
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
    async mayCallOff(work, { isCalledOff, otherwise }) {
      // A scope serves until it is cancelled; each promise less is a stack trace less that the SDK takes.
      if (scope.consideredCancelled) scope = new CancellationScope();
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
      } catch (error) {
        // Nobody repeats work that was called off, so that whatever it failed with is its end, not the run's.
        const calledOff =
          scope.consideredCancelled && !CancellationScope.current().consideredCancelled;
        if (!calledOff) throw error;
      } finally {
        onReceived = undefined;
        if (looking) await looking;
      }
      return otherwise();
    },
  };
}
