import type { z } from 'zod';
import type { Tenant as Answer } from '../src/contracts/registry';
import type { TenantRecord } from '../src/domain/tenants/tenants';

const timeOrNull = (time: Date | null): string | null => time?.toISOString() ?? null;

/** A tenant as answers show it. */
export function toTenant(tenant: TenantRecord): z.input<typeof Answer> {
  const { billing } = tenant;
  return {
    id: tenant.id,
    slug: tenant.slug,
    name: tenant.name,
    status: tenant.status,
    plan: tenant.plan,
    kind: tenant.kind as z.input<typeof Answer>['kind'],
    partner_id: tenant.partnerId,
    sales_owner: tenant.salesOwner,
    erp_customer_id: tenant.erpCustomerId,
    stripe_customer_id: tenant.stripeCustomerId,
    trial_ends_at: timeOrNull(tenant.trialEndsAt),
    contract_start: tenant.contractStart,
    contract_end: tenant.contractEnd,
    primary_domain: tenant.primaryDomain,
    seats: tenant.seats,
    billing: {
      company: billing.company ?? null,
      vat_id: billing.vat_id ?? null,
      email: billing.email ?? null,
      address: billing.address ?? null,
    },
    activated_at: timeOrNull(tenant.activatedAt),
    suspended: suspensionOf(tenant),
    frozen:
      tenant.frozenAt && tenant.frozenReason
        ? { at: tenant.frozenAt.toISOString(), reason: tenant.frozenReason }
        : null,
    archived_at: timeOrNull(tenant.archivedAt),
    deleted: deletionOf(tenant),
    purged_at: timeOrNull(tenant.purgedAt),
    version: tenant.version,
    created_at: tenant.createdAt.toISOString(),
    updated_at: tenant.updatedAt.toISOString(),
  };
}

function suspensionOf(tenant: TenantRecord): z.input<typeof Answer>['suspended'] {
  const { suspendedAt, suspendedBy, suspendedReason, formerStatus } = tenant;
  if (!suspendedAt || !formerStatus) return null;
  return {
    at: suspendedAt.toISOString(),
    by: suspendedBy ?? 'system:unknown',
    reason: suspendedReason ?? '',
    former_status: formerStatus,
  };
}

function deletionOf(tenant: TenantRecord): z.input<typeof Answer>['deleted'] {
  const { deletedAt, deletedBy, deletedReason, deletedFrom, purgeAt } = tenant;
  if (!deletedAt || !purgeAt) return null;
  return {
    at: deletedAt.toISOString(),
    by: deletedBy ?? 'system:unknown',
    reason: deletedReason,
    former_status: deletedFrom,
    purge_at: purgeAt.toISOString(),
  };
}
