import { createBatchedQuery } from '../../platform/batched-query';
import { followChanges } from './change-log';
import type { Look } from './change-log';
import type { KnownKeys } from './known-keys';

/** Called once, when a look has removed what is not so any more; without a look when there was none in time. */
export type WhenLooked = (look: Look | undefined) => void;

/** Looks into the log of changes, one for many at a time. */
export interface Looks {
  /**
   * Has the next look that leaves tell when it is back.
   * @param deadline on the monotonic clock
   */
  next(deadline: number, done: WhenLooked): void;
  close(): Promise<void>;
}

/** Those who wait for one look. Others may join until it leaves, or fails. */
interface Waiting {
  open: boolean;
  readonly all: WhenLooked[];
}

/** Looks on a connection of their own: nothing that has to be read from big tables goes before them. */
export function createLooks(options: {
  readonly url: string;
  readonly timeoutMs: number;
  readonly keys: Pick<KnownKeys, 'remove'>;
  /** Told when looks fail and when they come again. */
  readonly onChange: (up: boolean, error?: unknown) => void;
}): Looks {
  const query = createBatchedQuery<Waiting, Look>({
    url: options.url,
    applicationName: 'usher-changes',
    connections: 1,
    most: 256,
    timeoutMs: options.timeoutMs,
    onChange: options.onChange,
    open: (statements) => {
      const look = followChanges(statements, options.keys);
      return async (questions) => {
        for (const waiting of questions) waiting.open = false;
        const seen = await look();
        return questions.map(() => seen);
      };
    },
  });
  let current: Waiting | undefined;
  return {
    next(deadline, done) {
      if (current?.open) {
        current.all.push(done);
        return;
      }
      const own: Waiting = { open: true, all: [done] };
      const tell = (look: Look | undefined): void => {
        own.open = false;
        for (const one of own.all) one(look);
      };
      current = own;
      query.ask(own, deadline).then(
        ({ value }) => {
          tell(value);
        },
        // Whoever cannot look into the log reads the key, and learns what is wrong with Postgres.
        () => {
          tell(undefined);
        },
      );
    },
    close: () => query.close(),
  };
}
