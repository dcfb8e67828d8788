import { setTimeout as sleep } from 'node:timers/promises';

/** Reads until what was read will do; fails with the last value once the time is over. */
export async function waitFor<T>(
  what: string,
  read: () => Promise<T> | T,
  isEnough: (value: T) => boolean,
  seconds = 20,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await read();
    if (isEnough(value)) return value;
    if (Date.now() > deadline) {
      throw new Error(
        `${what} did not come about in ${String(seconds)} s: ${JSON.stringify(value).slice(0, 2000)}`,
      );
    }
    await sleep(50);
  }
}
