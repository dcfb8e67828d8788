import type { ProductTrialInput } from '../src/contracts/catalogue';
import { openLifecycle, runExport, runPurge } from '../src/domain/tenants/lifecycle';
import type { LifecycleDeps } from '../src/domain/tenants/lifecycle';
import type { LifecycleView } from '../src/domain/tenants/lifecycle.rules';
import { openTrial } from '../src/domain/tenants/trials';
import type { TrialDeps } from '../src/domain/tenants/trials';
import type { TrialView } from '../src/domain/tenants/trials.rules';
import { beating } from './heartbeat';
import type { TenantId } from './tenants';

/** The side effects of `tenantLifecycle` and `productTrial`, one each and idempotent. */
export function createLifecycleActivities(deps: LifecycleDeps & TrialDeps) {
  return {
    /** Looks at a tenant's rows, writes what mails are due, and says what is next. */
    openLifecycle: ({ tenantId }: TenantId): Promise<LifecycleView> =>
      openLifecycle(deps, tenantId),

    /** Stores all that belongs to a tenant before it is purged. */
    exportTenant: ({ tenantId }: TenantId): Promise<LifecycleView> =>
      beating(() => runExport(deps, tenantId)),

    /** Deletes the next of what belongs to a tenant; the last time leaves a tombstone. */
    purgeTenant: ({ tenantId }: TenantId): Promise<LifecycleView> =>
      beating(() => runPurge(deps, tenantId)),

    /** Looks at the trial of a product, warns of its end and ends it. */
    openTrial: ({ trialId }: ProductTrialInput): Promise<TrialView> => openTrial(deps, trialId),
  };
}

/** The activities of this file, as workflows see them. */
export type LifecycleActivities = ReturnType<typeof createLifecycleActivities>;
