import type { Provisioning, TenantStatus } from '../../contracts/registry';
import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { Tx } from '../../platform/db';
import { recordColumns, statusOf } from './tenants';
import type { TenantRecord } from './tenants';

/** A tenant in the operators' list. */
export interface ListedTenant extends TenantRecord {
  readonly partnerSlug: string | null;
  readonly provisioning: Provisioning;
  readonly users: number;
}

/** Which tenants are wanted; what is left out does not matter. */
export interface TenantFilter {
  readonly status?: TenantStatus | undefined;
  readonly plan?: string | undefined;
  readonly kind?: string | undefined;
  /** Id or slug. */
  readonly partner?: string | undefined;
  readonly provisioning?: Provisioning | undefined;
  /** Part of slug, name, domain or a reference of another system, or an id. */
  readonly q?: string | undefined;
}

// The worst of what a tenant has at its backends.
const provisioning = `coalesce((
  select case when bool_or(r.status = 'error') then 'error' when bool_or(r.status = 'pending') then 'pending'
    else 'ready' end
  from tenant_resources as r where r.tenant_id = tenants.id and r.status <> 'left' having count(*) > 0), 'none')`;

const wanted = `($1::text is null or plan = $1) and ($2::text is null or kind = $2)
  and ($3::text is null or partner_id = (select id from partners where slug = $3 or id::text = lower($3)))
  and ($4::text is null or ${provisioning} = $4)
  and ($5::text is null or id::text = lower($5) or strpos(slug, lower($5)) > 0 or strpos(lower(name), lower($5)) > 0
    or strpos(primary_domain, lower($5)) > 0 or erp_customer_id = $5 or stripe_customer_id = $5)`;

function filterParams(filter: TenantFilter): (string | null)[] {
  const { plan, kind, partner, provisioning: state, q } = filter;
  return [plan, kind, partner, state, q].map((value) => value ?? null);
}

const columns = `${recordColumns}, (select slug from partners where id = tenants.partner_id) as "partnerSlug",
  ${provisioning} as provisioning,
  (select count(*)::int from memberships as m
   where m.tenant_id = tenants.id and m.scope = 'tenant' and m.withdrawn_at is null) as users`;

/** Tenants, newest first. */
export async function listTenants(
  tx: Tx,
  filter: TenantFilter,
  keyset: Keyset,
): Promise<Page<ListedTenant>> {
  const [at, id, limit] = keysetParams(keyset);
  const rows = await tx.rows<ListedTenant & { position_at: string }>(
    `select ${columns}, ${positionOf('created_at')} from tenants
     where ${wanted} and ($6::text is null or ${statusOf('tenants')} = $6)
       and ($7::timestamptz is null or (created_at, id) < ($7::timestamptz, $8::uuid))
     order by created_at desc, id desc limit $9`,
    [...filterParams(filter), filter.status ?? null, at, id, limit],
  );
  return pageOf(rows, keyset, (row) => row.id);
}

/** How many tenants of a filter are in each status, whatever status it asks for. */
export async function countTenants(
  tx: Tx,
  filter: TenantFilter,
): Promise<Partial<Record<TenantStatus, number>>> {
  const rows = await tx.rows<{ status: TenantStatus; n: number }>(
    `select ${statusOf('tenants')} as status, count(*)::int as n from tenants where ${wanted} group by 1`,
    filterParams(filter),
  );
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
}

/** A tenant as its page shows it; undefined when there is none. */
export function findListed(tx: Tx, tenantId: string): Promise<ListedTenant | undefined> {
  return tx.maybe<ListedTenant>(`select ${columns} from tenants where id = $1`, [tenantId]);
}
