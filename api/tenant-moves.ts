import type { Caller } from '../src/domain/identity/callers';
import type { OnboardingDeps } from '../src/domain/onboarding/deps';
import { retryStopped, wakeOnboardingsOf } from '../src/domain/onboarding/tenant-stops';
import { endSessionsIn } from '../src/domain/tenants/members';
import { changeStatus } from '../src/domain/tenants/tenant-changes';
import type { ChangedTenant } from '../src/domain/tenants/tenant-changes';
import { openStatuses } from '../src/domain/tenants/tenants.rules';
import type { TenantAction } from '../src/domain/tenants/tenants.rules';
import { wakeLifecycle } from '../src/domain/tenants/wake';
import { openBarrier } from '../src/platform/barriers';
import type { Barrier } from '../src/platform/barriers';
import { withOperator } from '../src/platform/db';
import type { Tx } from '../src/platform/db';
import { requestSource } from './middleware/authenticate';
import { once } from './middleware/idempotency';
import type { Idempotency } from './middleware/idempotency';
import { toTenant } from './tenant-answer';

/** What moving a tenant uses. */
export type TenantMoveDeps = Pick<OnboardingDeps, 'db' | 'ring' | 'outbox' | 'connectors'>;

/** The request that moves a tenant. */
export interface MoveCall {
  readonly caller: Caller;
  readonly ip: string;
  readonly userAgent: string | null;
  readonly ifMatch: number | undefined;
  readonly idempotency: Idempotency | undefined;
}

/** Actions after whose answer no verification may still be good: each waits for the barrier, repeats included. */
const closing: readonly TenantAction[] = ['suspend', 'cancel', 'archive', 'delete'];

/**
 * Moves a tenant in one transaction with everything that hangs on its status, and answers once that holds everywhere.
 * @throws DomainError what `changeStatus` throws
 */
export async function moveTenant(
  deps: TenantMoveDeps,
  call: MoveCall,
  move: {
    readonly tenantId: string;
    readonly action: TenantAction;
    readonly reason?: string | undefined;
  },
) {
  const { actorId } = call.caller;
  let barrier: Barrier | undefined;
  const reply = await withOperator(deps.db, actorId, async (tx) => {
    if (closing.includes(move.action)) barrier = await openBarrier(tx);
    return once(call.idempotency, tx, async () => {
      const changed = await changeStatus(tx, {
        ...move,
        actorId,
        version: call.ifMatch,
        source: requestSource(call),
      });
      if (changed.changed) await follow(tx, deps, changed, actorId);
      const { tenant } = changed;
      return { status: 200 as const, body: toTenant(tenant), version: tenant.version };
    });
  });
  await barrier?.passed();
  return reply;
}

/** What a change of its status brings along: sessions and onboardings end or go on, and its workflow looks. */
async function follow(
  tx: Tx,
  deps: TenantMoveDeps,
  { tenant, from }: ChangedTenant,
  actorId: string,
): Promise<void> {
  const { id } = tenant;
  const [wasOpen, isOpen] = [openStatuses.includes(from), openStatuses.includes(tenant.status)];
  if (wasOpen && !isOpen) {
    if (tenant.status !== 'frozen') await endSessionsIn(tx, id);
    await wakeOnboardingsOf(tx, deps, id);
  }
  if (isOpen && !wasOpen) await retryStopped(tx, deps, { tenantId: id, actorId });
  await deps.outbox.wake(tx, wakeLifecycle(id));
}
