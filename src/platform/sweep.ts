import { withSystem } from './db';
import type { Database } from './db';
import { sweepAnswers } from './idempotency';
import { sweepDelivered } from './outbox';

/** Removes delivered wake-ups and answers of repeated requests whose time is over; returns how many rows. */
export function sweepPlatform(db: Database, limit: number): Promise<number> {
  return withSystem(
    db,
    'reconciler',
    async (tx) => (await sweepDelivered(tx, limit)) + (await sweepAnswers(tx, limit)),
  );
}
