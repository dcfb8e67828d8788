import { randomUUID } from 'node:crypto';
import { withSystem } from './db';
import type { Database, Tx } from './db';
import { newId } from './ids';
import { requestContext } from './request-context';

/** A wake-up: which workflow should look at its rows again. It carries ids only. */
export interface Wake {
  readonly workflowType: string;
  readonly workflowId: string;
  /** Input of the workflow if it has to be started: ids and durations, nothing else. */
  readonly input: Readonly<Record<string, unknown>>;
}

/** A wake-up as it stands in the outbox. */
export interface OutboxRow extends Wake {
  readonly id: string;
  readonly requestId: string | null;
  readonly attempts: number;
}

/** How a delivery ended: delivered, to be repeated, or refused for good. */
export type Delivery = { ok: true } | { ok: false; permanent: boolean; reason: string };

/** Brings one wake-up to Temporal. */
export type Deliver = (row: OutboxRow) => Promise<Delivery>;

/** How many rows a relay handled, and in how many milliseconds the next one is due, if one is known. */
export interface Relayed {
  readonly handled: number;
  readonly nextInMs: number | null;
}

/** The outbox of one process. */
export interface Outbox {
  /**
   * Writes a wake-up in the caller's transaction; delivery is tried right after the commit, or by a relay so many
   * milliseconds later. One that does not wait takes those of the same workflow along that do.
   */
  wake(tx: Tx, wake: Wake, options?: { readonly afterMs?: number }): Promise<void>;
  /** Delivers what other processes left, and what has waited for its time. */
  relay(limit: number): Promise<Relayed>;
  /** Makes wake-ups due that wait for their next try, e.g. because Temporal is back. */
  hasten(): Promise<void>;
  /** Waits for deliveries that are under way. */
  settle(): Promise<void>;
  /** Age of the oldest undelivered row in seconds, and the number of dead ones. */
  lag(): Promise<{ seconds: number; dead: number }>;
}

/** Not due before its time, and not because a try failed. */
const waits = 'attempts = 0 and available_at > now()';

/** Builds the outbox. `fastPath: false` leaves every delivery to a relay. */
export function createOutbox(options: {
  readonly db: Database;
  readonly deliver: Deliver;
  readonly fastPath: boolean;
  readonly onError: (error: unknown) => void;
}): Outbox {
  const { db, deliver } = options;
  const claimant = randomUUID();
  const running = new Set<Promise<void>>();
  const delivered: string[] = [];
  let flush: Promise<void> | undefined;

  // Rows delivered within the same turn are marked by one statement.
  const markDelivered = (id: string): Promise<void> => {
    delivered.push(id);
    flush ??= new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
      flush = undefined;
      const ids = delivered.splice(0);
      await withSystem(db, 'relay', (tx) =>
        tx.run(
          'update outbox set delivered_at = now(), claimed_until = null where id = any($1::uuid[])',
          [ids],
        ),
      );
    });
    return flush;
  };

  const release = (row: OutboxRow, delivery: Delivery & { ok: false }): Promise<number> =>
    withSystem(db, 'relay', (tx) =>
      delivery.permanent
        ? tx.run(
            'update outbox set dead_at = now(), last_error = $2, claimed_until = null where id = $1',
            [row.id, delivery.reason],
          )
        : tx.run(
            `update outbox set last_error = $2, claimed_until = null, attempts = attempts + 1,
               available_at = now() + least(power(2, least(attempts, 6)) * 0.25, 15) * interval '1 second'
             where id = $1`,
            [row.id, delivery.reason],
          ),
    );

  const attempt = async (row: OutboxRow): Promise<void> => {
    const delivery = await deliver(row);
    if (delivery.ok) await markDelivered(row.id);
    else await release(row, delivery);
  };

  const track = (row: OutboxRow): void => {
    const work = attempt(row).catch(options.onError);
    running.add(work);
    void work.finally(() => running.delete(work));
  };

  return {
    async wake(tx, wake, { afterMs = 0 } = {}) {
      const row: OutboxRow = {
        ...wake,
        id: newId(),
        requestId: requestContext()?.requestId ?? null,
        attempts: 0,
      };
      const { mine } = await tx.one<{ mine: boolean }>(
        'select enqueue_wake($1, $2, $3, $4, $5, $6, $7) as mine',
        [
          row.id,
          row.workflowType,
          row.workflowId,
          JSON.stringify(row.input),
          row.requestId,
          options.fastPath ? claimant : null,
          afterMs,
        ],
      );
      if (mine)
        tx.afterCommit(() =>
          setImmediate(() => {
            track(row);
          }),
        );
    },

    async relay(limit) {
      const [rows, next] = await withSystem(db, 'relay', (tx) =>
        Promise.all([
          tx.rows<{
            id: string;
            workflow_type: string;
            workflow_id: string;
            input: Record<string, unknown>;
            request_id: string | null;
            attempts: number;
          }>(
            `with due as (
               select id from outbox as o
               where delivered_at is null and dead_at is null and available_at <= now()
                 and (claimed_until is null or claimed_until < now())
                 and not exists (
                   select 1 from outbox as lower
                   where lower.aggregate = o.aggregate and lower.n < o.n
                     and lower.delivered_at is null and lower.dead_at is null)
               order by available_at limit $1 for update skip locked
             )
             update outbox set claimed_by = $2, claimed_until = now() + interval '10 seconds'
             from due where outbox.id = due.id
             returning outbox.id, workflow_type, workflow_id, input, request_id, attempts`,
            [limit, claimant],
          ),
          tx.one<{ in_ms: number | null }>(
            `select (extract(epoch from min(available_at) - now()) * 1000)::float8 as in_ms from outbox
             where delivered_at is null and dead_at is null and available_at > now()`,
          ),
        ]),
      );
      await Promise.all(
        rows.map((row) =>
          attempt({
            id: row.id,
            workflowType: row.workflow_type,
            workflowId: row.workflow_id,
            input: row.input,
            requestId: row.request_id,
            attempts: row.attempts,
          }),
        ),
      );
      return { handled: rows.length, nextInMs: next.in_ms };
    },

    hasten: () =>
      withSystem(db, 'relay', async (tx) => {
        await tx.run(
          `update outbox set available_at = now()
           where delivered_at is null and dead_at is null and available_at > now()`,
        );
      }),

    async settle() {
      while (running.size > 0) await Promise.all(running);
    },

    lag: () =>
      withSystem(db, 'metrics', (tx) =>
        tx.one<{ seconds: number; dead: number }>(
          `select coalesce(extract(epoch from now() - min(created_at) filter (where dead_at is null)), 0)::float8
               as seconds,
             count(*) filter (where dead_at is not null)::int as dead
           from outbox where delivered_at is null and not (${waits})`,
        ),
      ),
  };
}

