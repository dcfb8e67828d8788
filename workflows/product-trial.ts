import { proxyLocalActivities } from '@temporalio/workflow';
import type { LifecycleActivities } from '../activities/lifecycle';
import type { ProductTrialInput } from '../src/contracts/catalogue';
import { onWakeUp } from './lib/wake-up';

const rows = proxyLocalActivities<LifecycleActivities>({
  startToCloseTimeout: '15 seconds',
  localRetryThreshold: '20 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/**
 * Follows the trial of a product: a mail three days before its end, one at its end, which also ends the entitlement.
 * Id `product-trial/<trialId>`. The end itself is judged by whoever reads the entitlement; this one tells of it.
 */
export async function productTrial({ trialId }: ProductTrialInput): Promise<void> {
  const wakeUp = onWakeUp();
  let trial = await rows.openTrial({ trialId });
  while (!trial.settled || wakeUp.isPending()) {
    await wakeUp.orAfter(trial.waitMs);
    trial = await rows.openTrial({ trialId });
  }
}
