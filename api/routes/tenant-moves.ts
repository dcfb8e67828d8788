import type { tenantAdminEndpoints } from '../../src/contracts/tenant-admin';
import type { Caller } from '../../src/domain/identity/callers';
import { orderPurge } from '../../src/domain/tenants/order-purge';
import type { TenantAction } from '../../src/domain/tenants/tenants.rules';
import { wakeLifecycle } from '../../src/domain/tenants/wake';
import { withOperator } from '../../src/platform/db';
import type { Handlers } from '../endpoint';
import { requestSource } from '../middleware/authenticate';
import { once } from '../middleware/idempotency';
import { toTenant } from '../tenant-answer';
import { moveTenant } from '../tenant-moves';
import type { MoveCall, TenantMoveDeps } from '../tenant-moves';
import { namedFor } from '../tenant-scope';

type MoveEndpoint = Extract<
  (typeof tenantAdminEndpoints)[number],
  {
    operationId:
      | 'suspendTenant'
      | 'resumeTenant'
      | 'archiveTenant'
      | 'restoreTenant'
      | 'deleteTenant'
      | 'purgeTenant';
  }
>;

/** What operators do to a tenant as a whole. */
export function createTenantMoveRoutes(deps: TenantMoveDeps): Handlers<readonly MoveEndpoint[]> {
  const { db } = deps;
  const named = (caller: Caller, slug: string) => namedFor(db, caller, 'tenants:write', slug);
  const move =
    (action: TenantAction) =>
    async (
      call: MoveCall & {
        readonly params: { readonly slug: string };
        readonly body: { readonly reason?: string | undefined };
      },
    ) => {
      const { id } = await named(call.caller, call.params.slug);
      return moveTenant(deps, call, { tenantId: id, action, reason: call.body.reason });
    };
  return {
    suspendTenant: move('suspend'),
    resumeTenant: move('resume'),
    archiveTenant: move('archive'),
    restoreTenant: move('restore'),
    deleteTenant: move('delete'),

    async purgeTenant(call) {
      const { caller, params, body } = call;
      const { id } = await namedFor(db, caller, 'tenants:purge', params.slug);
      return withOperator(db, caller.actorId, (tx) =>
        once(call.idempotency, tx, async () => {
          const tenant = await orderPurge(tx, {
            tenantId: id,
            reason: body.reason,
            actorId: caller.actorId,
            version: call.ifMatch,
            source: requestSource(call),
          });
          await deps.outbox.wake(tx, wakeLifecycle(id));
          return { status: 202 as const, body: toTenant(tenant), version: tenant.version };
        }),
      );
    },
  };
}
