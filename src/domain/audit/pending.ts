import type { Tx } from '../../platform/db';
import type { EntryKind } from './leaf.rules';

/** A part of an entry's personal data, with what its commitment in the leaf is made of. */
export interface StoredPart {
  readonly part: string;
  /** Whose erasure deletes it. */
  readonly subjects: readonly string[];
  readonly salt: Buffer;
  /** Exactly these bytes are committed to. */
  readonly body: string;
  /** What of it free text finds, lower case; null for nothing. */
  readonly search: string | null;
}

/** An entry on its way into the log. Everything beside `core` and the parts is for queries and repeats the core. */
export interface PendingEntry {
  readonly id: string;
  readonly kind: EntryKind;
  readonly tenantId: string | null;
  readonly partnerId: string | null;
  readonly action: string;
  readonly outcome: string;
  readonly actorId: string | null;
  readonly product: string | null;
  readonly source: string | null;
  readonly requestId: string | null;
  readonly targetIds: readonly string[];
  readonly subjects: readonly string[];
  readonly at: string;
  /** RFC 8785 JSON; exactly these bytes are hashed. */
  readonly core: string;
  readonly parts: readonly StoredPart[];
}

/** Writes an entry in the caller's transaction: one insert, no lock, no read. */
export async function insertPending(tx: Tx, entry: PendingEntry): Promise<void> {
  await tx.run(insertOf(1), valuesOf(entry));
}

/** Rows of one statement; of these sizes only, so that there are few statements to prepare. */
const strides = [64, 8, 1] as const;

/** Writes many entries, in their order. */
export async function insertAllPending(tx: Tx, entries: readonly PendingEntry[]): Promise<void> {
  let from = 0;
  for (const stride of strides) {
    for (; entries.length - from >= stride; from += stride) {
      await tx.run(insertOf(stride), entries.slice(from, from + stride).flatMap(valuesOf));
    }
  }
}

const columns = [
  ...['id', 'kind', 'tenant_id', 'partner_id', 'action', 'outcome', 'actor_id', 'product'],
  ...['source', 'request_id', 'target_ids', 'subjects', 'at', 'core'],
  ...['parts', 'part_subjects', 'part_salts', 'part_bodies', 'part_searches'],
];

const inserts = new Map<number, string>();

function insertOf(rows: number): string {
  const known = inserts.get(rows);
  if (known !== undefined) return known;
  const row = (n: number): string =>
    `(${columns.map((_, index) => `$${String(n * columns.length + index + 1)}`).join(', ')})`;
  const text = `insert into audit_pending (${columns.join(', ')})
     values ${Array.from({ length: rows }, (_, n) => row(n)).join(', ')}`;
  inserts.set(rows, text);
  return text;
}

/** The values of an entry's columns, in the order of the table. */
export function valuesOf(entry: PendingEntry): unknown[] {
  const { parts } = entry;
  return [
    ...[entry.id, entry.kind, entry.tenantId, entry.partnerId, entry.action, entry.outcome],
    ...[entry.actorId, entry.product, entry.source, entry.requestId],
    ...[entry.targetIds, entry.subjects, entry.at, entry.core],
    parts.map(({ part }) => part),
    parts.map(({ subjects }) => subjects.join('\n')),
    parts.map(({ salt }) => salt),
    parts.map(({ body }) => body),
    parts.map(({ search }) => search),
  ];
}

/** A pending entry as the sequencer reads it; the rest stays in the database and is moved there. */
export interface Waiting {
  readonly pid: number;
  readonly kind: EntryKind;
  readonly tenant_id: string | null;
  readonly action: string;
  readonly core: string;
}

/**
 * The pending entries that are visible, lowest number first, at most so many. Never those up to a mark: an entry that
 * commits late under a lower number is in the next batch.
 */
export function takeWaiting(tx: Tx, limit: number): Promise<Waiting[]> {
  return tx.rows<Waiting>(
    'select pid, kind, tenant_id, action, core from audit_pending order by pid limit $1',
    [limit],
  );
}

/** One pending entry, by its id. */
export function takeOne(tx: Tx, id: string): Promise<Waiting[]> {
  return tx.rows<Waiting>(
    'select pid, kind, tenant_id, action, core from audit_pending where id = $1',
    [id],
  );
}

/** Where a pending entry stands in the log from now on. */
export interface Numbered {
  readonly pid: number;
  readonly seq: number;
  readonly tenantSeq: number | null;
  readonly tail: string;
  readonly hash: Buffer;
}

/**
 * Moves pending entries into the log, their personal data beside it. The leaf is put together here from the stored
 * core and the tail that was hashed with it. Returns how many were moved.
 */
export async function moveToLog(
  tx: Tx,
  sequencedAt: string,
  entries: readonly Numbered[],
): Promise<number> {
  const { moved } = await tx.one<{ moved: number }>(
    `with numbered as (
       select pid, seq, tenant_seq, tail, substr($5::bytea, 1 + 32 * (n::int - 1), 32) as hash
       from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) with ordinality as u(pid, seq, tenant_seq, tail, n)
     ), taken as (
       delete from audit_pending where pid = any($1::bigint[])
       returning pid, id, kind, tenant_id, partner_id, action, outcome, actor_id, product, source, request_id, target_ids,
         subjects, at, core, parts, part_subjects, part_salts, part_bodies, part_searches
     ), logged as (
       insert into audit_log (seq, id, kind, tenant_id, tenant_seq, partner_id, action, outcome, actor_id, product, source,
         request_id, target_ids, subjects, at, sequenced_at, late, leaf, hash)
       select n.seq, t.id, t.kind, t.tenant_id, n.tenant_seq, t.partner_id, t.action, t.outcome, t.actor_id, t.product,
         t.source, t.request_id, t.target_ids, t.subjects, t.at, $6, t.at < $6::timestamptz - interval '10 minutes',
         '{"core":' || t.core || n.tail, n.hash
       from taken as t join numbered as n using (pid) order by n.seq
       returning 1
     ), personal as (
       insert into audit_pii (seq, part, tenant_id, event_id, subjects, salt, body, search)
       select n.seq, p.part, t.tenant_id, t.id, string_to_array(p.subjects, E'\\n'), p.salt, p.body, p.search
       from taken as t join numbered as n using (pid)
       cross join lateral unnest(t.parts, t.part_subjects, t.part_salts, t.part_bodies, t.part_searches)
         as p(part, subjects, salt, body, search)
       order by n.seq
       returning 1
     )
     select count(*)::int as moved from logged`,
    [
      entries.map(({ pid }) => pid),
      entries.map(({ seq }) => seq),
      entries.map(({ tenantSeq }) => tenantSeq),
      entries.map(({ tail }) => tail),
      Buffer.concat(entries.map(({ hash }) => hash)),
      sequencedAt,
    ],
  );
  return moved;
}
