import type { Tx } from '../../platform/db';

/** An entry of a tenant as it is stored: the leaf, and what is left of its personal data. */
export interface TenantEntry {
  readonly seq: number;
  readonly leaf: string;
  readonly parts: readonly { readonly part: string; readonly body: string }[];
}

const pageSize = 500;

/** All entries of a tenant that are in the log, in the order of the log. */
export async function* entriesOfTenant(tx: Tx, tenantId: string): AsyncGenerator<TenantEntry> {
  let after = 0;
  for (;;) {
    const page: TenantEntry[] = await tx.rows<TenantEntry>(
      `select l.seq, l.leaf, coalesce((
         select json_agg(json_build_object('part', p.part, 'body', p.body) order by p.part)
         from audit_pii as p where p.seq = l.seq), '[]') as parts
       from audit_log as l where l.tenant_id = $1 and l.seq > $2 order by l.seq limit ${String(pageSize)}`,
      [tenantId, after],
    );
    yield* page;
    if (page.length < pageSize) return;
    after = page.at(-1)?.seq ?? after;
  }
}
