import type { EntitlementPut } from '../../contracts/catalogue';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { lockEntitlement, writeEntitlement } from './entitlements';
import type { Entitlement } from './entitlements';
import { grantRequest } from './product-requests';
import { findProduct } from './products';
import { lockTenant } from './tenants';
import { followEntitlement } from './trials';
import type { Asker, TrialDeps } from './trials';

/**
 * Sets what a tenant may use, as an operator wants it. Grants the open request for it, and brings the trial in line.
 * What stays the same keeps its version.
 * @throws DomainError `tenant-not-found`, `tenant-not-open`, `product-not-found`, `version-stale`,
 *   `validation-failed`, `trial-extended`
 */
export async function putEntitlement(
  tx: Tx,
  deps: Pick<TrialDeps, 'outbox'>,
  put: EntitlementPut,
  by: Asker & { readonly version: number | undefined },
): Promise<Entitlement> {
  const tenant = await lockTenant(tx, put.tenant_id);
  if (['deleted', 'purging'].includes(tenant.status)) throw new DomainError('tenant-not-open');
  if (!(await findProduct(tx, put.product))) throw new DomainError('product-not-found');
  const before = await lockEntitlement(tx, tenant.id, put.product);
  if (by.version !== undefined && by.version !== before?.version) {
    throw new DomainError('version-stale', {
      extra: before ? { current_etag: `"v${String(before.version)}"` } : {},
    });
  }
  const expiresAt = put.expires_at ? new Date(put.expires_at).toISOString() : null;
  if (before && isSame(before, put, expiresAt)) return before;
  await checkEnd(tx, put, expiresAt);
  await followEntitlement(tx, deps, {
    tenantId: tenant.id,
    product: put.product,
    status: put.status,
    runsUntil: before?.status === 'trial' ? before.expiresAt : null,
    end: expiresAt,
    actorId: by.actorId,
  });
  const { limits, product, status } = put;
  const wanted = {
    tenantId: tenant.id,
    product,
    status,
    limits,
    expiresAt,
    source: 'manual',
  } as const;
  const written = await writeEntitlement(tx, wanted, before, by);
  if (status !== 'expired') {
    await grantRequest(tx, { tenantId: tenant.id, product, actorId: by.actorId });
  }
  return written;
}

function isSame(before: Entitlement, put: EntitlementPut, expiresAt: string | null): boolean {
  const sorted = (limits: object): string =>
    JSON.stringify(Object.entries(limits).sort(([a], [b]) => (a < b ? -1 : 1)));
  return (
    before.status === put.status &&
    (before.expiresAt?.toISOString() ?? null) === expiresAt &&
    sorted(before.limits) === sorted(put.limits)
  );
}

async function checkEnd(tx: Tx, put: EntitlementPut, expiresAt: string | null): Promise<void> {
  const refuse = (message: string): never => {
    throw new DomainError('validation-failed', { errors: [{ pointer: '/expires_at', message }] });
  };
  if (put.status === 'trial' && expiresAt === null) refuse('must be given for a trial');
  if (put.status === 'expired' || expiresAt === null) return;
  const { ahead } = await tx.one<{ ahead: boolean }>('select $1::timestamptz > now() as ahead', [
    expiresAt,
  ]);
  if (!ahead) refuse('must be in the future');
}
