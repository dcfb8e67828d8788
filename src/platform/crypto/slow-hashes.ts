import { hash } from 'argon2';
import { sameDigest } from './tokens';

/** Nobody may wait any longer: too many slow hashes are asked for. */
export class TooManyHashes extends Error {
  constructor() {
    super('Too many slow hashes are asked for');
    this.name = 'TooManyHashes';
  }
}

/** Computes argon2id (t=1, m=64 MiB, p=4, 32 bytes), few at a time, and compares. */
export interface SlowHashes {
  /**
   * Whether a text has a hash.
   * @param source whose turn it is: sources that wait take turns, and none of them has the whole queue
   * @throws TooManyHashes when the queue is full: at once, or when somebody of a source with fewer in it comes
   */
  matches(text: string, salt: Buffer, hash: Buffer, source: string): Promise<boolean>;
}

interface Waiting {
  readonly source: string;
  readonly start: () => void;
  readonly refuse: () => void;
}

/**
 * Builds the queue: each hash costs 64 MiB and some 90 ms of processor, so that an unbounded one would be a lever for
 * anybody who knows a prefix.
 */
export function createSlowHashes(bounds: {
  readonly running: number;
  readonly queued: number;
}): SlowHashes {
  let running = 0;
  let waiting: Waiting[] = [];
  let lastSource = '';

  const next = (): void => {
    // Not the same source again while another one waits.
    const other = waiting.find(({ source }) => source !== lastSource) ?? waiting[0];
    if (!other || running >= bounds.running) return;
    waiting = waiting.filter((one) => one !== other);
    lastSource = other.source;
    running += 1;
    other.start();
  };

  const waitingOf = (source: string): number =>
    waiting.filter((one) => one.source === source).length;
  /** The last of the source that has the most in the queue, if it has still more once somebody else is let in. */
  const displacedBy = (source: string): Waiting | undefined => {
    const fair = waitingOf(source) + 1;
    return waiting
      .filter((one) => waitingOf(one.source) > fair)
      .sort((a, b) => waitingOf(a.source) - waitingOf(b.source))
      .at(-1);
  };

  return {
    async matches(text, salt, wanted, source) {
      if (running >= bounds.running && waiting.length >= bounds.queued) {
        const displaced = displacedBy(source);
        if (!displaced) throw new TooManyHashes();
        waiting = waiting.filter((one) => one !== displaced);
        displaced.refuse();
      }
      await new Promise<void>((resolve, reject) => {
        const refuse = (): void => {
          reject(new TooManyHashes());
        };
        waiting.push({ source, start: resolve, refuse });
        next();
      });
      try {
        const made = await hash(text, {
          raw: true,
          salt,
          timeCost: 1,
          memoryCost: 64 * 1024,
          parallelism: 4,
          hashLength: wanted.length,
        });
        return sameDigest(made, wanted);
      } finally {
        running -= 1;
        next();
      }
    },
  };
}
