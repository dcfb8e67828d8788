import type { tenantResourceEndpoints } from '../../src/contracts/tenants';
import type { OnboardingDeps } from '../../src/domain/onboarding/deps';
import { orderReconcile, wakeReconcile } from '../../src/domain/onboarding/reconcile';
import { orderRepair } from '../../src/domain/onboarding/repairs';
import type { OrderedRepair } from '../../src/domain/onboarding/repairs';
import { listResources } from '../../src/domain/tenants/resources';
import type { TenantResource } from '../../src/domain/tenants/resources';
import { resolveSlug } from '../../src/domain/tenants/slugs';
import { findTenant } from '../../src/domain/tenants/tenants';
import type { Tenant } from '../../src/domain/tenants/tenants';
import { DomainError, problems } from '../../src/errors/problems';
import type { Cursors } from '../../src/platform/cursors';
import { withOperator } from '../../src/platform/db';
import type { Tx } from '../../src/platform/db';
import type { Handlers } from '../endpoint';
import { once } from '../middleware/idempotency';

/** What the routes of tenants' resources use. */
export type TenantResourceRouteDeps = Pick<OnboardingDeps, 'db' | 'outbox' | 'connectors'> & {
  readonly cursors: Cursors;
};

/** What tenants have at their backends: the list, a comparison on demand, a repair per row. */
export function createTenantResourceRoutes(
  deps: TenantResourceRouteDeps,
): Handlers<typeof tenantResourceEndpoints> {
  const { db, cursors } = deps;
  return {
    async listTenantResources({ caller, params, query }) {
      const { limit, cursor, ...filter } = query;
      const page = await withOperator(
        db,
        caller.actorId,
        async (tx) => {
          const { id } = await tenantOf(tx, params.slug);
          const scope = { ...filter, tenant: id };
          const keyset = cursors.open('tenant-resources', scope, { limit, cursor });
          const resources = await listResources(tx, id, filter, keyset);
          return cursors.answer('tenant-resources', scope, resources, toResource);
        },
        { readOnly: true },
      );
      return { status: 200, body: page };
    },

    async reconcileTenant({ caller, params, ip, userAgent }) {
      return withOperator(db, caller.actorId, async (tx) => {
        const tenant = await tenantOf(tx, params.slug);
        const { workflowId } = await orderReconcile(tx, deps, tenant, {
          actorId: caller.actorId,
          source: { ip, userAgent },
        });
        const body = { tenant_id: tenant.id, status: 'queued', workflow_id: workflowId } as const;
        return { status: 202, body: { success: true, ...body } };
      });
    },

    async repairTenantResource({ caller, params, body, idempotency, ip, userAgent }) {
      return withOperator(db, caller.actorId, (tx) =>
        once(idempotency, tx, async () => {
          const tenant = await tenantOf(tx, params.slug);
          const ordered = await orderRepair(tx, deps, {
            tenantId: tenant.id,
            resourceId: params.id,
            reason: body.reason,
            actorId: caller.actorId,
            source: { ip, userAgent },
          });
          return { status: 202, body: toOrdered(ordered) } as const;
        }),
      );
    },
  };
}

async function tenantOf(tx: Tx, idOrSlug: string): Promise<Tenant> {
  const name = idOrSlug.toLowerCase();
  const former = async (): Promise<Tenant | undefined> => {
    const found = await resolveSlug(tx, name);
    return found && findTenant(tx, found.tenantId);
  };
  const tenant = (await findTenant(tx, name)) ?? (await former());
  if (!tenant) throw new DomainError('tenant-not-found');
  return tenant;
}

function toResource(resource: TenantResource) {
  const code = resource.lastError;
  return {
    id: resource.id,
    tenant_id: resource.tenantId,
    connector: resource.connector,
    external_id: resource.externalId,
    status: resource.status,
    last_error:
      code === null ? null : { code, title: problems[code].title, next: problems[code].next },
    drift: resource.drift,
    job_id: resource.onboardingId,
    checked_at: resource.checkedAt?.toISOString() ?? null,
    created_at: resource.createdAt.toISOString(),
    updated_at: resource.updatedAt.toISOString(),
  };
}

function toOrdered({ resource, kind }: OrderedRepair) {
  return {
    success: true as const,
    resource_id: resource.id,
    tenant_id: resource.tenantId,
    connector: resource.connector,
    repair: kind,
    status: kind === 'leave' ? ('done' as const) : ('queued' as const),
    workflow_id: kind === 'leave' ? null : wakeReconcile(resource.tenantId).workflowId,
  };
}
