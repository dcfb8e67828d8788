import { DomainError } from '../../errors/problems';
import type { ProblemCode } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { requestContext } from '../../platform/request-context';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from '../identity/callers';
import { leaveResource, lockResource } from '../tenants/resources';
import type { TenantResource } from '../tenants/resources';
import { lockTenant } from '../tenants/tenants';
import type { OnboardingDeps } from './deps';
import { wakeReconcile } from './reconcile';

/** An order to repair a resource, and how far it has come. */
export interface Repair {
  readonly id: string;
  readonly tenantId: string;
  readonly resourceId: string;
  readonly connector: string;
  readonly onboardingId: string;
  readonly state: 'open' | 'done' | 'failed';
  /** Index of the present step among those of the connector. */
  readonly atStep: number;
  /** The present step is looked up before it is called, where its connector declares how: it may stand. */
  readonly lookUp: boolean;
  /** Nobody knows whether the last call of the present step landed. */
  readonly inDoubt: boolean;
  readonly failures: number;
  readonly retryInMs: number;
  readonly extract: Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;
  readonly problem: ProblemCode | null;
}

/** What an order to repair comes to. */
export interface OrderedRepair {
  readonly resource: TenantResource;
  /** `leave` is done with the order itself; `provision` is carried out by the tenant's workflow. */
  readonly kind: 'provision' | 'leave';
  readonly repairId: string | null;
}

const columns = `id, tenant_id as "tenantId", resource_id as "resourceId", connector,
  onboarding_id as "onboardingId", state, at_step as "atStep", look_up as "lookUp", in_doubt as "inDoubt", failures, extract, problem,
  greatest(0, coalesce(extract(epoch from next_attempt_at - now()) * 1000, 0))::float8 as "retryInMs"`;

/** Who orders a repair, of what, and why. */
export interface RepairOrder {
  readonly tenantId: string;
  readonly resourceId: string;
  readonly reason: string;
  readonly actorId: string;
  readonly source: RequestSource;
}

/**
 * Orders to bring a resource back to what it should be: one that is missing, changed or in error is provisioned
 * again, one that is not wanted any more is marked as left.
 * @throws DomainError `tenant-not-open`, `resource-not-found`, `order-not-possible`, `order-exists`
 */
export async function orderRepair(
  tx: Tx,
  deps: Pick<OnboardingDeps, 'outbox' | 'connectors'>,
  order: RepairOrder,
): Promise<OrderedRepair> {
  const tenant = await lockTenant(tx, order.tenantId);
  if (!['trial', 'active'].includes(tenant.status)) {
    throw new DomainError('tenant-not-open', { extra: { tenant_status: tenant.status } });
  }
  const resource = await lockResource(tx, order.tenantId, order.resourceId);
  if (resource.drift === 'extra' && resource.status !== 'left') {
    await leaveResource(tx, { tenantId: resource.tenantId, connector: resource.connector });
    await auditRepair(tx, resource, 'left', order);
    return { resource, kind: 'leave', repairId: null };
  }
  const onboardingId = await repairableBy(tx, deps, resource);
  const id = newId();
  const inserted = await tx.run(
    `insert into resource_repairs
       (id, tenant_id, resource_id, connector, onboarding_id, reason, requested_by, request_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (resource_id) where state = 'open' do nothing`,
    [
      id,
      resource.tenantId,
      resource.id,
      resource.connector,
      onboardingId,
      order.reason,
      order.actorId,
      requestContext()?.requestId ?? null,
    ],
  );
  if (inserted === 0) throw new DomainError('order-exists');
  await auditRepair(tx, resource, 'repair_ordered', order);
  await deps.outbox.wake(tx, wakeReconcile(resource.tenantId));
  return { resource, kind: 'provision', repairId: id };
}

async function repairableBy(
  tx: Tx,
  deps: Pick<OnboardingDeps, 'connectors'>,
  resource: TenantResource,
): Promise<string> {
  const impossible = (detail: string) => new DomainError('order-not-possible', { detail });
  if (resource.status === 'left') throw impossible('This resource was left behind for good.');
  if (resource.status === 'ready' && resource.drift === null) {
    throw impossible(
      'Nothing is known to be wrong with this resource; reconcile the tenant first.',
    );
  }
  const active = await tx.maybe<{ id: string; blueprint: string }>(
    `select id, blueprint from onboardings
     where tenant_id = $1 and kind = 'provision' and state = 'active' order by activated_at desc limit 1`,
    [resource.tenantId],
  );
  const connectors = deps.connectors.blueprints.get(active?.blueprint ?? '')?.connectors ?? [];
  if (!active || !connectors.some(({ name }) => name === resource.connector)) {
    throw impossible('The tenant has no finished onboarding with this connector.');
  }
  return active.id;
}

