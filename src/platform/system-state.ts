import { withSystem } from './db';
import type { Database } from './db';

/** A value that all processes of a deployment share, or undefined. */
export async function readState(db: Database, key: string): Promise<unknown> {
  const row = await withSystem(db, 'boot', (tx) =>
    tx.maybe<{ value: unknown }>('select value from system_state where key = $1', [key]),
  );
  return row?.value;
}

/** Writes such a value. */
export async function writeState(db: Database, key: string, value: unknown): Promise<void> {
  await withSystem(db, 'boot', (tx) =>
    tx.run(
      `insert into system_state (key, value) values ($1, $2)
       on conflict (key) do update set value = excluded.value, updated_at = now()`,
      [key, JSON.stringify(value)],
    ),
  );
}
