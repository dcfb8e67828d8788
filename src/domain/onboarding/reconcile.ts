import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import type { Outbound } from '../../platform/outbound';
import type { Wake } from '../../platform/outbox';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from '../identity/callers';
import {
  currentResources,
  recordCheck,
  recordMissing,
  recordUnchecked,
} from '../tenants/resources';
import type { TenantResource } from '../tenants/resources';
import { statusOf } from '../tenants/tenants';
import type { Connector } from './connectors.rules';
import type { OnboardingDeps } from './deps';
import { readFacts } from './facts';
import { callPart, endTurn, openTokenFor, takeTurn } from './part-call';
import { conclude, sightOf } from './reconcile.rules';
import type { Sight } from './reconcile.rules';
import { contextOf } from './step-answer';
import { declaredStep } from './steps';

type Deps = Pick<OnboardingDeps, 'db' | 'ring' | 'connectors'> & { readonly outbound: Outbound };

/** Hours after which resources are compared again by schedule. */
export const reconcileHours = 24;

// Less than the hour between two ticks of the schedule, more than a workflow takes to begin.
const restMinutes = 30;

/** The wake-up of the workflow that compares and repairs what a tenant has. */
export function wakeReconcile(tenantId: string): Wake {
  return {
    workflowType: 'reconcileTenant',
    workflowId: `reconcile-tenant/${tenantId}`,
    input: { tenantId },
  };
}

/** One resource to be looked up at its backend: ids and names only. */
export interface Comparison {
  readonly resourceId: string;
  readonly onboardingId: string;
  readonly connector: string;
  /** Keys of the steps whose look-ups tell, in order. */
  readonly keys: readonly string[];
}

/** The onboarding that provisioned a tenant, and what it should have; undefined when its blueprint is not set up. */
interface Wanted {
  readonly onboardingId: string;
  readonly connectors: readonly Connector[] | undefined;
}

// While one is open its steps change what there is, so nothing can be compared.
const isSettled = (tenant: string): string => `not exists (
  select 1 from onboardings as open
  where open.tenant_id = ${tenant} and open.kind = 'provision'
    and open.state not in ('active', 'rolled_back', 'cancelled'))`;

/**
 * Compares the rows of a tenant with its blueprint: notes what is missing and what is not wanted any more, and
 * answers what has to be looked up. Nothing for a tenant that is not open, is being provisioned or never was.
 */
export async function planComparison(deps: Deps, tenantId: string): Promise<Comparison[]> {
  return withSystem(deps.db, 'activity', async (tx) => {
    const wanted = await wantedOf(tx, deps, tenantId);
    if (!wanted) return [];
    const rows = await currentResources(tx, tenantId);
    const { repairing, fresh } = await busyResources(tx, tenantId);
    const { connectors } = wanted;
    if (!connectors) {
      await noteNoBlueprint(
        tx,
        rows.filter(({ id }) => !repairing.has(id)),
      );
      return [];
    }
    const plan: Comparison[] = [];
    for (const connector of connectors) {
      const row = rows.find((one) => one.connector === connector.name);
      if (row && (repairing.has(row.id) || fresh.has(row.id))) continue;
      if (!row) await recordMissing(tx, { tenantId, connector: connector.name });
      else if (row.status === 'pending')
        await recordCheck(tx, { id: row.id, drift: 'missing', lastError: null });
      else plan.push(await comparisonOf(tx, row, connector, wanted.onboardingId));
    }
    const names = new Set(connectors.map(({ name }) => name));
    for (const row of rows.filter(({ connector }) => !names.has(connector))) {
      await recordCheck(tx, { id: row.id, drift: 'extra', lastError: null });
    }
    return plan;
  });
}

// Without a note the rows would stay due, and whoever looks at them would not learn why nobody compares them.
async function noteNoBlueprint(tx: Tx, rows: readonly TenantResource[]): Promise<void> {
  for (const { id } of rows) await recordUnchecked(tx, { id, lastError: 'blueprint-not-found' });
}

async function wantedOf(tx: Tx, deps: Deps, tenantId: string): Promise<Wanted | undefined> {
  const row = await tx.maybe<{ id: string; blueprint: string }>(
    `select o.id, o.blueprint from onboardings as o join tenants as t on t.id = o.tenant_id
     where o.tenant_id = $1 and o.kind = 'provision' and o.state = 'active' and ${statusOf('t')} in ('trial', 'active')
       and ${isSettled('$1')}
     order by o.activated_at desc limit 1`,
    [tenantId],
  );
  if (!row) return undefined;
  const blueprint = deps.connectors.blueprints.get(row.blueprint);
  return { onboardingId: row.id, connectors: blueprint?.connectors };
}

// What is being repaired is not judged, and what was looked at seconds ago not again: a wake-up may come twice.
async function busyResources(
  tx: Tx,
  tenantId: string,
): Promise<{ repairing: Set<string>; fresh: Set<string> }> {
  const rows = await tx.rows<{ id: string; repairing: boolean; fresh: boolean }>(
    `select r.id, coalesce(r.checked_at > now() - interval '5 seconds', false) as fresh,
       exists (select 1 from resource_repairs where resource_id = r.id and state = 'open') as repairing
     from tenant_resources as r where r.tenant_id = $1 and r.status <> 'left'`,
    [tenantId],
  );
  const idsOf = (which: 'repairing' | 'fresh'): Set<string> =>
    new Set(rows.filter((row) => row[which]).map(({ id }) => id));
  return { repairing: idsOf('repairing'), fresh: idsOf('fresh') };
}