/** The open repair of a tenant that was ordered first, locked and marked as driven. */
export async function lockOpenRepair(tx: Tx, tenantId: string): Promise<Repair | undefined> {
  const driven = await tx.maybe<{ id: string }>(
    `update resource_repairs set driven_at = now() where id = (
       select id from resource_repairs where tenant_id = $1 and state = 'open' order by created_at, id limit 1)
     returning id`,
    [tenantId],
  );
  return driven && lockRepair(tx, driven.id);
}

/** A repair by its id, locked; undefined once its tenant was purged. */
export async function lockRepair(tx: Tx, id: string): Promise<Repair | undefined> {
  return tx.maybe<Repair>(
    `select ${columns} from resource_repairs where id = $1 for no key update`,
    [id],
  );
}

/** One call of a repair; the answer is redacted before it comes here. */
export interface RepairAttempt {
  readonly part: string;
  readonly outcome: string;
  readonly http_status: number | null;
  readonly problem: string | null;
  readonly response: unknown;
}

/** Records before a call that nobody knows whether it lands, until its outcome is recorded. */
export async function doubtRepair(tx: Tx, id: string): Promise<void> {
  await tx.run('update resource_repairs set look_up = true, in_doubt = true where id = $1', [id]);
}

/** Records that the backend put the last call off: it did not land. */
export async function undoubtRepair(tx: Tx, id: string): Promise<void> {
  await tx.run('update resource_repairs set in_doubt = false where id = $1', [id]);
}

/** Records that the present step does not stand: it may be called. */
export async function clearRepair(tx: Tx, id: string, attempt: RepairAttempt): Promise<void> {
  await tx.run(
    `update resource_repairs set look_up = false, in_doubt = false, attempts = attempts || $2::jsonb
     where id = $1`,
    [id, JSON.stringify([attempt])],
  );
}

/** Moves a repair on to its next step, with what the present one left. */
export async function advanceRepair(
  tx: Tx,
  repair: Repair,
  step: string,
  extract: Readonly<Record<string, string | number | boolean>>,
  attempt: RepairAttempt,
): Promise<void> {
  await tx.run(
    `update resource_repairs set at_step = at_step + 1, look_up = true, in_doubt = false, failures = 0, next_attempt_at = null,
       extract = extract || $2::jsonb, attempts = attempts || $3::jsonb
     where id = $1`,
    [repair.id, JSON.stringify({ [step]: extract }), JSON.stringify([attempt])],
  );
  await audit.append(tx, {
    action: 'resource.repair_step_done',
    crud: 'u',
    actorId: 'system:workflow',
    tenantId: repair.tenantId,
    targets: [{ type: 'resource', id: repair.resourceId, name: repair.connector }],
    metadata: { repair_id: repair.id, step },
    component: 'worker',
  });
}

/** Notes a failed call that will be tried again. */
export async function delayRepair(
  tx: Tx,
  repair: Repair,
  delay: { readonly inMs: number; readonly inDoubt: boolean },
  attempt: RepairAttempt,
): Promise<void> {
  await tx.run(
    `update resource_repairs set failures = failures + 1, in_doubt = $4, attempts = attempts || $3::jsonb,
       next_attempt_at = now() + $2 * interval '1 millisecond'
     where id = $1`,
    [repair.id, delay.inMs, JSON.stringify([attempt]), delay.inDoubt],
  );
}

/** Ends a repair. */
export async function endRepair(
  tx: Tx,
  repair: Repair,
  problem: ProblemCode | null,
  attempt: RepairAttempt | null,
): Promise<void> {
  await tx.run(
    `update resource_repairs set state = $2, problem = $3, ended_at = now(), attempts = attempts || $4::jsonb
     where id = $1`,
    [
      repair.id,
      problem === null ? 'done' : 'failed',
      problem,
      JSON.stringify(attempt === null ? [] : [attempt]),
    ],
  );
  await audit.append(tx, {
    action: problem === null ? 'resource.repaired' : 'resource.repair_failed',
    crud: 'u',
    outcome: problem === null ? 'success' : 'failure',
    actorId: 'system:workflow',
    tenantId: repair.tenantId,
    targets: [{ type: 'resource', id: repair.resourceId, name: repair.connector }],
    metadata: { repair_id: repair.id, problem },
    component: 'worker',
  });
}

async function auditRepair(
  tx: Tx,
  resource: TenantResource,
  what: 'repair_ordered' | 'left',
  order: RepairOrder,
): Promise<void> {
  await audit.append(tx, {
    action: `resource.${what}`,
    crud: 'u',
    actorId: order.actorId,
    tenantId: resource.tenantId,
    targets: [{ type: 'resource', id: resource.id, name: resource.connector }],
    description: order.reason,
    metadata: { drift: resource.drift, status: resource.status },
    sourceIp: order.source.ip,
    userAgent: order.source.userAgent,
  });
}
