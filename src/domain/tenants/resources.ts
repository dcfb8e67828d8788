import { DomainError } from '../../errors/problems';
import type { ProblemCode } from '../../errors/problems';
import type { Drift, ResourceStatus } from '../../contracts/tenants';
import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import * as audit from '../audit/audit-entries';

/** What a tenant has at one backend. */
export interface TenantResource {
  readonly id: string;
  readonly tenantId: string;
  readonly connector: string;
  readonly externalId: string | null;
  /** `left`: not used any more; what stands outside was marked and stays. */
  readonly status: ResourceStatus;
  readonly lastError: ProblemCode | null;
  readonly drift: Drift | null;
  readonly onboardingId: string | null;
  readonly checkedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const columns = `id, tenant_id as "tenantId", connector, external_id as "externalId", status,
  last_error as "lastError", drift, onboarding_id as "onboardingId", checked_at as "checkedAt",
  created_at as "createdAt", updated_at as "updatedAt"`;

/**
 * Writes what a tenant has at a backend now. A tenant has one current row per connector; a ready one has no drift,
 * since a step has just seen it.
 */
export async function recordResource(
  tx: Tx,
  input: {
    readonly tenantId: string;
    readonly connector: string;
    readonly externalId: string | null;
    readonly status: Exclude<ResourceStatus, 'left'>;
    readonly lastError?: ProblemCode | null;
    readonly onboardingId: string | null;
  },
): Promise<void> {
  await tx.run(
    `insert into tenant_resources (id, tenant_id, connector, external_id, status, last_error, onboarding_id)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (tenant_id, connector) where status <> 'left' do update set
       external_id = coalesce(excluded.external_id, tenant_resources.external_id), status = excluded.status,
       last_error = excluded.last_error,
       onboarding_id = coalesce(excluded.onboarding_id, tenant_resources.onboarding_id),
       drift = case when excluded.status = 'ready' then null else tenant_resources.drift end, updated_at = now()`,
    [
      newId(),
      input.tenantId,
      input.connector,
      input.externalId,
      input.status,
      input.lastError ?? null,
      input.onboardingId,
    ],
  );
}

/** Marks the current resource of a connector as left; whether there was one. */
export async function leaveResource(
  tx: Tx,
  input: { readonly tenantId: string; readonly connector: string },
): Promise<boolean> {
  const left = await tx.run(
    `update tenant_resources set status = 'left', drift = null, updated_at = now()
     where tenant_id = $1 and connector = $2 and status <> 'left'`,
    [input.tenantId, input.connector],
  );
  return left > 0;
}

/** Records what a comparison with the backend found; the row may have been left meanwhile, then nothing changes. */
export async function recordCheck(
  tx: Tx,
  input: {
    readonly id: string;
    readonly drift: Drift | null;
    readonly lastError: ProblemCode | null;
  },
): Promise<void> {
  const seen = await tx.maybe<Compared & { readonly statusBefore: ResourceStatus }>(
    `with before as (
       select id, drift, status from tenant_resources where id = $1 and status <> 'left' for no key update
     )
     update tenant_resources as r set drift = $2, last_error = $3, checked_at = now(),
       status = case when $2::text is null and $3::text is null then 'ready'
         when r.status = 'pending' then 'pending' else 'error' end,
       updated_at = now()
     from before where r.id = before.id
     returning r.id, r.tenant_id as "tenantId", r.connector, r.drift, r.status, before.drift as "driftBefore",
       before.status as "statusBefore"`,
    [input.id, input.drift, input.lastError],
  );
  if (seen && (seen.drift !== seen.driftBefore || seen.status !== seen.statusBefore)) {
    await auditCompared(tx, seen);
  }
}

/** A resource after a comparison, and what it was before. */
interface Compared {
  readonly id: string;
  readonly tenantId: string;
  readonly connector: string;
  readonly drift: Drift | null;
  readonly status: ResourceStatus;
  readonly driftBefore: Drift | null;
}

// Only what differs from before: a resource that is as it was yesterday is no news.
async function auditCompared(tx: Tx, seen: Compared): Promise<void> {
  await audit.append(tx, {
    action: 'resource.compared',
    crud: 'u',
    actorId: 'system:workflow',
    tenantId: seen.tenantId,
    targets: [{ type: 'resource', id: seen.id, name: seen.connector }],
    metadata: { drift: seen.drift, drift_before: seen.driftBefore, status: seen.status },
    component: 'worker',
  });
}

/** Records that the backend could not be asked: what is known of the resource stays true until it can. */
export async function recordUnchecked(
  tx: Tx,
  input: { readonly id: string; readonly lastError: ProblemCode },
): Promise<void> {
  await tx.run(
    `update tenant_resources set last_error = $2, checked_at = now(), updated_at = now()
     where id = $1 and status <> 'left'`,
    [input.id, input.lastError],
  );
}

/** Writes a row for a connector that a tenant should have and has not, so that a repair can be ordered on it. */
export async function recordMissing(
  tx: Tx,
  input: { readonly tenantId: string; readonly connector: string },
): Promise<void> {
  const id = newId();
  const written = await tx.run(
    `insert into tenant_resources (id, tenant_id, connector, status, drift, checked_at)
     values ($1, $2, $3, 'pending', 'missing', now())
     on conflict (tenant_id, connector) where status <> 'left' do nothing`,
    [id, input.tenantId, input.connector],
  );
  if (written === 0) return;
  await auditCompared(tx, {
    ...input,
    id,
    drift: 'missing',
    driftBefore: null,
    status: 'pending',
  });
}

/** The current resources of a tenant, by connector. */
export async function currentResources(tx: Tx, tenantId: string): Promise<TenantResource[]> {
  return tx.rows<TenantResource>(
    `select ${columns} from tenant_resources where tenant_id = $1 and status <> 'left' order by connector`,
    [tenantId],
  );
}

/** A resource of a tenant, locked. */
export async function lockResource(tx: Tx, tenantId: string, id: string): Promise<TenantResource> {
  const resource = await tx.maybe<TenantResource>(
    `select ${columns} from tenant_resources where tenant_id = $1 and id = $2 for no key update`,
    [tenantId, id],
  );
  if (!resource) throw new DomainError('resource-not-found');
  return resource;
}

/** The resources of a tenant, newest first; those that were left only when asked for. */
export async function listResources(
  tx: Tx,
  tenantId: string,
  filter: { readonly left: boolean },
  keyset: Keyset,
): Promise<Page<TenantResource>> {
  const rows = await tx.rows<TenantResource & { position_at: string }>(
    `select ${columns}, ${positionOf('created_at')} from tenant_resources
     where tenant_id = $4 and ($5 or status <> 'left')
       and ($1::timestamptz is null or (created_at, id) < ($1::timestamptz, $2::uuid))
     order by created_at desc, id desc limit $3`,
    [...keysetParams(keyset), tenantId, filter.left],
  );
  return pageOf(rows, keyset, (row) => row.id);
}
