import type { ProblemDefinition } from '../problems';

/** What can go wrong with tenants, their resources and partners. */
export const tenantProblems = {
  'tenant-not-found': {
    status: 404,
    title: 'Tenant not found',
    retryable: false,
    next: 'Check the id or the slug.',
  },
  'tenant-not-open': {
    status: 409,
    title: 'This tenant does not take new people at the moment',
    retryable: false,
    next: 'Resume or restore the tenant first.',
  },
  'tenant-suspended': {
    status: 409,
    title: 'The tenant is not open any more',
    retryable: false,
    next: 'Resume the tenant, then retry the step.',
  },
  'slug-taken': {
    status: 409,
    title: 'This slug is taken',
    retryable: false,
    next: 'Choose another slug.',
  },
  'invalid-transition': {
    status: 409,
    title: 'This is not possible in the current status',
    retryable: false,
    next: 'See `from` and `to`; bring it into a fitting status first.',
  },
  'partner-not-found': {
    status: 404,
    title: 'Partner not found',
    retryable: false,
    next: 'Check the id or slug, or create the partner first.',
  },
  'partner-required': {
    status: 422,
    title: 'A tenant needs a partner here',
    retryable: false,
    next: 'Name the partner in `partner_id`.',
  },
  'export-store-missing': {
    status: 503,
    title: 'There is no place for exports',
    retryable: true,
    next: 'Set TENANT_EXPORT_DIR to a directory that is backed up; the export is tried again by itself.',
  },
  'export-failed': {
    status: 503,
    title: 'The tenant could not be exported, so it is not purged',
    retryable: true,
    next: 'Look into the log of the worker; the export is tried again by itself, at once when the purge is ordered again.',
  },
  'resource-not-found': {
    status: 404,
    title: 'Tenant resource not found',
    retryable: false,
    next: 'Reconcile the tenant and look at its resources again.',
  },
} as const satisfies Record<string, ProblemDefinition>;
