import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two looks, at first and at most. */
const pace = { first: 20, most: 250 } as const;

/** Reads until what was read will do, or the time is over; returns what was read last. */
export async function pollUntil<T>(
  read: () => Promise<T>,
  isEnough: (value: T) => boolean,
  patienceMs: number,
): Promise<T> {
  const deadline = Date.now() + patienceMs;
  let wait: number = pace.first;
  for (;;) {
    const value = await read();
    const left = deadline - Date.now();
    if (isEnough(value) || left <= 0) return value;
    await sleep(Math.min(wait, left));
    wait = Math.min(wait * 1.5, pace.most);
  }
}
