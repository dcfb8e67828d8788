import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from '../identity/callers';
import { emitEvent } from './events';
import { claimSlug, requireFreeWord, resolveSlug } from './slugs';
import { insertTenant } from './tenants';
import type { NewTenantRow, TenantRecord } from './tenants';

/** A tenant as somebody wants it. */
export interface NewTenant {
  readonly slug: string;
  readonly name?: string | undefined;
  readonly plan?: string | undefined;
  readonly kind?: string | undefined;
  readonly partnerId?: string | undefined;
  readonly salesOwner?: string | undefined;
  /** Days that a trial lasts; only for a tenant in status `trial`. */
  readonly trialDays?: number | undefined;
  readonly actorId: string;
  readonly source?: RequestSource;
}

/** What a deployment asks of every new tenant. */
export interface TenantDemands {
  /** Whether each needs a partner (`TENANTS_REQUIRE_PARTNER`). */
  readonly partner: boolean;
}

/**
 * Creates a tenant: `trial` where it is asked for by itself, `pending` where an invite brings it, which only an
 * onboarding moves to `active`.
 * @throws DomainError `slug-taken`, `partner-not-found`, `partner-required`
 */
export async function createTenant(
  tx: Tx,
  status: 'pending' | 'trial',
  wanted: NewTenant,
  demands: TenantDemands,
): Promise<TenantRecord> {
  requireFreeWord(wanted.slug);
  if (demands.partner && wanted.partnerId === undefined) throw new DomainError('partner-required');
  if (wanted.partnerId !== undefined) await requirePartner(tx, wanted.partnerId);
  const tenant = await enrol(tx, {
    id: newId(),
    slug: wanted.slug,
    name: wanted.name ?? wanted.slug,
    status,
    plan: wanted.plan ?? 'starter',
    kind: wanted.kind ?? 'customer',
    partnerId: wanted.partnerId ?? null,
    salesOwner: wanted.salesOwner,
    trialDays: status === 'trial' ? (wanted.trialDays ?? 14) : undefined,
  });
  if (!tenant) throw new DomainError('slug-taken', { extra: { slug: wanted.slug } });
  await tellCreated(tx, tenant, wanted.actorId, wanted.source);
  return tenant;
}

async function enrol(tx: Tx, row: NewTenantRow): Promise<TenantRecord | undefined> {
  const tenant = await insertTenant(tx, row);
  if (tenant) await claimSlug(tx, tenant.slug, tenant.id);
  return tenant;
}

async function tellCreated(
  tx: Tx,
  tenant: TenantRecord,
  actorId: string,
  source?: RequestSource,
): Promise<void> {
  await audit.append(tx, {
    action: 'tenant.created',
    crud: 'c',
    actorId,
    tenantId: tenant.id,
    partnerId: tenant.partnerId,
    targets: [{ type: 'tenant', id: tenant.id, name: tenant.slug }],
    metadata: { status: tenant.status, plan: tenant.plan, kind: tenant.kind },
    sourceIp: source?.ip ?? null,
    userAgent: source?.userAgent ?? null,
  });
  await emitEvent(tx, {
    type: 'tenant.created.v1',
    tenantId: tenant.id,
    data: { tenant_id: tenant.id, slug: tenant.slug, status: tenant.status, plan: tenant.plan },
  });
}

async function requirePartner(tx: Tx, partnerId: string): Promise<void> {
  const partner = await tx.maybe(`select 1 from partners where id = $1 and status = 'active'`, [
    partnerId,
  ]);
  if (!partner) throw new DomainError('partner-not-found');
}

/** The tenant that a registry holds in which nothing is configured. */
export const seededTenant = {
  id: '00000000-0000-0000-0000-000000000001',
  slug: 'acme',
  name: 'Acme',
} as const;

/** Brings the seeded tenant in, active and on plan starter; once, whatever became of it. */
export async function seedTenant(tx: Tx): Promise<void> {
  if (await resolveSlug(tx, seededTenant.slug)) return;
  const tenant = await enrol(tx, {
    ...seededTenant,
    status: 'active',
    plan: 'starter',
    kind: 'customer',
    partnerId: null,
  });
  if (tenant) await tellCreated(tx, tenant, 'system:boot');
}
