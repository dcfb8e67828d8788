import type { Tx } from '../../platform/db';

/** The end of the chain of one tenant. */
export interface TenantHead {
  readonly tenantId: string;
  readonly tenantSeq: number;
  readonly hash: Buffer;
  /** The seq of the tenant's last entry. */
  readonly lastSeq: number;
}

/** The ends of the chains of some tenants; a tenant without any entry has none. */
export async function tenantHeads(
  tx: Tx,
  tenantIds: readonly string[],
): Promise<Map<string, TenantHead>> {
  const rows = await tx.rows<TenantHead>(
    `select tenant_id as "tenantId", tenant_seq as "tenantSeq", hash, last_seq as "lastSeq"
     from audit_tenant_heads where tenant_id = any($1::uuid[])`,
    [tenantIds],
  );
  return new Map(rows.map((head) => [head.tenantId, head]));
}

/** Moves the ends of chains. */
export async function moveTenantHeads(tx: Tx, heads: readonly TenantHead[]): Promise<void> {
  await tx.run(
    `insert into audit_tenant_heads (tenant_id, tenant_seq, hash, last_seq)
     select tenant_id, tenant_seq, hash, last_seq
     from unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bigint[]) as h(tenant_id, tenant_seq, hash, last_seq)
     on conflict (tenant_id) do update
       set tenant_seq = excluded.tenant_seq, hash = excluded.hash, last_seq = excluded.last_seq`,
    [
      heads.map(({ tenantId }) => tenantId),
      heads.map(({ tenantSeq }) => tenantSeq),
      heads.map(({ hash }) => hash),
      heads.map(({ lastSeq }) => lastSeq),
    ],
  );
}
