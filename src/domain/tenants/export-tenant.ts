import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { entriesOfTenant } from '../audit/tenant-entries';
import type { ExportStore, StoredExport } from '../../platform/export-store';

/** A stored export of a tenant, and how many rows it has. */
export interface TenantExport extends StoredExport {
  readonly rows: number;
  /** The time of its snapshot. */
  readonly asOf: Date;
}

/** Tables of which an export says nothing: sealed values, who opened them, and the export's own bookkeeping. */
const leftOut = ['secrets', 'secret_accesses', 'tenant_lifecycles'];

const pageSize = 1000;

/**
 * Stores all that belongs to a tenant as one file: gzipped NDJSON, a line for what it is, one `{table, row}` a row,
 * and one for its end. Hashes, digests and sealed values are left out. One snapshot, so that the rows fit together.
 * Its name is of the time when the purge began, so that a second try replaces the file of one that was killed before
 * it was noted. Undefined when an export is noted already: rows may be gone since, and its file must stay.
 * @throws what the store throws
 */
export function exportTenant(
  deps: { readonly db: Database; readonly exports: ExportStore },
  tenantId: string,
): Promise<TenantExport | undefined> {
  const { db, exports } = deps;
  return withSystem(
    db,
    'activity',
    async (tx) => {
      const found = await tx.maybe<{ asOf: Date; at: string; stamp: string; slug: string }>(
        `select now() as "asOf", to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at,
           to_char(coalesce(t.purging_at, now()) at time zone 'utc', 'YYYYMMDD"T"HH24MISS"Z"') as stamp, t.slug
         from tenants as t where t.id = $1
           and not exists (
             select 1 from tenant_lifecycles as l where l.tenant_id = t.id and l.exported_at is not null)`,
        [tenantId],
      );
      if (!found) return undefined;
      const { asOf, at, stamp, slug } = found;
      let rows = 0;
      async function* lines(): AsyncGenerator<string> {
        yield line({ kind: 'usher-tenant-export', version: 1, tenant_id: tenantId, slug, at });
        for await (const row of rowsOf(tx, tenantId)) {
          rows += 1;
          yield line(row);
        }
        yield line({ end: true, rows });
      }
      const body = Readable.from(lines(), { objectMode: true });
      const packed = body.pipe(createGzip());
      body.on('error', (error) => packed.destroy(error));
      try {
        const stored = await exports.put(`exports/${tenantId}/${stamp}.ndjson.gz`, packed);
        return { ...stored, rows, asOf };
      } finally {
        // Of a store that gave up, nothing must go on reading in a transaction that is over.
        packed.destroy();
        body.destroy();
      }
    },
    { isolation: 'repeatable read', readOnly: true },
  );
}

const line = (value: unknown): string => `${JSON.stringify(value)}\n`;

interface ExportedRow {
  readonly table: string;
  readonly row: unknown;
}

async function* rowsOf(tx: Tx, tenantId: string): AsyncGenerator<ExportedRow> {
  for (const { name, hidden } of await tablesOf(tx)) {
    let after = '(0,0)';
    for (;;) {
      const page = await tx.rows<{ place: string; row: unknown }>(
        `select t.ctid::text as place, to_jsonb(t) - $3::text[] as row from ${name} as t
         where ${name === 'tenants' ? 'id' : 'tenant_id'} = $1 and t.ctid > $2::tid order by t.ctid limit ${String(pageSize)}`,
        [tenantId, after, hidden],
      );
      for (const { row } of page) yield { table: name, row };
      if (page.length < pageSize) break;
      after = page.at(-1)?.place ?? after;
    }
  }
  for await (const row of entriesOfTenant(tx, tenantId)) yield { table: 'audit_log', row };
  const people = await tx.rows<{ row: unknown }>(
    `select json_build_object('id', id, 'email', email, 'name', name, 'locale', locale, 'status', status,
       'activated_at', activated_at, 'created_at', created_at) as row
     from users where id in (select user_id from memberships where tenant_id = $1) order by id`,
    [tenantId],
  );
  for (const { row } of people) yield { table: 'users', row };
}

/** The tables that hold rows of tenants, with their columns of raw bytes: those are hashes and sealed values. */
function tablesOf(tx: Tx): Promise<{ name: string; hidden: string[] }[]> {
  return tx.rows(
    `select quote_ident(c.relname) as name,
       coalesce((select array_agg(b.attname::text) from pg_attribute as b
         where b.attrelid = c.oid and b.atttypid = 'bytea'::regtype and not b.attisdropped), '{}') as hidden
     from pg_class as c
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and not c.relispartition
       and c.relname not like 'audit%' and c.relname <> all($1)
       and (c.relname = 'tenants' or exists (select 1 from pg_attribute as a
         where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))
     order by c.relname <> 'tenants', c.relname`,
    [leftOut],
  );
}
