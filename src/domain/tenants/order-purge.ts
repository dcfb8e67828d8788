import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from '../identity/callers';
import { scheduleExport } from './lifecycle-rows';
import { changeStatus, requireVersion } from './tenant-changes';
import { lockRecord } from './tenants';
import type { TenantRecord } from './tenants';

/** A purge as somebody ordered it. */
export interface PurgeOrder {
  readonly tenantId: string;
  readonly reason: string;
  readonly actorId: string;
  /** The version that the caller saw, if they named one. */
  readonly version: number | undefined;
  readonly source: RequestSource;
}

/**
 * Orders the purge of a deleted tenant. Ordered again while its export fails, a purge tries at once.
 * @throws DomainError `tenant-not-found`, `version-stale`, `invalid-transition` with `from` and `to`
 */
export async function orderPurge(tx: Tx, order: PurgeOrder): Promise<TenantRecord> {
  // Not settled yet: the change itself compares the version, as it was read.
  const tenant = await lockRecord(tx, order.tenantId);
  if (tenant.status !== 'purging' || tenant.purgedAt !== null) {
    return (await changeStatus(tx, { ...order, action: 'purge' })).tenant;
  }
  requireVersion(tenant, order.version);
  await scheduleExport(tx, tenant.id, 0);
  await recordAgain(tx, tenant, order);
  return tenant;
}

// `from` and `to` are the same: its status says that it was ordered before. No event, since nothing has changed.
async function recordAgain(tx: Tx, tenant: TenantRecord, order: PurgeOrder): Promise<void> {
  await audit.append(tx, {
    action: 'tenant.purging',
    crud: 'd',
    actorId: order.actorId,
    tenantId: tenant.id,
    partnerId: tenant.partnerId,
    targets: [{ type: 'tenant', id: tenant.id, name: tenant.slug }],
    description: order.reason,
    metadata: { from: tenant.status, to: tenant.status },
    sourceIp: order.source.ip,
    userAgent: order.source.userAgent,
  });
}
