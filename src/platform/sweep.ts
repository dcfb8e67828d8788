import { withSystem } from './db';
import type { Database } from './db';

/** Removes delivered wake-ups and answers of repeated requests whose time is over; returns how many rows. */
export function sweepPlatform(db: Database, limit: number): Promise<number> {
  return withSystem(db, 'reconciler', async (tx) => {
    const outbox = await tx.run(
      `delete from outbox where id in (
         select id from outbox where delivered_at < now() - interval '1 day' limit $1 for update skip locked)`,
      [limit],
    );
    const keys = await tx.run(
      `delete from idempotency_keys where key_hash in (
         select key_hash from idempotency_keys where expires_at < now() limit $1 for update skip locked)`,
      [limit],
    );
    return outbox + keys;
  });
}
