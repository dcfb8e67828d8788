import { DomainError } from '../src/errors/problems';
import { holds } from '../src/domain/identity/callers';
import type { Caller } from '../src/domain/identity/callers';
import { mayInTenant, partnersWith } from '../src/domain/identity/permits.rules';
import { resolveSlug } from '../src/domain/tenants/slugs';
import { findTenant } from '../src/domain/tenants/tenants';
import { withOperator, withPartner, withSystem, withTenant } from '../src/platform/db';
import type { Database, TransactionOptions, Tx } from '../src/platform/db';
import { isUuid } from '../src/platform/ids';

/** What a caller wants to do, and in which tenant. */
export interface TenantAct {
  readonly caller: Caller;
  readonly permission: string;
  readonly tenantId: string;
}

const forbidden = (permission: string): DomainError =>
  new DomainError('forbidden', { detail: `This needs the permission ${permission}.` });

/**
 * Runs a transaction in the narrowest scope in which the caller holds the permission: over all tenants by a role on
 * the platform, in the one tenant by a role there, and for reading by a role in the tenant's partner. Row-level
 * security holds what the check lets through.
 * @throws DomainError `forbidden`, whether the tenant is there or not
 */
export async function inTenantScope<T>(
  db: Database,
  { caller, permission, tenantId }: TenantAct,
  fn: (tx: Tx) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  if (holds(caller, permission)) return withOperator(db, caller.actorId, fn, options);
  if (mayInTenant(caller, tenantId, permission)) return withTenant(db, tenantId, fn, options);
  if (options.readOnly) {
    for (const partnerId of partnersWith(caller, permission)) {
      const seen = await withPartner(
        db,
        partnerId,
        async (tx) => ((await findTenant(tx, tenantId)) ? { answer: await fn(tx) } : undefined),
        options,
      );
      if (seen) return seen.answer;
    }
  }
  throw forbidden(permission);
}

/** A tenant that somebody named, with the slug that it has now. */
export interface NamedTenant {
  readonly id: string;
  readonly slug: string;
}

/** The tenant of an id, a slug or a former slug; undefined when there is none. Tells nothing of it but that. */
export function nameTenant(db: Database, idOrSlug: string): Promise<NamedTenant | undefined> {
  const name = idOrSlug.toLowerCase();
  return withSystem(
    db,
    'identity',
    async (tx) => {
      if (isUuid(name)) {
        const tenant = await findTenant(tx, name);
        return tenant && { id: tenant.id, slug: tenant.slug };
      }
      const found = await resolveSlug(tx, name);
      return found && { id: found.tenantId, slug: found.current };
    },
    { readOnly: true },
  );
}

/**
 * The tenant that a path names, for a caller who holds the permission there.
 * @throws DomainError `forbidden` for who may not do this in the tenant, whether it is there or not; `tenant-not-found`
 */
export async function namedFor(
  db: Database,
  caller: Caller,
  permission: string,
  idOrSlug: string,
): Promise<NamedTenant> {
  const tenant = await nameTenant(db, idOrSlug);
  if (tenant) return tenant;
  throw holds(caller, permission) ? new DomainError('tenant-not-found') : forbidden(permission);
}
