import type { Tx } from '../../platform/db';

/** A limit of a backend: so many calls of a path in a window. */
export interface PathLimit {
  readonly connector: string;
  readonly path: string;
  readonly calls: number;
  readonly windowMs: number;
}

/** A slot was taken, or where in time the caller's place in line is due. */
export type SlotAnswer = { readonly slot: number } | { readonly dueInMs: number };

/** Brings the slot rows in step with the limits that the connector files declare; run at boot. */
export async function declareLimits(tx: Tx, limits: readonly PathLimit[]): Promise<void> {
  for (const { connector, path, calls, windowMs } of limits) {
    await tx.run(
      `insert into connector_paths (connector, path, calls, window_ms) values ($1, $2, $3, $4)
       on conflict (connector, path) do update set calls = excluded.calls, window_ms = excluded.window_ms`,
      [connector, path, calls, windowMs],
    );
    await tx.run(
      `insert into connector_slots (connector, path, n)
       select $1, $2, n from generate_series(1, $3::int) as n on conflict do nothing`,
      [connector, path, calls],
    );
    await tx.run('delete from connector_slots where connector = $1 and path = $2 and n > $3', [
      connector,
      path,
      calls,
    ]);
  }
}

/**
 * Takes a slot of a path, or a place in its line. Only as many places from the front as there are free slots may
 * take one, so that waiters come back about once a window and nobody overtakes. `caller` names the waiting call.
 */
export async function takeSlot(
  tx: Tx,
  limit: PathLimit,
  caller: string,
  timeoutMs: number,
): Promise<SlotAnswer> {
  const { slot, due_ms: dueMs } = await tx.one<{ slot: number | null; due_ms: number | null }>(
    'select slot, due_ms from take_slot($1, $2, $3, $4, $5, $6)',
    [limit.connector, limit.path, caller, limit.calls, limit.windowMs, timeoutMs],
  );
  return slot === null ? { dueInMs: waitOf(dueMs ?? 0) } : { slot };
}

/** Takes a place in the line of a path that has just been closed; returns when it is due, in milliseconds. */
export async function joinLine(tx: Tx, limit: PathLimit, caller: string): Promise<number> {
  const { due_ms: dueMs } = await tx.one<{ due_ms: number }>(
    'select join_line($1, $2, $3, $4, $5) as due_ms',
    [limit.connector, limit.path, caller, limit.calls, limit.windowMs],
  );
  return waitOf(dueMs);
}

/**
 * Puts a caller that does not call yet at the end of a path's line; returns in how many milliseconds it may come: 0
 * when it may come at once.
 */
export async function queueUp(tx: Tx, limit: PathLimit, caller: string): Promise<number> {
  const { due_ms: dueMs } = await tx.one<{ due_ms: number }>(
    'select queue_up($1, $2, $3, $4, $5) as due_ms',
    [limit.connector, limit.path, caller, limit.calls, limit.windowMs],
  );
  return dueMs;
}

const waitOf = (dueMs: number): number => Math.round(Math.max(dueMs, 50));

/** Frees a slot one window after the answer came. */
export async function releaseSlot(tx: Tx, limit: PathLimit, slot: number): Promise<void> {
  await tx.run(
    `update connector_slots set answered = true, free_at = clock_timestamp() + $4 * interval '1 millisecond'
     where connector = $1 and path = $2 and n = $3`,
    [limit.connector, limit.path, slot, limit.windowMs],
  );
}

/** Closes a path after a 429: for Retry-After, else for one window. */
export async function closePath(
  tx: Tx,
  limit: PathLimit,
  retryAfterMs: number | undefined,
): Promise<void> {
  await tx.run(
    `update connector_paths
     set closed_until = greatest(closed_until, clock_timestamp() + $3 * interval '1 millisecond')
     where connector = $1 and path = $2`,
    [limit.connector, limit.path, retryAfterMs ?? limit.windowMs],
  );
}

/** Gives up every place of an onboarding that stops or ends. */
export async function leaveLines(tx: Tx, onboardingId: string): Promise<void> {
  await tx.run(`delete from connector_line where starts_with(caller, $1 || '/')`, [onboardingId]);
}

/** Drops places whose time passed two windows ago: their callers are gone. */
export async function dropStalePlaces(tx: Tx): Promise<number> {
  return tx.run(
    `delete from connector_line as line using connector_paths as path
     where line.connector = path.connector and line.path = path.path
       and line.due_at < now() - 2 * path.window_ms * interval '1 millisecond'`,
  );
}
