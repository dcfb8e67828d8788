import { apiKeyEndpoints } from './api-key-endpoints';
import { catalogueEndpoints } from './catalogue';
import { eventEndpoints } from './events';
import type { EndpointContract } from './http';
import { auditEndpoints } from './audit';
import { auditArchiveEndpoints } from './audit-archive';
import { auditHoldEndpoints } from './audit-holds';
import { auditCheckpointEndpoints } from './audit-checkpoints';
import { auditErasureEndpoints } from './audit-erasures';
import { auditVerifyEndpoints } from './audit-verify';
import { holderEndpoints } from './holders';
import { identityEndpoints } from './identity';
import { inviteEndpoints } from './invites';
import { jobEndpoints } from './jobs';
import { keyRotationEndpoints } from './key-rotations';
import { orderEndpoints } from './orders';
import { provisioningEndpoints } from './provisioning';
import { registryEndpoints } from './registry';
import { rolloutEndpoints } from './rollout';
import { tenantAdminEndpoints } from './tenant-admin';
import { tenantResourceEndpoints } from './tenants';
import { verificationEndpoints } from './verification';
import { userEndpoints } from './users';

/** Every endpoint of the API, by domain: what the router serves and /openapi.json describes. */
export const endpoints: readonly EndpointContract[] = [
  ...identityEndpoints,
  ...inviteEndpoints,
  ...holderEndpoints,
  ...provisioningEndpoints,
  ...jobEndpoints,
  ...orderEndpoints,
  ...rolloutEndpoints,
  ...registryEndpoints,
  ...catalogueEndpoints,
  ...eventEndpoints,
  ...tenantAdminEndpoints,
  ...tenantResourceEndpoints,
  ...verificationEndpoints,
  ...apiKeyEndpoints,
  ...keyRotationEndpoints,
  ...userEndpoints,
  ...auditEndpoints,
  ...auditArchiveEndpoints,
  ...auditHoldEndpoints,
  ...auditCheckpointEndpoints,
  ...auditVerifyEndpoints,
  ...auditErasureEndpoints,
];
