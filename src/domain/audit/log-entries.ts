import type { Tx } from '../../platform/db';
import type { JsonValue } from './canonical.rules';
import { readEnvelope } from './leaf.rules';
import type { EntryKind } from './leaf.rules';
import { hot, placesNow } from './places';
import type { Reference } from './subjects.rules';

/** The core of an entry as its leaf holds it; members that were not given are absent. */
export interface Core {
  readonly id: string;
  readonly action: string;
  readonly actor: Reference | null;
  readonly at: string;
  readonly crud?: string;
  readonly outcome: string;
  readonly partner_id?: string;
  readonly pii: readonly { readonly part: string; readonly c: string }[];
  readonly product?: string;
  readonly received_at: string;
  readonly request_id?: string;
  readonly source?: string;
  readonly targets: readonly Reference[];
  readonly tenant_id?: string;
  readonly via: string;
  readonly component?: string;
  readonly external_id?: string;
  readonly metadata?: { readonly [name: string]: JsonValue };
  readonly trace_id?: string;
  readonly version?: string;
}

/** One part of personal data, read. */
export type PartBody = { readonly [name: string]: JsonValue };

/** An entry of the log with what is left of its personal data. Told by its leaf; the columns are for finding it. */
export interface LogEntry {
  readonly seq: number;
  readonly kind: EntryKind;
  readonly core: Core;
  readonly tenantSeq: number | null;
  readonly sequencedAt: string;
  readonly leaf: string;
  readonly hash: Buffer;
  readonly prevHash: string;
  readonly parts: Readonly<Record<string, PartBody>>;
  /** Parts that the leaf commits to and that are not there any more. */
  readonly erased: readonly string[];
  /** Whether it was fetched back from the archive. */
  readonly isRestored: boolean;
}

interface Row {
  readonly restored: boolean;
  readonly seq: number;
  readonly leaf: string;
  readonly hash: Buffer;
  readonly parts: readonly { readonly part: string; readonly body: string }[] | null;
}

/** Entries by their numbers, in their order. */
export async function entriesAt(
  tx: Tx,
  seqs: readonly number[],
  order: 'asc' | 'desc',
): Promise<LogEntry[]> {
  if (seqs.length === 0) return [];
  const selects = (await placesNow(tx)).map(
    (place) => `
     select l.seq, l.leaf, l.hash, ${String(place !== hot)} as restored,
       (select json_agg(json_build_object('part', p.part, 'body', p.body)) from ${place.personal} as p where p.seq = l.seq)
         as parts
     from ${place.entries} as l where l.seq = any($1::bigint[])`,
  );
  const rows = await tx.rows<Row>(`${selects.join(' union all ')} order by seq ${order}`, [seqs]);
  return rows.map(readRow);
}

/** An entry by its id. */
export async function findEntry(tx: Tx, id: string): Promise<LogEntry | undefined> {
  const row = await tx.maybe<{ seq: number }>(
    'select seq from audit_log where id = $1 union all select seq from audit_restored where id = $1',
    [id],
  );
  return row && (await entriesAt(tx, [row.seq], 'asc'))[0];
}

/** The numbers of entries by their ids, of those that are in the log already. */
export async function seqsOf(tx: Tx, ids: readonly string[]): Promise<Map<string, number>> {
  const rows = await tx.rows<{ id: string; seq: number }>(
    'select id, seq from audit_log where id = any($1::uuid[])',
    [ids],
  );
  return new Map(rows.map(({ id, seq }) => [id, seq]));
}

function readRow({ seq, leaf, hash, parts: given, restored: isRestored }: Row): LogEntry {
  const envelope = readEnvelope(leaf);
  if (!envelope)
    throw new Error(`Entry ${String(seq)} of the audit log has no leaf that can be read`);
  const core = JSON.parse(envelope.core) as Core;
  const parts = Object.fromEntries(
    (given ?? []).map(({ part, body }) => [part, JSON.parse(body) as PartBody]),
  );
  return {
    seq,
    kind: envelope.kind,
    core,
    tenantSeq: envelope.tenant?.seq ?? null,
    sequencedAt: envelope.sequencedAt,
    leaf,
    hash,
    prevHash: envelope.prevHash,
    parts,
    erased: core.pii.map(({ part }) => part).filter((part) => !(part in parts)),
    isRestored,
  };
}
