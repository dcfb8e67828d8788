import { withSystem } from './db';
import type { Database, Tx } from './db';

/** A value that all processes of a deployment share, or undefined. */
export async function readState(db: Database, key: string): Promise<unknown> {
  const row = await withSystem(db, 'boot', (tx) =>
    tx.maybe<{ value: unknown }>('select value from system_state where key = $1', [key]),
  );
  return row?.value;
}

/** Writes such a value. */
export async function writeState(tx: Tx, key: string, value: unknown): Promise<void> {
  await tx.run(
    `insert into system_state (key, value) values ($1, $2)
     on conflict (key) do update set value = excluded.value, updated_at = now()`,
    [key, JSON.stringify(value)],
  );
}

/**
 * Takes such a value for this transaction, so that of all processes one works on it at a time, and with a pause in
 * between: undefined while another one has it, and for so many milliseconds after it was written.
 */
export async function takeState(
  tx: Tx,
  key: string,
  pauseMs: number,
): Promise<{ readonly value: unknown } | undefined> {
  await tx.run(
    `insert into system_state (key, value, updated_at) values ($1, 'null', '-infinity') on conflict (key) do nothing`,
    [key],
  );
  return tx.maybe<{ value: unknown }>(
    `select value from system_state
     where key = $1 and updated_at <= now() - $2 * interval '1 millisecond' for update skip locked`,
    [key, pauseMs],
  );
}
