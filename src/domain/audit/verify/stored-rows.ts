import type { Tx } from '../../../platform/db';
import { columnsOf } from '../leaf-columns';
import type { LeafColumns } from '../leaf-columns';
import type { ReadEnvelope } from '../leaf.rules';
import type { Core } from '../log-entries';
import type { Opening } from './openings';

/** An entry as it is stored: the leaf, what is beside it, and its personal data. */
export interface StoredRow {
  readonly seq: number;
  readonly leaf: string;
  readonly hash: Buffer;
  readonly openings: readonly Opening[];
  readonly columns: Columns;
}

/** As Postgres gives them. */
type Columns = Omit<LeafColumns, 'at' | 'sequenced_at'> & {
  readonly at: Date;
  readonly sequenced_at: Date;
};

type Read = Columns & {
  readonly seq: number;
  readonly leaf: string;
  readonly hash: Buffer;
  readonly parts: readonly { part: string; salt: string; body: string }[] | null;
};

/** Which stored entries are read. */
export interface RowRange {
  /** The last seq that was read. */
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
  readonly tenantId?: string | undefined;
}

const parts = `(select json_agg(json_build_object('part', p.part, 'salt', encode(p.salt, 'base64'), 'body', p.body))
   from audit_pii as p where p.seq = l.seq) as parts`;

const columnsAndParts = `l.seq, l.leaf, l.hash, l.id, l.kind, l.tenant_id, l.tenant_seq, l.partner_id, l.action,
  l.outcome, l.actor_id, l.product, l.source, l.request_id, l.target_ids, l.at, l.sequenced_at, ${parts}`;

/** Stored entries of a range, in their order. */
export async function storedRows(tx: Tx, range: RowRange): Promise<StoredRow[]> {
  const rows = await tx.rows<Read>(
    `select ${columnsAndParts} from audit_log as l
     where l.seq > $1 and l.seq <= $2 ${range.tenantId === undefined ? '' : 'and l.tenant_id = $4'}
     order by l.seq limit $3`,
    [
      range.after,
      range.upTo,
      range.limit,
      ...(range.tenantId === undefined ? [] : [range.tenantId]),
    ],
  );
  return rows.map(toRow);
}

/** Stored entries by their numbers, in their order. */
export async function rowsAt(tx: Tx, seqs: readonly number[]): Promise<StoredRow[]> {
  if (seqs.length === 0) return [];
  const rows = await tx.rows<Read>(
    `select ${columnsAndParts} from audit_log as l where l.seq = any($1::bigint[]) order by l.seq`,
    [seqs],
  );
  return rows.map(toRow);
}

function toRow({ seq, leaf, hash, parts: given, ...columns }: Read): StoredRow {
  const openings = (given ?? []).map(({ part, salt, body }) => ({
    part,
    salt: Buffer.from(salt, 'base64'),
    body,
  }));
  return { seq, leaf, hash, openings, columns };
}

/**
 * The first column that does not say what the leaf says, which would show a reader something else than what is
 * hashed; undefined when all agree.
 */
export function strayColumn(
  envelope: ReadEnvelope,
  columns: Columns,
): { expected: string; actual: string } | undefined {
  const core = readCore(envelope.core);
  if (!core) return { expected: 'an entry', actual: 'something that cannot be read' };
  const told: Columns = {
    ...columnsOf(envelope, core),
    at: new Date(core.at),
    sequenced_at: new Date(envelope.sequencedAt),
  };
  for (const name of Object.keys(told) as (keyof Columns)[]) {
    const [expected, actual] = [shown(told[name]), shown(columns[name])];
    if (expected !== actual) {
      return { expected: `${name} ${expected}`, actual: `${name} ${actual}` };
    }
  }
  return undefined;
}

function readCore(text: string): Core | undefined {
  try {
    const core = JSON.parse(text) as Core;
    return Array.isArray(core.targets) ? core : undefined;
  } catch {
    return undefined;
  }
}

function shown(value: Columns[keyof Columns]): string {
  if (value instanceof Date) return isNaN(value.getTime()) ? 'no time' : value.toISOString();
  return typeof value === 'object' && value !== null ? value.join(',') : String(value);
}
