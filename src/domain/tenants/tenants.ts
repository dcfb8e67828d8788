import { createHash } from 'node:crypto';
import type { TenantStatus } from '../../contracts/registry';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { isUuid } from '../../platform/ids';
import type { Standing, TenantAction } from './tenants.rules';

/** A tenant as the other domains see it. */
export interface Tenant {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  /** As it is at this moment: a trial that is over is frozen, whoever has moved the row. */
  readonly status: TenantStatus;
  readonly plan: string;
  readonly kind: string;
  readonly partnerId: string | null;
  readonly bucket: number;
}

/** Everything that the registry keeps of a tenant. */
export interface TenantRecord extends Tenant, Standing {
  /** Its trial is over and the row does not say so yet. */
  readonly lapsed: boolean;
  readonly salesOwner: string | null;
  readonly erpCustomerId: string | null;
  readonly stripeCustomerId: string | null;
  readonly trialEndsAt: Date | null;
  /** `YYYY-MM-DD` */
  readonly contractStart: string | null;
  readonly contractEnd: string | null;
  readonly primaryDomain: string | null;
  readonly seats: number | null;
  readonly billing: TenantBilling;
  readonly activatedAt: Date | null;
  readonly suspendedAt: Date | null;
  readonly suspendedBy: string | null;
  readonly suspendedReason: string | null;
  readonly frozenAt: Date | null;
  readonly frozenReason: 'cancelled' | 'trial-ended' | null;
  readonly archivedAt: Date | null;
  readonly deletedAt: Date | null;
  readonly deletedBy: string | null;
  readonly deletedReason: string | null;
  readonly purgeAt: Date | null;
  readonly purgedAt: Date | null;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Whom a tenant's invoices go to. */
export interface TenantBilling {
  readonly company?: string | null;
  readonly vat_id?: string | null;
  readonly email?: string | null;
  readonly address?: string | null;
}

/** SQL of a tenant's status at this moment. */
export const statusOf = (tenant: string): string =>
  `effective_status(${tenant}.status, ${tenant}.trial_ends_at)`;

const columns = `id, slug, name, ${statusOf('tenants')} as status, plan, kind, partner_id as "partnerId", bucket`;

/** SQL of all columns of a `TenantRecord`, for queries of the registry. */
export const recordColumns = `${columns}, tenants.status <> ${statusOf('tenants')} as lapsed,
  former_status as "formerStatus", deleted_from as "deletedFrom", sales_owner as "salesOwner",
  erp_customer_id as "erpCustomerId", stripe_customer_id as "stripeCustomerId", trial_ends_at as "trialEndsAt",
  contract_start::text as "contractStart", contract_end::text as "contractEnd", primary_domain as "primaryDomain",
  seats, billing, activated_at as "activatedAt", suspended_at as "suspendedAt", suspended_by as "suspendedBy",
  suspended_reason as "suspendedReason",
  coalesce(frozen_at, case when tenants.status <> ${statusOf('tenants')} then trial_ends_at end) as "frozenAt",
  coalesce(frozen_reason, case when tenants.status <> ${statusOf('tenants')} then 'trial-ended' end) as "frozenReason",
  archived_at as "archivedAt", deleted_at as "deletedAt", deleted_by as "deletedBy", deleted_reason as "deletedReason",
  purge_at as "purgeAt", purged_at as "purgedAt", version, created_at as "createdAt", updated_at as "updatedAt"`;

/** A tenant's stable roll-out position: sha256(id) mod 100. */
export function bucketOf(tenantId: string): number {
  const digest = createHash('sha256').update(tenantId).digest('hex');
  return Number(BigInt(`0x${digest}`) % 100n);
}

/** The tenant of an id or slug, or undefined. What has the form of an id names nothing else: no slug may have it. */
export function findTenant(tx: Tx, idOrSlug: string): Promise<Tenant | undefined> {
  const column = isUuid(idOrSlug) ? 'id' : 'slug';
  return tx.maybe<Tenant>(`select ${columns} from tenants where ${column} = $1`, [idOrSlug]);
}

/** The tenant of an id, locked against a change of its status until the transaction ends. */
export async function lockTenant(tx: Tx, tenantId: string): Promise<Tenant> {
  const tenant = await tx.maybe<Tenant>(
    `select ${columns} from tenants where id = $1 for no key update`,
    [tenantId],
  );
  if (!tenant) throw new DomainError('tenant-not-found');
  return tenant;
}

/** Everything of the tenant of an id, or undefined. */
export function findRecord(tx: Tx, tenantId: string): Promise<TenantRecord | undefined> {
  return tx.maybe<TenantRecord>(`select ${recordColumns} from tenants where id = $1`, [tenantId]);
}

/**
 * The same, locked until the transaction ends.
 * @throws DomainError `tenant-not-found`
 */
export async function lockRecord(tx: Tx, tenantId: string): Promise<TenantRecord> {
  const tenant = await tx.maybe<TenantRecord>(
    `select ${recordColumns} from tenants where id = $1 for no key update`,
    [tenantId],
  );
  if (!tenant) throw new DomainError('tenant-not-found');
  return tenant;
}

/** A row of a tenant to be. */
export interface NewTenantRow extends Omit<Tenant, 'bucket'> {
  readonly status: 'pending' | 'trial' | 'active';
  readonly salesOwner?: string | undefined;
  readonly trialDays?: number | undefined;
}

/** Writes a tenant's row; undefined when a tenant of its slug or id is there. */
export function insertTenant(tx: Tx, tenant: NewTenantRow): Promise<TenantRecord | undefined> {
  return tx.maybe<TenantRecord>(
    `insert into tenants (id, slug, name, status, plan, kind, partner_id, bucket, sales_owner, trial_ends_at, activated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10::int * interval '1 day',
       case when $4 = 'active' then now() end)
     on conflict do nothing returning ${recordColumns}`,
    [
      tenant.id,
      tenant.slug,
      tenant.name,
      tenant.status,
      tenant.plan,
      tenant.kind,
      tenant.partnerId,
      bucketOf(tenant.id),
      tenant.salesOwner ?? null,
      tenant.trialDays ?? null,
    ],
  );
}

/** Columns of a tenant that people edit. */
export const editableColumns = [
  'name',
  'slug',
  'plan',
  'sales_owner',
  'erp_customer_id',
  'stripe_customer_id',
  'trial_ends_at',
  'contract_start',
  'contract_end',
  'primary_domain',
  'seats',
  'billing',
] as const;
/** One of them. */
export type EditableColumn = (typeof editableColumns)[number];

/** Writes some of a tenant's editable columns and counts its version up; the row is locked. */
export function writeColumns(
  tx: Tx,
  tenantId: string,
  changes: Readonly<Partial<Record<EditableColumn, unknown>>>,
): Promise<TenantRecord> {
  const names = editableColumns.filter((name) => name in changes);
  const sets = names.map((name, index) => `${name} = $${String(index + 2)}`);
  return tx.one<TenantRecord>(
    `update tenants set ${[...sets, 'version = version + 1', 'updated_at = now()'].join(', ')}
     where id = $1 returning ${recordColumns}`,
    [tenantId, ...names.map((name) => changes[name])],
  );
}

/** Days that a deleted tenant can be restored for. */
export const graceDays = 30;

/** Who moved a tenant, and why. */
export interface Mover {
  readonly actorId: string;
  readonly reason?: string | null | undefined;
}

type Stamp = (by: Mover) => { readonly sql: string; readonly params: readonly unknown[] };

const plain =
  (sql: string): Stamp =>
  () => ({ sql, params: [] });
const unsuspended = `former_status = null, suspended_at = null, suspended_by = null, suspended_reason = null`;
const undeleted = `deleted_from = null, deleted_at = null, deleted_by = null, deleted_reason = null, purge_at = null`;

/** What each action leaves on the row beside the status. */
const stamps: Readonly<Record<TenantAction, Stamp>> = {
  provision: plain('activated_at = coalesce(activated_at, now())'),
  activate: plain('activated_at = coalesce(activated_at, now())'),
  cancel: plain(`frozen_at = now(), frozen_reason = 'cancelled'`),
  'end-trial': plain(`frozen_at = trial_ends_at, frozen_reason = 'trial-ended'`),
  suspend: ({ actorId, reason }) => ({
    sql: `former_status = status, suspended_at = now(), suspended_by = $3, suspended_reason = $4`,
    params: [actorId, reason ?? null],
  }),
  resume: plain(unsuspended),
  archive: plain('archived_at = now()'),
  delete: ({ actorId, reason }) => ({
    sql: `deleted_from = status, deleted_at = now(), deleted_by = $3, deleted_reason = $4,
      purge_at = now() + interval '${String(graceDays)} days'`,
    params: [actorId, reason ?? null],
  }),
  restore: plain(`${undeleted},
    frozen_at = case when status = 'deleted' then frozen_at end,
    frozen_reason = case when status = 'deleted' then frozen_reason end,
    archived_at = case when status = 'deleted' then archived_at end,
    activated_at = case when status = 'deleted' then activated_at else coalesce(activated_at, now()) end`),
  purge: ({ actorId, reason }) => ({
    sql: 'purging_at = now(), purging_by = $3, purging_reason = $4',
    params: [actorId, reason ?? null],
  }),
};

/** Moves a tenant's row, which is locked and stands where `targetOf` has judged it. */
export function moveRow(
  tx: Tx,
  tenantId: string,
  move: { readonly action: TenantAction; readonly to: TenantStatus; readonly by: Mover },
): Promise<TenantRecord> {
  const { sql, params } = stamps[move.action](move.by);
  return tx.one<TenantRecord>(
    `update tenants set status = $2, ${sql}, version = version + 1, updated_at = now()
     where id = $1 returning ${recordColumns}`,
    [tenantId, move.to, ...params],
  );
}

/** Gives a deleted tenant that never came to life a slug that says so, so that its own is free again. */
export async function renameFreed(tx: Tx, tenantId: string): Promise<void> {
  await tx.run(
    `update tenants set slug = left(slug, 20) || '-freed-' || right(replace(id::text, '-', ''), 12) where id = $1`,
    [tenantId],
  );
}

/** Leaves of a purged tenant what it was called and when it was what: nothing personal, nothing of its contract's terms. */
export async function writeTombstone(tx: Tx, tenantId: string): Promise<void> {
  await tx.run(
    `update tenants set name = 'Purged tenant', sales_owner = null, primary_domain = null, billing = '{}',
       contract_start = null, contract_end = null, seats = null, erp_customer_id = null, stripe_customer_id = null,
       suspended_reason = null, deleted_reason = null, purging_reason = null, purged_at = now(),
       version = version + 1, updated_at = now()
     where id = $1 and status = 'purging' and purged_at is null`,
    [tenantId],
  );
}