/** A wake-up that is not delivered (yet). */
export interface OpenWake {
  readonly id: string;
  readonly workflowType: string;
  readonly workflowId: string;
  readonly createdAt: Date;
  readonly attempts: number;
  readonly nextAt: Date;
  /** When it was refused for good; null while it is still tried. */
  readonly deadAt: Date | null;
  readonly lastError: string | null;
}

/**
 * Wake-ups that are refused for good or wait for longer than so many seconds, oldest first.
 * @param which `dead` leaves out those that are still tried
 */
export function openWakes(
  tx: Tx,
  which: { readonly dead: boolean; readonly olderThanSeconds: number; readonly limit: number },
): Promise<OpenWake[]> {
  return tx.rows<OpenWake>(
    `select id, workflow_type as "workflowType", workflow_id as "workflowId", created_at as "createdAt", attempts,
       available_at as "nextAt", dead_at as "deadAt", last_error as "lastError"
     from outbox
     where delivered_at is null and (dead_at is not null
       or (not $1 and created_at <= now() - $2 * interval '1 second' and not (${waits})))
     order by created_at, n limit $3`,
    [which.dead, which.olderThanSeconds, which.limit],
  );
}

/**
 * Has undelivered wake-ups tried again at once, those refused for good among them. Delivering one twice does no
 * harm: it only means "look again". Returns how many it found.
 */
export function replayWakes(tx: Tx, ids: readonly string[] | 'dead'): Promise<number> {
  return tx.run(
    `update outbox set dead_at = null, attempts = 0, available_at = now()
     where delivered_at is null and ($1::uuid[] is null and dead_at is not null or id = any($1::uuid[]))`,
    [ids === 'dead' ? null : ids],
  );
}

/** Removes wake-ups that were delivered more than a day ago; returns how many. */
export function sweepDelivered(tx: Tx, limit: number): Promise<number> {
  return tx.run(
    `delete from outbox where id in (
       select id from outbox where delivered_at < now() - interval '1 day' limit $1 for update skip locked)`,
    [limit],
  );
}
