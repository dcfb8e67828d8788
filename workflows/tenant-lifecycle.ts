import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { LifecycleActivities } from '../activities/lifecycle';
import type { TenantLifecycleInput, TenantStatus } from '../src/contracts/registry';
import { onWakeUp } from './lib/wake-up';

const retry = {
  initialInterval: '1 second',
  backoffCoefficient: 2,
  maximumInterval: '1 minute',
} as const;

const rows = proxyLocalActivities<LifecycleActivities>({
  startToCloseTimeout: '15 seconds',
  localRetryThreshold: '20 seconds',
  retry,
});

const work = proxyActivities<LifecycleActivities>({
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '10 seconds',
  retry,
});

/**
 * Follows a tenant through its statuses: warns before its trial ends and ends it, tells its people of every change,
 * waits out the grace of a deletion, exports before a purge and purges. Id `tenant-lifecycle/<tenantId>`; it ends when
 * time brings nothing more, and the next change of the tenant starts it again.
 */
export async function tenantLifecycle({ tenantId }: TenantLifecycleInput): Promise<TenantStatus> {
  const wakeUp = onWakeUp();
  let tenant = await rows.openLifecycle({ tenantId });
  while (!tenant.settled || wakeUp.isPending()) {
    if (tenant.next === 'export') tenant = await work.exportTenant({ tenantId });
    else if (tenant.next === 'purge') tenant = await work.purgeTenant({ tenantId });
    else {
      await wakeUp.orAfter(tenant.waitMs);
      tenant = await rows.openLifecycle({ tenantId });
    }
  }
  return tenant.status;
}
