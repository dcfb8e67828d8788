import {
  condition,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { TenantActivities } from '../activities/tenants';
import type { ReconcileTenantInput } from '../src/contracts/tenants';
import type { Comparison } from '../src/domain/onboarding/reconcile';
import type { Sight } from '../src/domain/onboarding/reconcile.rules';
import { wakeUp } from './messages';

const retry = {
  initialInterval: '1 second',
  backoffCoefficient: 2,
  maximumInterval: '30 seconds',
} as const;

const rows = proxyLocalActivities<TenantActivities>({
  startToCloseTimeout: '30 seconds',
  localRetryThreshold: '20 seconds',
  retry,
});

const backend = (connector: string): Pick<TenantActivities, 'lookUpResource' | 'runRepair'> =>
  proxyActivities<TenantActivities>({
    taskQueue: `${workflowInfo().taskQueue}-${connector}`,
    startToCloseTimeout: '30 seconds',
    heartbeatTimeout: '8 seconds',
    retry,
  });

/**
 * Repairs what operators ordered to be repaired, then compares what a tenant has with what it should have. Id
 * `reconcile-tenant/<tenantId>`; a wake-up in the middle makes it look once more before it ends.
 */
export async function reconcileTenant({ tenantId }: ReconcileTenantInput): Promise<void> {
  let asked = 0;
  setHandler(wakeUp, () => {
    asked += 1;
  });
  const repair = async (): Promise<void> => {
    let next = await rows.openRepair({ tenantId });
    while (next.connector !== null && next.repairId !== null) {
      const before = asked;
      if (next.waitMs > 0) {
        await condition(() => asked !== before, next.waitMs);
        next = await rows.openRepair({ tenantId });
      } else next = await backend(next.connector).runRepair({ repairId: next.repairId });
    }
  };
  let seen: number;
  do {
    seen = asked;
    await repair();
    for (const comparison of await rows.planComparison({ tenantId })) await compare(comparison);
  } while (asked !== seen);
}

async function compare(comparison: Comparison): Promise<void> {
  const { resourceId, onboardingId, connector, keys } = comparison;
  const sights: Sight[] = [];
  for (const key of keys) {
    const sight = await backend(connector).lookUpResource({ resourceId, onboardingId, key });
    sights.push(sight);
    // What comes after a part that is not as it was says nothing more.
    if (sight.found !== 'landed') break;
  }
  await rows.recordComparison({ resourceId, sights });
}

/** Tick of the schedule `usher/<task queue>/reconcile-tenants`: wakes the tenants that are due, a hundred at a time. */
export async function planReconciliation(): Promise<void> {
  for (let batch = 0; batch < 100; batch += 1) {
    if ((await rows.planReconcile()) < 100) return;
    await sleep('1 minute');
  }
}

/** Tick of the schedule `usher/<task queue>/evaluate-gates`: judges the roll-out, opens held invites. */
export async function evaluateRollout(): Promise<void> {
  await rows.evaluateGates();
}
