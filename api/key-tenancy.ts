import { holds } from '../src/domain/identity/callers';
import type { Caller } from '../src/domain/identity/callers';
import { belongsTo, mayInTenant } from '../src/domain/identity/permits.rules';
import { tenantOfKey } from '../src/domain/api-keys/api-keys';
import { DomainError } from '../src/errors/problems';
import { withOperator, withSystem, withTenant } from '../src/platform/db';
import type { Database, TransactionOptions, Tx } from '../src/platform/db';

/** A permission of the keys' surface. */
export type KeyPermission =
  'keys:create' | 'keys:read' | 'keys:write' | 'keys:rotate' | 'keys:revoke';

/**
 * Runs a transaction on the keys of one tenant: over all tenants for somebody with the platform permission, within
 * that tenant for one of its own people whose role has it. Of other tenants they learn nothing.
 * @throws DomainError `forbidden`, `tenant-not-found`
 */
export function inTenant<T>(
  db: Database,
  caller: Caller,
  tenantId: string,
  permission: KeyPermission,
  work: (tx: Tx) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  if (holds(caller, permission)) return withOperator(db, caller.actorId, work, options);
  if (mayInTenant(caller, tenantId, permission)) return withTenant(db, tenantId, work, options);
  throw isKnownTo(caller, tenantId)
    ? new DomainError('forbidden', { detail: `This needs the permission ${permission}.` })
    : new DomainError('tenant-not-found');
}

// Staff and machines know that the tenant is there and lack a permission; a tenant's own people know their own only.
function isKnownTo(caller: Caller, tenantId: string): boolean {
  const isStaff =
    caller.kind === 'service' || (caller.kind === 'user' && caller.platformRoles.length > 0);
  return isStaff || belongsTo(caller, tenantId);
}

/**
 * The same for the tenant of a key.
 * @throws DomainError `forbidden`, `api-key-not-found`
 */
export async function inTenantOfKey<T>(
  db: Database,
  caller: Caller,
  keyId: string,
  permission: KeyPermission,
  work: (tx: Tx, tenantId: string) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const tenantId = await withSystem(db, 'identity', (tx) => tenantOfKey(tx, keyId), {
    readOnly: true,
  });
  if (tenantId === undefined || !isKnownTo(caller, tenantId)) {
    throw new DomainError('api-key-not-found');
  }
  return inTenant(db, caller, tenantId, permission, (tx) => work(tx, tenantId), options);
}
