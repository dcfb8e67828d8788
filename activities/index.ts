import { createApiKeyActivities } from './api-keys';
import { createAuditActivities } from './audit';
import type { AuditActivityDeps } from './audit';
import { createArchiveActivities } from './archive';
import { createLifecycleActivities } from './lifecycle';
import { createOnboardingActivities } from './onboarding';
import { createTenantActivities } from './tenants';

type Parts = Parameters<typeof createOnboardingActivities>[0] &
  Parameters<typeof createLifecycleActivities>[0] &
  AuditActivityDeps & {
    readonly archive: Parameters<typeof createArchiveActivities>[0];
  };

/** All activities of the worker; a test rejects names that occur twice. */
export function createActivities(deps: Parts) {
  return {
    ...createOnboardingActivities(deps),
    ...createTenantActivities(deps),
    ...createLifecycleActivities(deps),
    ...createApiKeyActivities(deps),
    ...createAuditActivities(deps),
    ...createArchiveActivities(deps.archive),
  };
}

/** What workflows may call. */
export type Activities = ReturnType<typeof createActivities>;
