import { createApiKeyActivities } from './api-keys';
import { createOnboardingActivities } from './onboarding';
import { createTenantActivities } from './tenants';

type OnboardingParts = Parameters<typeof createOnboardingActivities>[0];

/** All activities of the worker; a test rejects names that occur twice. */
export function createActivities(deps: OnboardingParts) {
  return {
    ...createOnboardingActivities(deps),
    ...createTenantActivities(deps),
    ...createApiKeyActivities(deps),
  };
}

/** What workflows may call. */
export type Activities = ReturnType<typeof createActivities>;
