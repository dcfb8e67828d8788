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
   * @param source whose turn it is: sources that wait take turns
   * @throws TooManyHashes at once when the queue is full
   */
  matches(text: string, salt: Buffer, hash: Buffer, source: string): Promise<boolean>;
}

interface Waiting {
  readonly source: string;
  readonly start: () => void;
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

  return {
    async matches(text, salt, wanted, source) {
      if (running >= bounds.running && waiting.length >= bounds.queued) throw new TooManyHashes();
      await new Promise<void>((resolve) => {
        waiting.push({ source, start: resolve });
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
