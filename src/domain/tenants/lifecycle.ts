import type { ProblemCode } from '../../errors/problems';
import { DomainError } from '../../errors/problems';
import type { Config } from '../../platform/config';
import type { KeyRing } from '../../platform/crypto/sealing';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import type { ExportStore } from '../../platform/export-store';
import { errorFields } from '../../platform/log';
import type { Log } from '../../platform/log';
import * as audit from '../audit/audit-entries';
import { emitEvent } from './events';
import { exportTenant } from './export-tenant';
import {
  countPurged,
  noteExportFailed,
  noteExported,
  noteTold,
  noteWarned,
  readLifecycle,
  scheduleExport,
  touchLifecycle,
} from './lifecycle-rows';
import { exportRetryMinutes, lifecycleView, noticeOf, trialWarningInMs } from './lifecycle.rules';
import type { LifecycleView } from './lifecycle.rules';
import { changeStatus, lockSettled } from './tenant-changes';
import { tellBlockedPurge, tellChange, warnOfTrialEnd } from './tenant-mails';
import { writeTombstone } from './tenants';
import type { TenantRecord } from './tenants';

/** What the way of a tenant through its statuses uses. */
export interface LifecycleDeps {
  readonly db: Database;
  readonly ring: KeyRing;
  readonly exports: ExportStore;
  readonly config: Pick<Config, 'OPERATORS_MAIL'>;
  readonly log: Log;
}

const worker = { actorId: 'system:lifecycle', component: 'worker' } as const;

/**
 * Looks at a tenant: ends a trial and a grace whose time is over, and writes the mails that tell of what happened.
 * Every wake-up and every timer comes here; twice does no harm.
 */
export function openLifecycle(deps: LifecycleDeps, tenantId: string): Promise<LifecycleView> {
  return withSystem(deps.db, 'activity', async (tx) => {
    const tenant = await lockSettled(tx, tenantId);
    await touchLifecycle(tx, tenantId);
    await endGrace(tx, tenant);
    await tell(tx, deps, tenantId);
    return lifecycleView(await readLifecycle(tx, tenantId));
  });
}

async function endGrace(tx: Tx, tenant: TenantRecord): Promise<void> {
  if (tenant.status !== 'deleted') return;
  const { purgeInMs } = await readLifecycle(tx, tenant.id);
  if (purgeInMs === null || purgeInMs > 0) return;
  const reason = 'The time to restore it is over';
  await changeStatus(tx, { tenantId: tenant.id, action: 'purge', reason, ...worker });
}

async function tell(tx: Tx, deps: LifecycleDeps, tenantId: string): Promise<void> {
  const facts = await readLifecycle(tx, tenantId);
  const change = noticeOf(facts);
  if (change !== undefined) await tellChange(tx, deps, tenantId, change);
  if (facts.status !== facts.toldStatus) await noteTold(tx, tenantId, facts.status);
  const warning = trialWarningInMs({
    endsInMs: facts.trialEndsInMs,
    lastsMs: facts.trialLastsMs,
    warned: facts.trialWarned,
  });
  if (facts.status === 'trial' && warning !== undefined && warning <= 0) {
    await warnOfTrialEnd(tx, deps, tenantId);
    await noteWarned(tx, tenantId);
  }
}

/** Exports a tenant that is being purged; one that fails blocks the purge, is told to the operators and repeated. */
export async function runExport(deps: LifecycleDeps, tenantId: string): Promise<LifecycleView> {
  const before = await view(deps, tenantId);
  if (before.next !== 'export') return before;
  try {
    const stored = await exportTenant(deps, tenantId);
    if (!stored) return await view(deps, tenantId);
    await withSystem(deps.db, 'activity', async (tx) => {
      const tenant = await lockSettled(tx, tenantId);
      if (!(await noteExported(tx, tenantId, stored))) return;
      await record(tx, tenant, 'exported', { rows: stored.rows, sha256: stored.sha256 });
    });
  } catch (error) {
    const problem: ProblemCode =
      error instanceof DomainError && error.code === 'export-store-missing'
        ? error.code
        : 'export-failed';
    deps.log.warn(
      { 'tenant.id': tenantId, ...errorFields(error) },
      'The export of a tenant failed; it is not purged',
    );
    await withSystem(deps.db, 'activity', async (tx) => {
      const tenant = await lockSettled(tx, tenantId);
      const failures = await noteExportFailed(tx, tenantId, problem);
      if (failures === undefined) return;
      await scheduleExport(tx, tenantId, exportRetryMinutes(failures));
      if (failures > 1) return;
      await record(tx, tenant, 'export_failed', { problem });
      await tellBlockedPurge(tx, deps, tenant, problem);
    });
  }
  return view(deps, tenantId);
}

/** Rows that one transaction of a purge deletes; few enough for its statement to end in time. */
const batch = 1000;

/** Milliseconds that one call goes on for; the workflow calls again. */
const stretchMs = 8_000;

/** Deletes what belongs to a tenant that was exported, batch by batch; at its end a tombstone is left. */
export async function runPurge(deps: LifecycleDeps, tenantId: string): Promise<LifecycleView> {
  const end = performance.now() + stretchMs;
  let now = await view(deps, tenantId);
  while (now.next === 'purge' && performance.now() < end) {
    await withSystem(deps.db, 'activity', (tx) => purgeBatch(tx, tenantId));
    now = await view(deps, tenantId);
  }
  return now;
}

async function purgeBatch(tx: Tx, tenantId: string): Promise<void> {
  const tenant = await lockSettled(tx, tenantId);
  if (tenant.purgedAt !== null) return;
  const { gone } = await tx.one<{ gone: number }>('select purge_tenant($1, $2) as gone', [
    tenantId,
    batch,
  ]);
  await countPurged(tx, tenantId, gone);
  if (gone > 0) return;
  await writeTombstone(tx, tenantId);
  await record(tx, tenant, 'purged', {});
  await emitEvent(tx, {
    type: 'tenant.purged.v1',
    tenantId,
    data: { tenant_id: tenantId, slug: tenant.slug },
  });
}

function view(deps: LifecycleDeps, tenantId: string): Promise<LifecycleView> {
  return withSystem(deps.db, 'activity', async (tx) =>
    lifecycleView(await readLifecycle(tx, tenantId)),
  );
}

async function record(
  tx: Tx,
  tenant: TenantRecord,
  what: 'exported' | 'export_failed' | 'purged',
  metadata: Readonly<Record<string, string | number>>,
): Promise<void> {
  await audit.append(tx, {
    action: `tenant.${what}`,
    crud: what === 'purged' ? 'd' : 'r',
    outcome: what === 'export_failed' ? 'failure' : 'success',
    tenantId: tenant.id,
    partnerId: tenant.partnerId,
    targets: [{ type: 'tenant', id: tenant.id, name: tenant.slug }],
    metadata,
    ...worker,
  });
}
