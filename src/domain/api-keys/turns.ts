import type { Answered } from '../../platform/batched-query';
import type { FoundKey, Lookups } from './lookups';

/** What was found of a key, and the generation of what was known when its query left. */
export interface Found extends Answered<FoundKey | undefined> {
  readonly since: number;
}

/** Somebody who waits for the next turn. */
export interface Waiting {
  /** Those of the key, as hex, one under each pepper. */
  readonly digests: readonly string[];
  /** On the monotonic clock. */
  readonly deadline: number;
  readonly found: (found: Found) => void;
  /** Told why nothing is known, or what `found` threw. */
  readonly failed: (error: unknown) => void;
}

/** Look-ups of sources that fail often: a flood of bad keys costs few queries and good keys little. */
export interface Turns {
  /** Looks a key up on the next turn. */
  join(waiting: Waiting): void;
}

/**
 * Milliseconds from the first who waits to the turn: of longer ones a query costs less a key, but the requests that wait
 * outlive the young heap, which costs more (measured with 5, 10 and 20).
 */
export const turnEveryMs = 5;
/** Most keys of one query. */
const mostAtOnce = 256;

/**
 * Builds the turns of a process.
 * @param generation of what is known, as `Recall` has it
 */
export function createTurns(lookups: Pick<Lookups, 'findInTurn'>, generation: () => number): Turns {
  let waiting: Waiting[] = [];

  const ask = async (all: readonly Waiting[]): Promise<void> => {
    const since = generation();
    const deadline = all[0]?.deadline ?? 0;
    try {
      const wanted = all.map(({ digests }) => digests);
      const { value, sentAt } = await lookups.findInTurn(wanted, deadline);
      all.forEach(({ found, failed }, index) => {
        try {
          found({ value: value[index], sentAt, since });
        } catch (error) {
          failed(error);
        }
      });
    } catch (error) {
      for (const { failed } of all) failed(error);
    }
  };

  const turn = (): void => {
    const all = waiting;
    waiting = [];
    for (let from = 0; from < all.length; from += mostAtOnce)
      void ask(all.slice(from, from + mostAtOnce));
  };

  return {
    join(one) {
      if (waiting.push(one) === 1) setTimeout(turn, turnEveryMs);
    },
  };
}
