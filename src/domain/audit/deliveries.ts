import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { randomSalt, hmacSha256 } from './hashes';

/** One event as its sender names it. */
export interface Delivery {
  readonly caller: string;
  /** Empty where the sender names none. */
  readonly source: string;
  readonly externalId: string;
  readonly eventId: string;
  readonly contentHash: Buffer;
  /** Everything that the sender said of it, in one form. */
  readonly content: string;
}

/** What came of a delivery before. */
export interface Earlier {
  readonly id: string;
  readonly contentHash: Buffer;
}

interface Known extends Earlier {
  readonly salt: Buffer | null;
  readonly digest: Buffer | null;
}

const nameOf = ({ source, externalId }: Pick<Delivery, 'source' | 'externalId'>): string =>
  `${source}\n${externalId}`;

/**
 * Claims the names of deliveries for this transaction's entries, for ever, and tells which were delivered before: by
 * another request, or earlier in the same batch. A concurrent request with the same names waits until this one ends.
 * @throws DomainError `external-id-conflict` when something else was delivered under a name
 */
export async function claimDeliveries(
  tx: Tx,
  caller: string,
  deliveries: readonly (Delivery | undefined)[],
): Promise<Map<Delivery | undefined, Earlier>> {
  const first = new Map<string, Delivery>();
  const earlier = new Map<Delivery | undefined, Earlier>();
  for (const delivery of deliveries) {
    if (!delivery) continue;
    const before = first.get(nameOf(delivery));
    if (!before) first.set(nameOf(delivery), delivery);
    else if (before.content !== delivery.content) throw conflict(delivery);
    else earlier.set(delivery, { id: before.eventId, contentHash: before.contentHash });
  }
  if (first.size === 0) return earlier;
  const claimed = [...first.values()];
  if ((await insertDeliveries(tx, claimed)) < claimed.length) {
    const known = await deliveredBefore(tx, caller, claimed);
    for (const delivery of deliveries) {
      const before = delivery && known.get(nameOf(delivery));
      if (!before || before.id === first.get(nameOf(delivery))?.eventId) continue;
      if (isOther(before, delivery)) throw conflict(delivery);
      earlier.set(delivery, { id: before.id, contentHash: before.contentHash });
    }
  }
  return earlier;
}

// An event whose subject was erased is remembered without what it said: whatever comes under its name is it again.
function isOther({ salt, digest }: Known, { content }: Delivery): boolean {
  return salt !== null && digest !== null && !hmacSha256(salt, content).equals(digest);
}

const conflict = ({ source, externalId, eventId }: Delivery): DomainError =>
  new DomainError('external-id-conflict', {
    extra: { external_id: externalId, source: source === '' ? null : source, event_id: eventId },
  });

// Sorted, so that two batches with the same names wait for one another and never each for the other.
async function insertDeliveries(tx: Tx, deliveries: readonly Delivery[]): Promise<number> {
  const sorted = [...deliveries].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const salts = sorted.map(randomSalt);
  return tx.run(
    `insert into audit_dedupe (caller, source, external_id, event_id, content_hash, salt, digest)
     select caller, source, external_id, event_id, content_hash, salt, digest
     from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bytea[], $6::bytea[], $7::bytea[])
       as d(caller, source, external_id, event_id, content_hash, salt, digest)
     on conflict do nothing`,
    [
      sorted.map(({ caller }) => caller),
      sorted.map(({ source }) => source),
      sorted.map(({ externalId }) => externalId),
      sorted.map(({ eventId }) => eventId),
      sorted.map(({ contentHash }) => contentHash),
      salts,
      sorted.map(({ content }, index) => hmacSha256(salts[index] ?? Buffer.alloc(0), content)),
    ],
  );
}

async function deliveredBefore(
  tx: Tx,
  caller: string,
  deliveries: readonly Delivery[],
): Promise<Map<string, Known>> {
  const rows = await tx.rows<Known & { source: string; externalId: string }>(
    `select source, external_id as "externalId", event_id as id, content_hash as "contentHash", salt, digest
     from audit_delivered($1, $2, $3)`,
    [
      caller,
      deliveries.map(({ source }) => source),
      deliveries.map(({ externalId }) => externalId),
    ],
  );
  return new Map(rows.map((row) => [nameOf(row), row]));
}
