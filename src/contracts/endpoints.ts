import type { EndpointContract } from './http';
import { identityEndpoints } from './identity';
import { onboardingEndpoints } from './onboarding';
import { rolloutEndpoints } from './rollout';
import { tenantResourceEndpoints } from './tenants';

/** Every endpoint of the API, by domain: what the router serves and /openapi.json describes. */
export const endpoints: readonly EndpointContract[] = [
  ...identityEndpoints,
  ...onboardingEndpoints,
  ...rolloutEndpoints,
  ...tenantResourceEndpoints,
];
