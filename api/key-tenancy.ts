import type { Caller } from '../src/domain/identity/callers';
import { belongsTo } from '../src/domain/identity/permits.rules';
import { tenantOfKey } from '../src/domain/api-keys/api-keys';
import { DomainError } from '../src/errors/problems';
import { withSystem } from '../src/platform/db';
import type { Database, TransactionOptions, Tx } from '../src/platform/db';
import { inTenantScope } from './tenant-scope';

/** A permission of the keys' surface. */
export type KeyPermission =
  'keys:create' | 'keys:read' | 'keys:write' | 'keys:rotate' | 'keys:revoke';

/**
 * Runs a transaction in the tenant of a key, in the narrowest scope in which the caller holds the permission. A key of
 * another tenant is not there for that tenant's people.
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
  const act = { caller, permission, tenantId };
  return inTenantScope(db, act, (tx) => work(tx, tenantId), options);
}

// Staff and machines know that a key is there and may lack a permission; a tenant's own people know their own only.
function isKnownTo(caller: Caller, tenantId: string): boolean {
  const isStaff =
    caller.kind === 'service' || (caller.kind === 'user' && caller.platformRoles.length > 0);
  return isStaff || belongsTo(caller, tenantId);
}
