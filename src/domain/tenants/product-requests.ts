import { DomainError } from '../../errors/problems';
import type { CatalogueRequest } from '../../contracts/catalogue';
import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import * as audit from '../audit/audit-entries';
import { lockEntitlement } from './entitlements';
import { emitEvent } from './events';
import { requestableProduct } from './products';
import { writeToOperators } from './tenant-mails';
import type { TenantMailDeps } from './tenant-mails';
import { lockTenant } from './tenants';
import { openStatuses } from './tenants.rules';
import type { Asker } from './trials';

/** A request for a product, and what became of it. */
export interface ProductRequest {
  readonly id: string;
  readonly tenantId: string;
  readonly tenantSlug: string;
  readonly product: string;
  readonly note: string | null;
  readonly status: 'open' | 'granted' | 'declined';
  readonly requestedBy: string;
  readonly decidedBy: string | null;
  readonly decidedReason: string | null;
  readonly createdAt: Date;
  readonly decidedAt: Date | null;
}

const select = `select r.id, r.tenant_id as "tenantId", t.slug as "tenantSlug", r.product, r.note, r.status,
  r.requested_by as "requestedBy", r.decided_by as "decidedBy", r.decided_reason as "decidedReason",
  r.created_at as "createdAt", r.decided_at as "decidedAt"`;
const from = 'from product_requests as r join tenants as t on t.id = r.tenant_id';

/**
 * Writes that a tenant wants a product, and tells the operators; one open request per tenant and product.
 * @throws DomainError `tenant-not-found`, `tenant-not-open`, `product-not-found`, `already-entitled`, `request-open`
 */
export async function requestProduct(
  tx: Tx,
  deps: TenantMailDeps,
  wish: CatalogueRequest,
  by: Asker,
): Promise<ProductRequest> {
  const tenant = await lockTenant(tx, wish.tenant_id);
  if (!openStatuses.includes(tenant.status)) throw new DomainError('tenant-not-open');
  const product = await requestableProduct(tx, wish.product);
  const held = await lockEntitlement(tx, tenant.id, product.product);
  if (held?.status === 'active') throw new DomainError('already-entitled');
  const id = newId();
  const inserted = await tx.run(
    `insert into product_requests (id, tenant_id, product, note, requested_by) values ($1, $2, $3, $4, $5)
     on conflict (tenant_id, product) where status = 'open' do nothing`,
    [id, tenant.id, product.product, wish.note ?? null, by.actorId],
  );
  if (inserted === 0) throw new DomainError('request-open');
  await audit.append(tx, {
    action: 'catalog.requested',
    crud: 'c',
    actorId: by.actorId,
    tenantId: tenant.id,
    targets: [{ type: 'product', id: product.product, name: product.name }],
    metadata: { request_id: id },
    sourceIp: by.source.ip,
    userAgent: by.source.userAgent,
  });
  await emitEvent(tx, {
    type: 'catalog.requested.v1',
    tenantId: tenant.id,
    data: { tenant_id: tenant.id, product: product.product, request_id: id },
  });
  const request = await tx.one<ProductRequest>(`${select} ${from} where r.id = $1`, [id]);
  await writeToOperators(tx, deps, tenant, 'catalog-request', {
    product: product.name,
    trial: false,
    note: wish.note ?? null,
    requested_at: request.createdAt.toISOString(),
  });
  return request;
}

/** Marks the open request for a product as granted, if there is one. */
export async function grantRequest(
  tx: Tx,
  granted: { readonly tenantId: string; readonly product: string; readonly actorId: string },
): Promise<void> {
  await tx.run(
    `update product_requests set status = 'granted', decided_by = $3, decided_at = now()
     where tenant_id = $1 and product = $2 and status = 'open'`,
    [granted.tenantId, granted.product, granted.actorId],
  );
}

/**
 * Declines an open request, so that it may be made again.
 * @throws DomainError `request-not-found`, `request-decided`
 */
export async function declineRequest(
  tx: Tx,
  id: string,
  reason: string,
  by: Asker,
): Promise<ProductRequest> {
  const declined = await tx.run(
    `update product_requests set status = 'declined', decided_by = $2, decided_reason = $3, decided_at = now()
     where id = $1 and status = 'open'`,
    [id, by.actorId, reason],
  );
  const request = await tx.maybe<ProductRequest>(`${select} ${from} where r.id = $1`, [id]);
  if (!request) throw new DomainError('request-not-found');
  if (declined === 0) {
    throw new DomainError('request-decided', { extra: { request_status: request.status } });
  }
  await audit.append(tx, {
    action: 'catalog.request_declined',
    crud: 'u',
    actorId: by.actorId,
    tenantId: request.tenantId,
    targets: [{ type: 'product', id: request.product }],
    description: reason,
    metadata: { request_id: id },
    sourceIp: by.source.ip,
    userAgent: by.source.userAgent,
  });
  return request;
}

/** Requests for products, newest first. */
export async function listRequests(
  tx: Tx,
  filter: {
    readonly status?: ProductRequest['status'] | undefined;
    readonly tenant_id?: string | undefined;
  },
  keyset: Keyset,
): Promise<Page<ProductRequest>> {
  const rows = await tx.rows<ProductRequest & { position_at: string }>(
    `${select}, ${positionOf('r.created_at')} ${from}
     where ($4::text is null or r.status = $4) and ($5::uuid is null or r.tenant_id = $5)
       and ($1::timestamptz is null or (r.created_at, r.id) < ($1::timestamptz, $2::uuid))
     order by r.created_at desc, r.id desc limit $3`,
    [...keysetParams(keyset), filter.status ?? null, filter.tenant_id ?? null],
  );
  return pageOf(rows, keyset, (row) => row.id);
}
