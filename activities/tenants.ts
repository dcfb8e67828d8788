import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { runRepair, viewRepair } from '../src/domain/onboarding/call-repair';
import type { RepairView } from '../src/domain/onboarding/call-repair';
import type { OnboardingDeps } from '../src/domain/onboarding/deps';
import { evaluateGates } from '../src/domain/onboarding/gates';
import type { Evaluation } from '../src/domain/onboarding/gates';
import {
  lookUpResource,
  planComparison,
  planReconcile,
  recordComparison,
} from '../src/domain/onboarding/reconcile';
import type { Comparison } from '../src/domain/onboarding/reconcile';
import type { Sight } from '../src/domain/onboarding/reconcile.rules';
import type { Outbound } from '../src/platform/outbound';
import { beating } from './heartbeat';

/** Names a tenant. */
export interface TenantId {
  readonly tenantId: string;
}

/** Names one look-up of a resource. */
export interface LookUp {
  readonly resourceId: string;
  readonly onboardingId: string;
  readonly key: string;
}

/** What looks after tenants' resources and the roll-out; one side effect each, idempotent. */
export function createTenantActivities(deps: OnboardingDeps & { readonly outbound: Outbound }) {
  return {
    /** Wakes the workflows of tenants that are due to be compared; answers how many. */
    planReconcile: (): Promise<number> => planReconcile(deps),

    /** Compares the rows of a tenant with its blueprint; answers what has to be looked up. */
    planComparison: ({ tenantId }: TenantId): Promise<Comparison[]> =>
      planComparison(deps, tenantId),

    /** Looks one step of a resource up at its backend. */
    lookUpResource: (lookUp: LookUp): Promise<Sight> =>
      beating(async () => unlessLimited(await lookUpResource(deps, lookUp))),

    /** Records what the look-ups of a resource came to. */
    recordComparison: (seen: {
      readonly resourceId: string;
      readonly sights: readonly Sight[];
    }): Promise<void> => recordComparison(deps, seen.resourceId, seen.sights),

    /** Looks at the repairs of a tenant and says what is next. */
    openRepair: ({ tenantId }: TenantId): Promise<RepairView> => viewRepair(deps, tenantId),

    /** Makes the next call of a repair. */
    runRepair: ({ repairId }: { readonly repairId: string }): Promise<RepairView> =>
      beating(async () => unlessLimited(await runRepair(deps, repairId))),

    /** Judges the roll-out: a failing gate freezes its stage, held invites that it admits are opened. */
    evaluateGates: (): Promise<Evaluation> => evaluateGates(deps.db, deps),
  };
}

/** The activities of this file, as workflows see them. */
export type TenantActivities = ReturnType<typeof createTenantActivities>;

// A wait for the backend's rate is no attempt: Temporal calls again when the place in line is due.
function unlessLimited<T extends object>(run: T | { readonly limitedMs: number }): T {
  if (!('limitedMs' in run)) return run;
  throw ApplicationFailure.create({
    type: 'backend-rate-limited',
    message: 'Waits for its place in the line of the backend',
    nextRetryDelay: Math.max(1, Math.round(run.limitedMs)),
    category: ApplicationFailureCategory.BENIGN,
  });
}
