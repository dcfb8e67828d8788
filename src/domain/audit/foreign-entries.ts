import type { AuditEventGiven } from '../../contracts/audit';
import { DomainError } from '../../errors/problems';
import type { FieldError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { isOwnAction } from './actions.rules';
import { canonical } from './canonical.rules';
import { claimDeliveries } from './deliveries';
import type { Delivery } from './deliveries';
import { sealEntry } from './entry';
import { mostAheadMs, readForeign } from './foreign.rules';
import type { ForeignEvent } from './foreign.rules';
import { contentHash } from './hashes';
import { contentOf } from './foreign.rules';
import { insertAllPending } from './pending';
import type { PendingEntry } from './pending';

/** What the sender of an event gets for it. */
export interface Receipt {
  readonly id: string;
  readonly contentHash: Buffer;
  /** It was delivered before; this is the receipt of then. */
  readonly duplicate: boolean;
}

/**
 * Appends events that somebody else tells, all or nothing. One that this caller delivered before, under the same
 * source and external id, adds nothing.
 * @throws DomainError `audit-action-reserved`, `validation-failed` for a time in the future, `external-id-conflict`
 */
export async function appendForeign(
  tx: Tx,
  caller: string,
  given: readonly AuditEventGiven[],
): Promise<Receipt[]> {
  const events = given.map(readForeign);
  const now = new Date();
  refuse(events, now, given.length === 1);
  const entries = events.map((event) => seal(event, caller, now));
  const deliveries = entries.map((entry, index) => deliveryOf(caller, events[index], entry));
  const before = await claimDeliveries(tx, caller, deliveries);
  const receipts = entries.map((entry, index): Receipt => {
    const earlier = before.get(deliveries[index]);
    if (earlier) return { id: earlier.id, contentHash: earlier.contentHash, duplicate: true };
    return { id: entry.id, contentHash: contentHash(entry.core), duplicate: false };
  });
  await insertAllPending(
    tx,
    entries.filter((_, index) => !receipts[index]?.duplicate),
  );
  return receipts;
}

function refuse(events: readonly ForeignEvent[], now: Date, single: boolean): void {
  const latest = now.getTime() + mostAheadMs;
  const pointerTo = (index: number, member: string): string =>
    single ? `/${member}` : `/events/${String(index)}/${member}`;
  const reserved: FieldError[] = [];
  const ahead: FieldError[] = [];
  for (const [index, { action, at }] of events.entries()) {
    if (isOwnAction(action)) {
      const message = `${action.split('.')[0] ?? action} is one of Usher’s own prefixes`;
      reserved.push({ pointer: pointerTo(index, 'action'), message });
    }
    if (at !== null && Date.parse(at) > latest) {
      const message = 'must not be more than five minutes in the future';
      ahead.push({ pointer: pointerTo(index, 'at'), message });
    }
  }
  if (reserved.length > 0) throw new DomainError('audit-action-reserved', { errors: reserved });
  if (ahead.length > 0) throw new DomainError('validation-failed', { errors: ahead });
}

function seal(event: ForeignEvent, caller: string, now: Date): PendingEntry {
  const receivedAt = now.toISOString();
  return sealEntry({
    ...event,
    id: newId(now.getTime()),
    kind: 'foreign',
    via: caller,
    at: event.at ?? receivedAt,
    receivedAt,
    component: event.component,
    externalId: event.externalId,
    traceId: event.traceId,
    version: event.version,
  });
}

function deliveryOf(
  caller: string,
  event: ForeignEvent | undefined,
  entry: PendingEntry,
): Delivery | undefined {
  if (!event || event.externalId === null) return undefined;
  return {
    caller,
    source: event.source ?? '',
    externalId: event.externalId,
    eventId: entry.id,
    contentHash: contentHash(entry.core),
    content: canonical(contentOf(event)),
  };
}
