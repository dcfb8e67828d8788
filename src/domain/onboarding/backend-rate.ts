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
  const { connector, path, windowMs } = limit;
  // Waiters judge their place one after the other: what the second statement sees is what the lock's last owner left.
  const gate = await tx.maybe<{ closed_ms: number }>(
    `select greatest(0, extract(epoch from closed_until - clock_timestamp()) * 1000)::float8 as closed_ms
     from connector_paths where connector = $1 and path = $2 for no key update`,
    [connector, path],
  );
  const state = await tx.one<{ place: number | null; ahead: number; free: number }>(
    `with mine as (
       select place from connector_line where connector = $1 and path = $2 and caller = $3
     )
     select (select place from mine)::int as place,
       (select count(*) from connector_line
        where connector = $1 and path = $2 and due_at > clock_timestamp() - 2 * $4 * interval '1 millisecond'
          and place < coalesce((select place from mine), 9223372036854775807))::int as ahead,
       (select count(*) from connector_slots
        where connector = $1 and path = $2 and free_at <= clock_timestamp())::int as free`,
    [connector, path, caller, windowMs],
  );
  const closedMs = gate?.closed_ms ?? 0;
  if (closedMs <= 0 && state.ahead < state.free) {
    const taken = await tx.maybe<{ n: number }>(
      `update connector_slots set taken_at = clock_timestamp(), answered = false,
         free_at = clock_timestamp() + ($3::int + $4::int) * interval '1 millisecond'
       where (connector, path, n) = (
         select connector, path, n from connector_slots
         where connector = $1 and path = $2 and free_at <= clock_timestamp()
         order by free_at limit 1 for update skip locked)
       returning n`,
      [connector, path, timeoutMs, windowMs],
    );
    if (taken) {
      if (state.place !== null) await leaveLine(tx, caller, limit);
      return { slot: taken.n };
    }
  }
  const dueInMs = await placeInLine(tx, limit, caller, state.ahead, closedMs);
  return { dueInMs };
}

/** Takes a place in the line of a path that has just been closed; returns when it is due, in milliseconds. */
export async function joinLine(tx: Tx, limit: PathLimit, caller: string): Promise<number> {
  const { ahead, closed_ms: closedMs } = await tx.one<{ ahead: number; closed_ms: number }>(
    `select (select count(*) from connector_line where connector = $1 and path = $2 and caller <> $3)::int as ahead,
       greatest(0, extract(epoch from closed_until - clock_timestamp()) * 1000)::float8 as closed_ms
     from connector_paths where connector = $1 and path = $2`,
    [limit.connector, limit.path, caller],
  );
  return placeInLine(tx, limit, caller, ahead, closedMs);
}

async function placeInLine(
  tx: Tx,
  limit: PathLimit,
  caller: string,
  ahead: number,
  closedMs: number,
): Promise<number> {
  const { connector, path, calls, windowMs } = limit;
  // A slot in use is expected back a window after it was taken; its pessimistic free_at is for lost answers only.
  const { due_ms: slotMs } = await tx.one<{ due_ms: number }>(
    `select coalesce(greatest(0, extract(epoch from due - clock_timestamp()) * 1000), 0)::float8 as due_ms from (
       select case when answered then free_at
                else greatest(taken_at + $4 * interval '1 millisecond', clock_timestamp()) end as due
       from connector_slots where connector = $1 and path = $2
       order by due offset $3::int limit 1) as slot`,
    [connector, path, ahead % calls, windowMs],
  );
  const wholeWindows = Math.floor(ahead / calls) * windowMs;
  const dueInMs = Math.max(slotMs + wholeWindows, closedMs) + 25;
  await tx.run(
    `insert into connector_line (connector, path, caller, due_at)
     values ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond')
     on conflict (connector, path, caller) do update set due_at = excluded.due_at`,
    [connector, path, caller, dueInMs],
  );
  return Math.round(Math.max(dueInMs, 50));
}

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

async function leaveLine(tx: Tx, caller: string, limit: PathLimit): Promise<void> {
  await tx.run('delete from connector_line where connector = $1 and path = $2 and caller = $3', [
    limit.connector,
    limit.path,
    caller,
  ]);
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
