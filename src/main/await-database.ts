import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields } from '../platform/log';
import type { Log } from '../platform/log';
import { isOutage } from '../platform/outage';

/** For how long a process that starts waits for its database: longer than a restart or a fail-over takes. */
const patienceMs = 60_000;
const pauseMs = 250;

/**
 * Does what a start needs of the database. While that is away the start waits, up to a minute, and says so once;
 * whatever else is wrong ends it at once.
 */
export async function onceReachable<T>(log: Log, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (let told = false; ; told = true) {
    try {
      return await work();
    } catch (error) {
      if (!isOutage(error) || performance.now() > deadline) throw error;
      if (!told) {
        log.warn(errorFields(error), 'The database is not reachable; the start waits for it');
      }
      await sleep(pauseMs);
    }
  }
}
