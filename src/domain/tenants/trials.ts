import { DomainError } from '../../errors/problems';
import type { CatalogueRequest } from '../../contracts/catalogue';
import type { Config } from '../../platform/config';
import type { KeyRing } from '../../platform/crypto/sealing';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import type { Outbox, Wake } from '../../platform/outbox';
import { notWokenLately } from '../../platform/woken-lately';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from '../identity/callers';
import { expireEntitlement, lockEntitlement, writeEntitlement } from './entitlements';
import { emitEvent } from './events';
import { findProduct, requestableProduct } from './products';
import { writeToContacts, writeToOperators } from './tenant-mails';
import { findTenant, lockTenant } from './tenants';
import { openStatuses } from './tenants.rules';
import { extendsTrial, trialDue, trialView } from './trials.rules';
import type { TrialFacts, TrialView } from './trials.rules';

/** What trials of products use. */
export interface TrialDeps {
  readonly db: Database;
  readonly ring: KeyRing;
  readonly outbox: Outbox;
  readonly config: Pick<Config, 'OPERATORS_MAIL'>;
}

/** The wake-up of the workflow that follows a trial. */
export function wakeTrial(trialId: string): Wake {
  return {
    workflowType: 'productTrial',
    workflowId: `product-trial/${trialId}`,
    input: { trialId },
  };
}

/** Who asks for something from the catalogue. */
export interface Asker {
  readonly actorId: string;
  readonly source: RequestSource;
}

/** A trial that has begun. */
export interface BegunTrial {
  readonly id: string;
  readonly startedAt: Date;
  readonly expiresAt: Date;
}

/**
 * Begins the trial of a product: entitlement, trial, audit entry, event, a mail to the operators and a wake-up in one
 * transaction. Once per tenant and product.
 * @throws DomainError `tenant-not-found`, `tenant-not-open`, `product-not-found`, `already-entitled`, `trial-used`
 */
export async function beginTrial(
  tx: Tx,
  deps: Pick<TrialDeps, 'ring' | 'outbox' | 'config'>,
  wish: CatalogueRequest,
  by: Asker,
): Promise<BegunTrial> {
  const tenant = await lockTenant(tx, wish.tenant_id);
  if (!openStatuses.includes(tenant.status)) throw new DomainError('tenant-not-open');
  const product = await requestableProduct(tx, wish.product);
  const before = await lockEntitlement(tx, tenant.id, product.product);
  if (before?.status === 'active') throw new DomainError('already-entitled');
  const trial = await insertTrial(tx, { ...wish, actorId: by.actorId });
  if (!trial) throw new DomainError('trial-used');
  const { ends } = await tx.one<{ ends: Date }>(`select now() + $1 * interval '1 day' as ends`, [
    product.trialDays,
  ]);
  await writeEntitlement(
    tx,
    {
      tenantId: tenant.id,
      product: product.product,
      status: 'trial',
      limits: before?.limits ?? {},
      expiresAt: ends.toISOString(),
      source: 'trial',
    },
    before,
    by,
  );
  await audit.append(tx, {
    action: 'catalog.trial_requested',
    crud: 'c',
    actorId: by.actorId,
    tenantId: tenant.id,
    targets: [{ type: 'product', id: product.product, name: product.name }],
    metadata: { trial_id: trial.id, days: product.trialDays },
    sourceIp: by.source.ip,
    userAgent: by.source.userAgent,
  });
  await emitEvent(tx, {
    type: 'catalog.trial_started.v1',
    tenantId: tenant.id,
    data: { tenant_id: tenant.id, product: product.product, expires_at: ends.toISOString() },
  });
  await writeToOperators(tx, deps, tenant, 'catalog-request', {
    product: product.name,
    trial: true,
    note: wish.note ?? null,
    requested_at: trial.startedAt.toISOString(),
  });
  await deps.outbox.wake(tx, wakeTrial(trial.id));
  return { ...trial, expiresAt: ends };
}

function insertTrial(
  tx: Tx,
  trial: CatalogueRequest & { readonly actorId: string },
): Promise<{ id: string; startedAt: Date } | undefined> {
  return tx.maybe(
    `insert into product_trials (id, tenant_id, product, note, requested_by) values ($1, $2, $3, $4, $5)
     on conflict (tenant_id, product) do nothing returning id, started_at as "startedAt"`,
    [newId(), trial.tenant_id, trial.product, trial.note ?? null, trial.actorId],
  );
}

/** What an operator's change of an entitlement means for the trial of the product. */
export interface TrialChange {
  readonly tenantId: string;
  readonly product: string;
  readonly status: 'trial' | 'active' | 'expired';
  /** The end of the trial as it runs; null when none runs. */
  readonly runsUntil: Date | null;
  /** The end that it is given; null for none. */
  readonly end: string | null;
  readonly actorId: string;
}

/**
 * Brings the trial of a product in line with an entitlement that an operator sets: a later end, or any end once it is
 * over, extends it, once; any other status ends it. A trial that an operator begins is one as well.
 * @throws DomainError `trial-extended`
 */
