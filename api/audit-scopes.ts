import type { Caller } from '../src/domain/identity/callers';
import { holds } from '../src/domain/identity/callers';
import type { InScope } from '../src/domain/audit/freshness';
import { mayInTenant } from '../src/domain/identity/permits.rules';
import { DomainError } from '../src/errors/problems';
import { withOperator, withTenant } from '../src/platform/db';
import type { Database } from '../src/platform/db';

/** Which part of the log a caller may read. */
export interface AuditScope {
  /** The one tenant whose entries are seen; null for all entries. */
  readonly tenantId: string | null;
  readonly open: InScope;
}

/**
 * What a caller may read: everything, by a permission, or the entries of each tenant in which they have `audit:read`
 * by their role there.
 * @throws DomainError `forbidden` for who may read nothing
 */
export function auditScopes(
  db: Database,
  caller: Caller,
  permission: 'audit:read' | 'audit:export' = 'audit:read',
): AuditScope[] {
  const scopes = scopesOf(db, caller, permission);
  if (scopes.length === 0) throw new DomainError('forbidden');
  return scopes;
}

function scopesOf(db: Database, caller: Caller, permission: string): AuditScope[] {
  const { actorId } = caller;
  if (holds(caller, permission)) {
    return [{ tenantId: null, open: (fn) => withOperator(db, actorId, fn) }];
  }
  const held = caller.kind === 'user' ? caller.memberships : [];
  const tenantIds = held.flatMap(({ tenantId }) => tenantId ?? []);
  return [...new Set(tenantIds)]
    .filter((tenantId) => mayInTenant(caller, tenantId, 'audit:read'))
    .map((tenantId) => ({ tenantId, open: (fn) => withTenant(db, tenantId, fn) }));
}

/**
 * The one part of the log that a list is read from.
 * @throws DomainError `forbidden`, `validation-failed` for somebody of several tenants who names none of them
 */
export function onlyScope(scopes: readonly AuditScope[], wanted: string | undefined): AuditScope {
  const fitting = scopes.filter(
    ({ tenantId }) => tenantId === null || wanted === undefined || tenantId === wanted,
  );
  const [scope, other] = fitting;
  if (!scope) throw new DomainError('forbidden');
  if (other) {
    const message = 'is needed: you belong to several tenants';
    throw new DomainError('validation-failed', {
      errors: [{ pointer: '/query/tenant_id', message }],
    });
  }
  return scope;
}
