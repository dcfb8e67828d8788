import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import type { OnboardingDeps } from './deps';
import { endWait } from './onboardings';
import { openTenantStatuses, provisioningStates } from './onboarding.rules';
import { placeOrder } from './orders';
import { park } from './park';
import { parkStep } from './steps';
import { currentStep, isProvisioning } from './view.rules';
import type { OnboardingFacts } from './view.rules';
import { wakeOnboarding } from './wake';

/**
 * Parks an onboarding whose tenant is not open any more, also while it waits for its customer; a call that is under
 * way ends first. Answers whether anything changed.
 */
export async function parkWhereClosed(
  tx: Tx,
  deps: Pick<OnboardingDeps, 'ring' | 'config' | 'metrics'>,
  facts: OnboardingFacts,
): Promise<boolean> {
  if (openTenantStatuses.includes(facts.tenantStatus)) return false;
  if (!isProvisioning(facts.state) || facts.undoing || facts.waitingFor === 'order') return false;
  const step = currentStep(facts);
  if (step?.open) return false;
  if (facts.waitingFor === 'customer') await endWait(tx, facts.id);
  if (step) {
    const id = { onboardingId: facts.id, tenantId: facts.tenantId, key: step.key };
    await parkStep(tx, id, { inDoubt: step.inDoubt, refused: false });
  }
  await park(tx, deps, facts, { step: step?.key ?? 'activation', problem: 'tenant-suspended' });
  return true;
}

/** Has every onboarding of a tenant that is under way look at its tenant at once. */
export async function wakeOnboardingsOf(
  tx: Tx,
  deps: Pick<OnboardingDeps, 'outbox'>,
  tenantId: string,
): Promise<void> {
  const rows = await tx.rows<{ invite_id: string }>(
    'select invite_id from onboardings where tenant_id = $1 and state = any($2)',
    [tenantId, provisioningStates],
  );
  for (const { invite_id: inviteId } of rows) await deps.outbox.wake(tx, wakeOnboarding(inviteId));
}

/**
 * Orders a retry of every onboarding that is parked because its tenant was closed and that nobody has given an order;
 * for a tenant that is open again. Answers how many.
 */
export async function retryStopped(
  tx: Tx,
  deps: Pick<OnboardingDeps, 'outbox' | 'ring' | 'connectors'>,
  resumed: { readonly tenantId: string; readonly actorId: string },
): Promise<number> {
  const rows = await tx.rows<{ id: string }>(
    `select o.id from onboardings as o
     where o.tenant_id = $1 and o.state = 'failed' and o.problem = 'tenant-suspended' and o.waiting_for = 'order'
       and not o.undoing
       and not exists (select 1 from orders as r where r.onboarding_id = o.id and r.number = o.number)`,
    [resumed.tenantId],
  );
  for (const { id } of rows) {
    await placeOrder(tx, deps, {
      id: newId(),
      onboardingId: id,
      kind: 'retry',
      reason: 'The tenant is open again',
      actorId: resumed.actorId,
      permissions: new Set(['onboardings:retry']),
    });
  }
  return rows.length;
}