export async function followEntitlement(
  tx: Tx,
  deps: Pick<TrialDeps, 'outbox'>,
  change: TrialChange,
): Promise<void> {
  const { tenantId, product, status } = change;
  const trial = await tx.maybe<{ id: string; extended_at: Date | null }>(
    'select id, extended_at from product_trials where tenant_id = $1 and product = $2 for no key update',
    [tenantId, product],
  );
  if (status !== 'trial') {
    if (!trial) return;
    await tx.run(
      `update product_trials set ended_at = now(), end_reason = $2 where id = $1 and ended_at is null`,
      [trial.id, status === 'active' ? 'granted' : 'withdrawn'],
    );
    return deps.outbox.wake(tx, wakeTrial(trial.id));
  }
  if (!trial) {
    const wish = { tenant_id: tenantId, product };
    const begun = await insertTrial(tx, { ...wish, actorId: change.actorId });
    return begun && deps.outbox.wake(tx, wakeTrial(begun.id));
  }
  const extended = change.end !== null && extendsTrial(change.runsUntil, new Date(change.end));
  if (extended && trial.extended_at !== null) throw new DomainError('trial-extended');
  await tx.run(
    `update product_trials set ended_at = null, end_reason = null,
       extended_at = case when $2 then now() else extended_at end where id = $1`,
    [trial.id, extended],
  );
  return deps.outbox.wake(tx, wakeTrial(trial.id));
}

interface TrialRow extends TrialFacts {
  readonly tenantId: string;
  readonly product: string;
}

/** A trial without a row: its tenant was purged, which nothing brings back. */
const gone: TrialView = { settled: true, waitMs: 0 };

/**
 * Looks at a trial: writes the warning three days before its end, and at its end ends the entitlement and says so.
 * Every wake-up and every timer comes here; twice does no harm. A trial whose row is gone is over.
 */
export function openTrial(deps: TrialDeps, trialId: string): Promise<TrialView> {
  return withSystem(deps.db, 'activity', async (tx) => {
    const found = await tx.maybe<{ tenant_id: string }>(
      'select tenant_id from product_trials where id = $1',
      [trialId],
    );
    if (!found) return gone;
    // The tenant first, as who changes an entitlement does; a purge that held it may have taken the row.
    await lockTenant(tx, found.tenant_id);
    const touched = await tx.run('update product_trials set driven_at = now() where id = $1', [
      trialId,
    ]);
    if (touched === 0) return gone;
    const trial = await readTrial(tx, trialId);
    const due = trialDue(trial);
    if (due === 'end') await endTrial(tx, deps, trialId, trial);
    if (due === 'warn') {
      await tellTrial(tx, deps, trial, 'trial-ending');
      await tx.run(
        `update product_trials as t set warned_for = e.expires_at from entitlements as e
         where e.tenant_id = t.tenant_id and e.product = t.product and t.id = $1`,
        [trialId],
      );
    }
    return trialView(due === 'nothing' ? trial : await readTrial(tx, trialId));
  });
}

function readTrial(tx: Tx, trialId: string): Promise<TrialRow> {
  return tx.one<TrialRow>(
    `select t.tenant_id as "tenantId", t.product, t.ended_at is not null as ended,
       coalesce(e.status, 'expired') as status,
       (extract(epoch from e.expires_at - now()) * 1000)::float8 as "endsInMs",
       (extract(epoch from e.expires_at - t.started_at) * 1000)::float8 as "lastsMs",
       coalesce(t.warned_for = e.expires_at, false) as warned
     from product_trials as t
       left join entitlements as e on e.tenant_id = t.tenant_id and e.product = t.product
     where t.id = $1`,
    [trialId],
  );
}

async function endTrial(tx: Tx, deps: TrialDeps, trialId: string, trial: TrialRow): Promise<void> {
  const entitlement = await lockEntitlement(tx, trial.tenantId, trial.product);
  if (trial.status === 'trial' && entitlement) {
    await tellTrial(tx, deps, trial, 'trial-ended');
    await expireEntitlement(tx, entitlement, {
      actorId: 'system:trial-end',
      component: 'worker',
    });
  }
  await tx.run(
    `update product_trials set ended_at = now(), end_reason = 'expired' where id = $1 and ended_at is null`,
    [trialId],
  );
}

async function tellTrial(
  tx: Tx,
  deps: Pick<TrialDeps, 'ring'>,
  trial: TrialRow,
  kind: 'trial-ending' | 'trial-ended',
): Promise<void> {
  const [tenant, product] = [
    await findTenant(tx, trial.tenantId),
    await findProduct(tx, trial.product),
  ];
  const entitlement = await lockEntitlement(tx, trial.tenantId, trial.product);
  if (!tenant || !entitlement?.expiresAt) return;
  await writeToContacts(tx, deps, tenant, kind, {
    product: product?.name ?? trial.product,
    product_id: trial.product,
    ends_at: entitlement.expiresAt.toISOString(),
  });
}

const batchSize = 200;

/** Wakes the workflows of trials that nobody has driven for so many hours; returns how many. */
export function wakeUndrivenTrials(
  deps: Pick<TrialDeps, 'db' | 'outbox'>,
  hours: number,
): Promise<number> {
  return withSystem(deps.db, 'reconciler', async (tx) => {
    const rows = await tx.rows<{ id: string }>(
      `select t.id from product_trials as t
       where ended_at is null and coalesce(driven_at, started_at) < now() - $1 * interval '1 hour'
         and ${notWokenLately(`'product-trial/' || t.id`)}
       order by driven_at nulls first limit $2`,
      [hours, batchSize],
    );
    for (const { id } of rows) await deps.outbox.wake(tx, wakeTrial(id));
    return rows.length;
  });
}

/** Wakes the workflow of every trial that runs, a batch at a time from an id on; null after the last batch. */
export async function wakeTrialsFrom(
  tx: Tx,
  deps: Pick<TrialDeps, 'outbox'>,
  from: string | null,
): Promise<string | null> {
  const rows = await tx.rows<{ id: string }>(
    `select id from product_trials where ended_at is null and ($1::uuid is null or id > $1) order by id limit $2`,
    [from, batchSize],
  );
  for (const { id } of rows) await deps.outbox.wake(tx, wakeTrial(id));
  return rows.length < batchSize ? null : (rows.at(-1)?.id ?? null);
}
