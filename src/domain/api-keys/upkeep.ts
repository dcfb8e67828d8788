import { withSystem } from '../../platform/db';
import type { Database } from '../../platform/db';
import { sweepChanges } from './change-log';
import { sweepFlushes } from './usage-flush';

/**
 * Removes what verifications are done with: lines of the log that everybody has read, numbers of processes that have
 * ended; returns how many rows. For the worker.
 */
export function sweepVerification(db: Database, limit: number): Promise<number> {
  return withSystem(
    db,
    'usage',
    async (tx) => (await sweepChanges(tx, limit)) + (await sweepFlushes(tx, limit)),
  );
}
