export { archiveAudit, planArchive, restoreArchive, runArchive } from './archive-audit';
export { onboardTenant } from './onboard-tenant';
export { productTrial } from './product-trial';
export { evaluateRollout, planReconciliation, reconcileTenant } from './reconcile-tenant';
export { lookAfterKeys, rotateApiKey } from './rotate-api-key';
export { rotateToken } from './rotate-token';
export { tenantLifecycle } from './tenant-lifecycle';
export { verifyAudit } from './verify-audit';
