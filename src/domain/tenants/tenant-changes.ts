import type { TenantStatus } from '../../contracts/registry';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from '../identity/callers';
import { emitEvent } from './events';
import { releaseSlugs } from './slugs';
import { lockRecord, moveRow, renameFreed } from './tenants';
import type { TenantRecord } from './tenants';
import { aimOf, targetOf } from './tenants.rules';
import type { TenantAction } from './tenants.rules';

/** One change of a tenant's status as somebody asked for it. */
export interface StatusChange {
  readonly tenantId: string;
  readonly action: TenantAction;
  readonly actorId: string;
  readonly reason?: string | undefined;
  /** The version that the caller saw, if they named one. */
  readonly version?: number | undefined;
  readonly source?: RequestSource;
  readonly component?: 'api' | 'worker' | 'cli';
}

/** A tenant after a change; `changed` is false where it was there already. */
export interface ChangedTenant {
  readonly tenant: TenantRecord;
  readonly from: TenantStatus;
  readonly changed: boolean;
}

/** How each action is told: in the past, as the audit log and the events have it. */
const told = {
  provision: 'activated',
  activate: 'activated',
  cancel: 'cancelled',
  'end-trial': 'trial_ended',
  suspend: 'suspended',
  resume: 'resumed',
  archive: 'archived',
  delete: 'deleted',
  restore: 'restored',
  purge: 'purging',
} as const satisfies Readonly<Record<TenantAction, string>>;

/**
 * Locks a tenant whose row says what is true: a trial that is over is moved to `frozen` first, so that every change
 * starts from the status that people see.
 * @param version the one that the caller saw, if they named one
 * @throws DomainError `tenant-not-found`, `version-stale` when the caller saw another version
 */
export async function lockSettled(
  tx: Tx,
  tenantId: string,
  version?: number,
): Promise<TenantRecord> {
  const tenant = await lockRecord(tx, tenantId);
  // Before the move, which counts the version up: whoever reads a trial that is over sees the row's version as it is.
  requireVersion(tenant, version);
  if (!tenant.lapsed) return tenant;
  return record(tx, { ...tenant, status: 'trial' }, 'frozen', {
    tenantId,
    action: 'end-trial',
    actorId: 'system:trial-end',
  });
}

/**
 * Refuses a change by who saw another version than there is; who named none is not held to one.
 * @throws DomainError `version-stale` with the ETag that there is
 */
export function requireVersion(tenant: TenantRecord, version: number | undefined): void {
  if (version === undefined || version === tenant.version) return;
  throw new DomainError('version-stale', {
    extra: { current_etag: `"v${String(tenant.version)}"` },
  });
}

/**
 * Moves a tenant from one status to another, with its audit entry and its event, under its lock. Deleting a deleted
 * tenant changes nothing and is no mistake.
 * @throws DomainError `tenant-not-found`, `version-stale`, `invalid-transition` with `from` and `to`
 */
export async function changeStatus(tx: Tx, change: StatusChange): Promise<ChangedTenant> {
  const tenant = await lockSettled(tx, change.tenantId, change.version);
  const to = targetOf(tenant, change.action);
  if (to === undefined) {
    throw new DomainError('invalid-transition', {
      detail: `A tenant that is ${tenant.status} cannot become ${aimOf(tenant, change.action)} by this.`,
      extra: { from: tenant.status, to: aimOf(tenant, change.action) },
    });
  }
  const from = tenant.status;
  if (to === from) return { tenant, from, changed: false };
  return { tenant: await record(tx, tenant, to, change), from, changed: true };
}

async function record(
  tx: Tx,
  tenant: TenantRecord,
  to: TenantStatus,
  change: StatusChange,
): Promise<TenantRecord> {
  const { action, actorId, reason } = change;
  const moved = await moveRow(tx, tenant.id, { action, to, by: { actorId, reason } });
  await audit.append(tx, {
    action: `tenant.${told[action]}`,
    crud: action === 'delete' || action === 'purge' ? 'd' : 'u',
    actorId,
    tenantId: tenant.id,
    partnerId: tenant.partnerId,
    targets: [{ type: 'tenant', id: tenant.id, name: tenant.slug }],
    ...(reason === undefined ? {} : { description: reason }),
    metadata: { from: tenant.status, to },
    sourceIp: change.source?.ip ?? null,
    userAgent: change.source?.userAgent ?? null,
    component: change.component ?? 'api',
  });
  await emitEvent(tx, {
    type: `tenant.${told[action]}.v1`,
    tenantId: tenant.id,
    data: { tenant_id: tenant.id, slug: tenant.slug, from: tenant.status, to },
  });
  return moved;
}

/** Makes a pending tenant active; a trial stays a trial. Part of the activation transaction. */
export async function activateProvisioned(tx: Tx, tenantId: string): Promise<void> {
  await changeStatus(tx, {
    tenantId,
    action: 'provision',
    actorId: 'system:workflow',
    component: 'worker',
  });
}

/** Frees the slug of a pending tenant that nobody can join any more; its row stays as deleted. */
export async function freePendingTenant(
  tx: Tx,
  tenantId: string,
  actorId: string,
): Promise<boolean> {
  const tenant = await lockSettled(tx, tenantId);
  if (tenant.status !== 'pending') return false;
  await changeStatus(tx, {
    tenantId,
    action: 'delete',
    actorId,
    reason: 'Nobody can join it any more',
  });
  await renameFreed(tx, tenantId);
  await releaseSlugs(tx, tenantId);
  return true;
}
