import type { EndpointContract } from './http';
import { auditEndpoints } from './audit';
import { auditCheckpointEndpoints } from './audit-checkpoints';
import { holderEndpoints } from './holders';
import { identityEndpoints } from './identity';
import { inviteEndpoints } from './invites';
import { jobEndpoints } from './jobs';
import { orderEndpoints } from './orders';
import { provisioningEndpoints } from './provisioning';
import { rolloutEndpoints } from './rollout';
import { tenantResourceEndpoints } from './tenants';

/** Every endpoint of the API, by domain: what the router serves and /openapi.json describes. */
export const endpoints: readonly EndpointContract[] = [
  ...identityEndpoints,
  ...inviteEndpoints,
  ...holderEndpoints,
  ...provisioningEndpoints,
  ...jobEndpoints,
  ...orderEndpoints,
  ...rolloutEndpoints,
  ...tenantResourceEndpoints,
  ...auditEndpoints,
  ...auditCheckpointEndpoints,
];
