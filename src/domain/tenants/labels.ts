import type { Tx } from '../../platform/db';

/** What people call a tenant, and who sold it. */
export interface TenantLabel {
  readonly id: string;
  readonly slug: string;
  readonly partnerId: string | null;
}

/** Labels of tenants by their ids; of a purged one as long as its tombstone stands. */
export async function tenantLabels(
  tx: Tx,
  tenantIds: readonly string[],
): Promise<Map<string, TenantLabel>> {
  if (tenantIds.length === 0) return new Map();
  const rows = await tx.rows<TenantLabel>(
    'select id, slug, partner_id as "partnerId" from tenants where id = any($1::uuid[])',
    [tenantIds],
  );
  return new Map(rows.map((label) => [label.id, label]));
}

/** Slugs of partners by their ids. */
export async function partnerSlugs(
  tx: Tx,
  partnerIds: readonly string[],
): Promise<Map<string, string>> {
  if (partnerIds.length === 0) return new Map();
  const rows = await tx.rows<{ id: string; slug: string }>(
    'select id, slug from partners where id = any($1::uuid[])',
    [partnerIds],
  );
  return new Map(rows.map(({ id, slug }) => [id, slug]));
}

/** Ids of tenants that have a text in their slug, at most so many. */
export async function tenantIdsBySlug(tx: Tx, part: string, limit: number): Promise<string[]> {
  const rows = await tx.rows<{ id: string }>(
    'select id from tenants where position(lower($1) in slug) > 0 order by slug limit $2',
    [part, limit],
  );
  return rows.map(({ id }) => id);
}

/** Ids of the tenants of a partner. */
export async function tenantIdsOfPartner(tx: Tx, partnerId: string): Promise<string[]> {
  const rows = await tx.rows<{ id: string }>('select id from tenants where partner_id = $1', [
    partnerId,
  ]);
  return rows.map(({ id }) => id);
}
