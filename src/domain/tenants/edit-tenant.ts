import type { TenantPatch } from '../../contracts/registry';
import { DomainError } from '../../errors/problems';
import type { FieldError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from '../identity/callers';
import { emitEvent } from './events';
import { claimSlug, requireFreeWord } from './slugs';
import { lockSettled } from './tenant-changes';
import { writeColumns } from './tenants';
import type { TenantBilling, TenantRecord } from './tenants';
import { aimOf } from './tenants.rules';

/** What a tenant's own people may change of it; the rest is its operator's. */
export const ownFields: readonly (keyof TenantPatch)[] = ['name', 'primary_domain', 'billing'];

/** A change of a tenant's fields. */
export interface TenantEdit {
  readonly tenantId: string;
  readonly changes: TenantPatch;
  readonly version: number | undefined;
  readonly actorId: string;
  readonly source: RequestSource;
}

/**
 * Changes fields of a tenant; a change that changes nothing leaves the version as it is.
 * @throws DomainError `tenant-not-found`, `version-stale`, `slug-taken`, `validation-failed`, `invalid-transition` for
 *   a tenant that is being purged and for the end of a trial that does not run
 */
export async function editTenant(tx: Tx, edit: TenantEdit): Promise<TenantRecord> {
  const tenant = await lockSettled(tx, edit.tenantId, edit.version);
  if (tenant.status === 'purging') {
    throw new DomainError('invalid-transition', { extra: { from: 'purging', to: 'purging' } });
  }
  const changes = changesOf(tenant, edit.changes);
  const names = Object.keys(changes);
  if (names.length === 0) return tenant;
  await check(tx, tenant, edit.changes, changes);
  const edited = await writeColumns(tx, tenant.id, {
    ...changes,
    ...('billing' in changes ? { billing: JSON.stringify(changes['billing']) } : {}),
  });
  await audit.append(tx, {
    action: 'tenant.updated',
    crud: 'u',
    actorId: edit.actorId,
    tenantId: tenant.id,
    partnerId: tenant.partnerId,
    targets: [{ type: 'tenant', id: tenant.id, name: edited.slug }],
    metadata: {
      fields: names.join(' '),
      ...('slug' in changes ? { old_slug: tenant.slug } : {}),
      ...('plan' in changes ? { old_plan: tenant.plan, plan: edited.plan } : {}),
    },
    sourceIp: edit.source.ip,
    userAgent: edit.source.userAgent,
  });
  await emitEvent(tx, {
    type: 'tenant.updated.v1',
    tenantId: tenant.id,
    data: { tenant_id: tenant.id, slug: edited.slug, fields: names },
  });
  return edited;
}

/** The fields whose value would be another one, as their columns hold it. */
function changesOf(tenant: TenantRecord, patch: TenantPatch): Record<string, unknown> {
  const billing = patch.billing && compact({ ...tenant.billing, ...given(patch.billing) });
  const trialEndsAt = patch.trial_ends_at && new Date(patch.trial_ends_at).toISOString();
  const now: Record<string, unknown> = {
    name: tenant.name,
    slug: tenant.slug,
    plan: tenant.plan,
    sales_owner: tenant.salesOwner,
    erp_customer_id: tenant.erpCustomerId,
    stripe_customer_id: tenant.stripeCustomerId,
    trial_ends_at: tenant.trialEndsAt?.toISOString() ?? null,
    contract_start: tenant.contractStart,
    contract_end: tenant.contractEnd,
    primary_domain: tenant.primaryDomain,
    seats: tenant.seats,
    billing: compact(tenant.billing),
  };
  const wanted: Record<string, unknown> = { ...patch, trial_ends_at: trialEndsAt, billing };
  return Object.fromEntries(
    Object.entries(wanted).filter(
      ([name, value]) => value !== undefined && !isSame(value, now[name]),
    ),
  );
}

const billingNames = ['company', 'vat_id', 'email', 'address'] as const;

function compact(billing: TenantBilling): Record<string, unknown> {
  return Object.fromEntries(
    billingNames.flatMap((name) => (billing[name] ? [[name, billing[name]]] : [])),
  );
}

function given(billing: NonNullable<TenantPatch['billing']>): TenantBilling {
  return Object.fromEntries(Object.entries(billing).filter(([, value]) => value !== undefined));
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

async function check(
  tx: Tx,
  tenant: TenantRecord,
  patch: TenantPatch,
  changes: Readonly<Record<string, unknown>>,
): Promise<void> {
  const errors: FieldError[] = [];
  const start = patch.contract_start === undefined ? tenant.contractStart : patch.contract_start;
  const end = patch.contract_end === undefined ? tenant.contractEnd : patch.contract_end;
  if (start !== null && end !== null && end < start) {
    errors.push({ pointer: '/contract_end', message: 'must not be before contract_start' });
  }
  if ('trial_ends_at' in changes) {
    if (tenant.status !== 'trial') {
      throw new DomainError('invalid-transition', {
        detail: 'Only a trial that runs has an end that can be moved.',
        extra: { from: tenant.status, to: aimOf(tenant, 'end-trial') },
      });
    }
    if (!(await isAhead(tx, changes['trial_ends_at']))) {
      errors.push({ pointer: '/trial_ends_at', message: 'must be in the future' });
    }
  }
  if (errors.length > 0) throw new DomainError('validation-failed', { errors });
  if (patch.slug !== undefined && 'slug' in changes) {
    requireFreeWord(patch.slug);
    await claimSlug(tx, patch.slug, tenant.id);
  }
}

async function isAhead(tx: Tx, time: unknown): Promise<boolean> {
  const { ahead } = await tx.one<{ ahead: boolean }>('select $1::timestamptz > now() as ahead', [
    time,
  ]);
  return ahead;
}
