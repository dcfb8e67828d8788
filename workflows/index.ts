export { onboardTenant } from './onboard-tenant';
export { rotateToken } from './rotate-token';
