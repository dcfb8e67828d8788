import type { TenantStatus } from '../../contracts/registry';
import type { ProblemCode } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import type { LifecycleFacts } from './lifecycle.rules';
import type { TenantExport } from './export-tenant';
import { statusOf } from './tenants';

/** Marks a tenant as driven: its workflow looks at it. */
export async function touchLifecycle(tx: Tx, tenantId: string): Promise<void> {
  await tx.run(
    `insert into tenant_lifecycles (tenant_id, driven_at) values ($1, now())
     on conflict (tenant_id) do update set driven_at = now()`,
    [tenantId],
  );
}

/** Reads what decides about a tenant that is touched and locked. */
export function readLifecycle(tx: Tx, tenantId: string): Promise<LifecycleFacts> {
  const inMs = (time: string): string => `(extract(epoch from ${time} - now()) * 1000)::float8`;
  return tx.one<LifecycleFacts>(
    `select ${statusOf('t')} as status, l.told_status as "toldStatus", t.frozen_reason as "frozenReason",
       ${inMs('t.trial_ends_at')} as "trialEndsInMs",
       (extract(epoch from t.trial_ends_at - t.created_at) * 1000)::float8 as "trialLastsMs",
       coalesce(l.trial_warned_for = t.trial_ends_at, false) as "trialWarned", ${inMs('t.purge_at')} as "purgeInMs",
       l.exported_at is not null as exported, ${inMs('l.export_next_at')} as "exportInMs",
       t.purged_at is not null as purged
     from tenants as t join tenant_lifecycles as l on l.tenant_id = t.id where t.id = $1`,
    [tenantId],
  );
}

/** Notes what a tenant's people were told. */
export async function noteTold(tx: Tx, tenantId: string, status: TenantStatus): Promise<void> {
  await tx.run('update tenant_lifecycles set told_status = $2 where tenant_id = $1', [
    tenantId,
    status,
  ]);
}

/** Notes that the end of a trial, as it stands, was warned of. */
export async function noteWarned(tx: Tx, tenantId: string): Promise<void> {
  await tx.run(
    `update tenant_lifecycles as l set trial_warned_for = t.trial_ends_at
     from tenants as t where t.id = l.tenant_id and l.tenant_id = $1`,
    [tenantId],
  );
}

/**
 * Notes where the export of a tenant lies; whether it was noted. Of two that ran at once the later snapshot counts,
 * whichever is noted last: its file is the one that is there.
 */
export async function noteExported(
  tx: Tx,
  tenantId: string,
  stored: TenantExport,
): Promise<boolean> {
  const noted = await tx.run(
    `update tenant_lifecycles set exported_at = $6, export_location = $2, export_bytes = $3, export_sha256 = $4,
       export_rows = $5, export_problem = null, export_next_at = null
     where tenant_id = $1 and coalesce(exported_at < $6, true)`,
    [tenantId, stored.location, stored.bytes, stored.sha256, stored.rows, stored.asOf],
  );
  return noted > 0;
}

/** Notes that an export failed; answers how often it has, or undefined when another one was stored meanwhile. */
export async function noteExportFailed(
  tx: Tx,
  tenantId: string,
  problem: ProblemCode,
): Promise<number | undefined> {
  const noted = await tx.maybe<{ failures: number }>(
    `update tenant_lifecycles set export_failures = export_failures + 1, export_problem = $2
     where tenant_id = $1 and exported_at is null returning export_failures as failures`,
    [tenantId, problem],
  );
  return noted?.failures;
}

/** Sets when a failed export is tried again; 0 minutes for at once. */
export async function scheduleExport(tx: Tx, tenantId: string, minutes: number): Promise<void> {
  await tx.run(
    `update tenant_lifecycles set export_next_at = now() + $2 * interval '1 minute'
     where tenant_id = $1 and exported_at is null`,
    [tenantId, minutes],
  );
}

/** Counts rows that a purge has deleted. */
export async function countPurged(tx: Tx, tenantId: string, rows: number): Promise<void> {
  await tx.run('update tenant_lifecycles set rows_purged = rows_purged + $2 where tenant_id = $1', [
    tenantId,
    rows,
  ]);
}

/** How far a purge has come, for those who watch it. */
export interface PurgeProgress {
  readonly exportFailures: number;
  readonly exportProblem: ProblemCode | null;
  readonly exportNextAt: Date | null;
  readonly exportedAt: Date | null;
  readonly exportLocation: string | null;
  readonly exportSha256: string | null;
  readonly exportRows: number | null;
  readonly rowsPurged: number;
}

/** Reads how far the purge of a tenant has come; undefined when its workflow never looked at it. */
export function purgeProgress(tx: Tx, tenantId: string): Promise<PurgeProgress | undefined> {
  return tx.maybe<PurgeProgress>(
    `select export_failures as "exportFailures", export_problem as "exportProblem", export_next_at as "exportNextAt",
       exported_at as "exportedAt", export_location as "exportLocation", export_sha256 as "exportSha256",
       export_rows as "exportRows", rows_purged as "rowsPurged"
     from tenant_lifecycles where tenant_id = $1`,
    [tenantId],
  );
}
