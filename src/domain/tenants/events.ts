import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { requestContext } from '../../platform/request-context';

/** Writes a domain event in the caller's transaction, for readers that poll; ids and codes only. */
export async function emitEvent(
  tx: Tx,
  event: {
    readonly type: string;
    readonly tenantId: string | null;
    readonly data: Readonly<Record<string, unknown>>;
  },
): Promise<void> {
  await tx.run(
    'insert into events (id, type, tenant_id, data, request_id) values ($1, $2, $3, $4, $5)',
    [
      newId(),
      event.type,
      event.tenantId,
      JSON.stringify(event.data),
      requestContext()?.requestId ?? null,
    ],
  );
}

/** The place of an event in the order of the log: its transaction, then its number. */
export interface EventPosition {
  /** An xid8, which is wider than a number of JavaScript. */
  readonly xid: string;
  readonly seq: number;
}

/** Before every event. */
export const firstPosition: EventPosition = { xid: '0', seq: 0 };

/** A domain event with its place. */
export interface LoggedEvent extends EventPosition {
  readonly id: string;
  readonly type: string;
  readonly tenantId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly requestId: string | null;
  readonly at: Date;
}

/**
 * Events after a position. Transactions commit in another order than they take their numbers; so the list is in the
 * order of transactions and ends before the oldest that still runs: whatever commits later comes later in it, and a
 * reader who goes on from the last event has missed none.
 */
export function listEvents(tx: Tx, after: EventPosition, limit: number): Promise<LoggedEvent[]> {
  return tx.rows<LoggedEvent>(
    `select xid::text as xid, seq, id, type, tenant_id as "tenantId", data, request_id as "requestId", at
     from events
     where (xid, seq) > ($1::xid8, $2::bigint) and xid < pg_snapshot_xmin(pg_current_snapshot())
     order by xid, seq limit $3`,
    [after.xid, after.seq, limit],
  );
}