async function comparisonOf(
  tx: Tx,
  row: TenantResource,
  connector: Connector,
  onboardingId: string,
): Promise<Comparison> {
  // A step that was skipped left nothing that could be looked up.
  const done = await tx.rows<{ key: string }>(
    `select key from onboarding_steps where onboarding_id = $1 and connector = $2 and status = 'done'`,
    [onboardingId, connector.name],
  );
  const keys = connector.steps
    .filter((step) => step.verify !== undefined)
    .map((step) => `${connector.name}.${step.name}`)
    .filter((key) => done.some((one) => one.key === key));
  return { resourceId: row.id, onboardingId, connector: connector.name, keys };
}

/** Looks one step of a resource up at its backend, or tells how long the backend's rate makes it wait. */
export async function lookUpResource(
  deps: Deps,
  {
    resourceId,
    onboardingId,
    key,
  }: Pick<Comparison, 'resourceId' | 'onboardingId'> & { key: string },
): Promise<Sight | { readonly limitedMs: number }> {
  const declared = declaredStep(deps.connectors, key);
  if (!declared?.step.verify || declared.connector.unset.length > 0) {
    return { found: 'unknown', problem: 'connector-not-found' };
  }
  const part = { declared, part: 'verify' } as const;
  const begun = await withSystem(deps.db, 'activity', async (tx) => {
    const turn = await takeTurn(tx, part, `reconcile/${resourceId}/${key}`);
    const facts = await readFacts(tx, onboardingId);
    return { turn, facts };
  });
  if ('limitedMs' in begun.turn) return begun.turn;
  const { facts, turn } = begun;
  const { name } = declared.step;
  const token = await openTokenFor(deps, part, facts.wbTokenSecretId, `reconcile ${key}`);
  const context = contextOf(facts, declared.connector.name, token);
  const answer = await callPart(deps.outbound, { ...part, context });
  const limitedMs = await withSystem(deps.db, 'activity', (tx) => endTurn(tx, turn.slot, answer));
  if (limitedMs !== undefined) return { limitedMs };
  return sightOf(answer.verdict, answer.httpStatus, context.extract[name] ?? {});
}

/** Records what the look-ups of a resource came to. A backend that could not be asked changes no verdict. */
export async function recordComparison(
  deps: Deps,
  resourceId: string,
  sights: readonly Sight[],
): Promise<void> {
  const conclusion = conclude(sights);
  await withSystem(deps.db, 'activity', (tx) =>
    conclusion.known
      ? recordCheck(tx, { id: resourceId, drift: conclusion.drift, lastError: conclusion.problem })
      : recordUnchecked(tx, { id: resourceId, lastError: conclusion.problem }),
  );
}

/**
 * Wakes the workflows of tenants whose resources were not compared for a day, or whose repair nobody has driven for
 * a quarter of an hour; returns how many. Its schedule calls it again for those beyond the limit. Those that were not
 * woken before come first, then those that wait longest: a tenant that stays due whatever is tried keeps nobody out.
 */
export async function planReconcile(
  deps: Pick<OnboardingDeps, 'db' | 'outbox'>,
  limit = 100,
): Promise<number> {
  return withSystem(deps.db, 'schedule', async (tx) => {
    const rows = await tx.rows<{ tenant_id: string }>(
      `with due as (
         select tenant_id, min(since) as since from (
           select r.tenant_id, coalesce(r.checked_at, r.created_at) as since from tenant_resources as r
           where r.status in ('ready', 'error') and ${isSettled('r.tenant_id')}
             and coalesce(r.checked_at, r.created_at) < now() - $1 * interval '1 hour'
           union all
           select p.tenant_id, coalesce(p.driven_at, p.created_at) from resource_repairs as p
           where p.state = 'open' and coalesce(p.driven_at, p.created_at) < now() - interval '15 minutes'
         ) as stale group by tenant_id)
       select t.id as tenant_id from due join tenants as t on t.id = due.tenant_id
       -- A wake-up is the note of a try; those that were delivered are kept for a day.
       cross join lateral (
         select max(w.created_at) as at,
           coalesce(bool_or(w.delivered_at is null and w.dead_at is null), false) as under_way
         from outbox as w where w.aggregate = 'reconcile-tenant/' || t.id) as tried
       where ${statusOf('t')} in ('trial', 'active')
         and exists (select 1 from onboardings as o
           where o.tenant_id = t.id and o.kind = 'provision' and o.state = 'active')
         and not tried.under_way and coalesce(tried.at < now() - $3 * interval '1 minute', true)
       order by tried.at nulls first, due.since, t.id limit $2`,
      [reconcileHours, limit, restMinutes],
    );
    for (const { tenant_id: tenantId } of rows) await deps.outbox.wake(tx, wakeReconcile(tenantId));
    return rows.length;
  });
}

/**
 * Orders a comparison now; the audit log tells who did.
 * @throws DomainError `tenant-not-open`
 */
export async function orderReconcile(
  tx: Tx,
  deps: Pick<OnboardingDeps, 'outbox'>,
  tenant: { readonly id: string; readonly status: string },
  by: { readonly actorId: string; readonly source: RequestSource },
): Promise<Wake> {
  if (!['trial', 'active'].includes(tenant.status)) {
    throw new DomainError('tenant-not-open', { extra: { tenant_status: tenant.status } });
  }
  const wake = wakeReconcile(tenant.id);
  await audit.append(tx, {
    action: 'resource.comparison_ordered',
    crud: 'r',
    actorId: by.actorId,
    tenantId: tenant.id,
    targets: [{ type: 'tenant', id: tenant.id }],
    sourceIp: by.source.ip,
    userAgent: by.source.userAgent,
  });
  await deps.outbox.wake(tx, wake);
  return wake;
}
