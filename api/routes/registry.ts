import type { TenantPatch, registryEndpoints } from '../../src/contracts/registry';
import { holds } from '../../src/domain/identity/callers';
import { createTenant } from '../../src/domain/tenants/create-tenant';
import { editTenant, ownFields } from '../../src/domain/tenants/edit-tenant';
import { findRecord } from '../../src/domain/tenants/tenants';
import type { TenantRecord } from '../../src/domain/tenants/tenants';
import { wakeLifecycle } from '../../src/domain/tenants/wake';
import { DomainError } from '../../src/errors/problems';
import type { Config } from '../../src/platform/config';
import { withOperator } from '../../src/platform/db';
import type { Tx } from '../../src/platform/db';
import type { Handlers } from '../endpoint';
import { requestSource } from '../middleware/authenticate';
import { once } from '../middleware/idempotency';
import { toTenant } from '../tenant-answer';
import { moveTenant } from '../tenant-moves';
import type { TenantMoveDeps } from '../tenant-moves';
import { inTenantScope, namedFor } from '../tenant-scope';

/** What the routes of the registry use. */
export interface RegistryRouteDeps extends TenantMoveDeps {
  readonly config: Pick<Config, 'TENANTS_REQUIRE_PARTNER'>;
}

/** The registry as services and portals call it. */
export function createRegistryRoutes(deps: RegistryRouteDeps): Handlers<typeof registryEndpoints> {
  const { db, config } = deps;
  return {
    async createTenant(call) {
      const { actorId } = call.caller;
      const { body } = call;
      return withOperator(db, actorId, (tx) =>
        once(call.idempotency, tx, async () => {
          const tenant = await createTenant(
            tx,
            'trial',
            {
              ...body,
              salesOwner: body.sales_owner,
              partnerId: body.partner_id,
              trialDays: body.trial_days,
              actorId,
              source: requestSource(call),
            },
            { partner: config.TENANTS_REQUIRE_PARTNER },
          );
          await deps.outbox.wake(tx, wakeLifecycle(tenant.id));
          return { status: 201 as const, body: toTenant(tenant), version: tenant.version };
        }),
      );
    },

    async getTenant({ caller, params }) {
      const act = { caller, permission: 'tenants:read', tenantId: params.id };
      const tenant = await inTenantScope(db, act, (tx) => readTenant(tx, params.id), {
        readOnly: true,
      });
      return { status: 200, body: toTenant(tenant), version: tenant.version };
    },

    async getTenantBySlug({ caller, params }) {
      const named = await namedFor(db, caller, 'tenants:read', params.slug);
      const act = { caller, permission: 'tenants:read', tenantId: named.id };
      const tenant = await inTenantScope(db, act, (tx) => readTenant(tx, named.id), {
        readOnly: true,
      });
      if (tenant.slug !== params.slug) {
        const location = `/v1/tenants/by-slug/${tenant.slug}`;
        return { status: 301, body: null, headers: { Location: location } };
      }
      return { status: 200, body: toTenant(tenant), version: tenant.version };
    },

    async updateTenant(call) {
      const { caller, params, body } = call;
      if (!holds(caller, 'tenants:write')) refuseOthers(body);
      const act = { caller, permission: 'tenants:write', tenantId: params.id };
      const tenant = await inTenantScope(db, act, async (tx) => {
        const edited = await editTenant(tx, {
          tenantId: params.id,
          changes: body,
          version: call.ifMatch,
          actorId: caller.actorId,
          source: requestSource(call),
        });
        if (body.trial_ends_at !== undefined) await deps.outbox.wake(tx, wakeLifecycle(params.id));
        return edited;
      });
      return { status: 200, body: toTenant(tenant), version: tenant.version };
    },

    activateTenant: (call) =>
      moveTenant(deps, call, { tenantId: call.params.id, action: 'activate' }),

    cancelTenant: (call) => moveTenant(deps, call, { tenantId: call.params.id, action: 'cancel' }),
  };
}

/** @throws DomainError `tenant-not-found` */
async function readTenant(tx: Tx, tenantId: string): Promise<TenantRecord> {
  const tenant = await findRecord(tx, tenantId);
  if (!tenant) throw new DomainError('tenant-not-found');
  return tenant;
}

// What a tenant's own people may not change is told by name, not left out silently.
function refuseOthers(patch: TenantPatch): void {
  const own: readonly string[] = ownFields;
  const other = Object.keys(patch).find((name) => !own.includes(name));
  if (other === undefined) return;
  throw new DomainError('forbidden', {
    detail: `Changing ${other} needs the permission tenants:write on the platform.`,
  });
}
