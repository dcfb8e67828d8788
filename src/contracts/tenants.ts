import { z } from 'zod';
import { Id, ListQuery, Reason, Time, endpoint, listOf } from './http';

/** Input of the workflow `reconcileTenant`. */
export interface ReconcileTenantInput {
  readonly tenantId: string;
}

/** How a resource differs from what its tenant should have. */
export const Drift = z.enum(['missing', 'extra', 'changed']);
export type Drift = z.output<typeof Drift>;

/** Status of a resource; `left` ones stand outside and are not used any more. */
export const ResourceStatus = z.enum(['pending', 'ready', 'error', 'left']);
export type ResourceStatus = z.output<typeof ResourceStatus>;

/** What a tenant has at one backend. */
export const TenantResource = z
  .strictObject({
    id: Id,
    tenant_id: Id,
    connector: z.string(),
    external_id: z.string().nullable(),
    status: ResourceStatus,
    last_error: z
      .strictObject({ code: z.string(), title: z.string(), next: z.string() })
      .nullable(),
    drift: Drift.nullable(),
    job_id: Id.nullable().meta({ description: 'The onboarding that made it' }),
    checked_at: Time.nullable().meta({ description: 'When it was last compared with the backend' }),
    created_at: Time,
    updated_at: Time,
  })
  .meta({ id: 'TenantResource' });

/** Path parameter `{slug}`: a tenant's slug or its id. */
export const TenantParams = z.strictObject({ slug: z.string().min(1).max(100) });

/** Path parameters of one resource. */
export const TenantResourceParams = TenantParams.extend({ id: Id });

/** Filters of the list of resources. */
export const TenantResourceListQuery = ListQuery.extend({
  left: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .default(false)
    .meta({ description: 'true shows also those that were left behind' }),
});

/** A comparison was ordered. */
export const ReconcileQueued = z
  .strictObject({
    success: z.literal(true),
    tenant_id: Id,
    status: z.literal('queued'),
    workflow_id: z.string(),
  })
  .meta({ id: 'ReconcileQueued' });

/** Orders a repair. */
export const RepairRequest = z.strictObject({ reason: Reason }).meta({ id: 'RepairRequest' });

/** A repair was ordered, or done at once. */
export const RepairOrdered = z
  .strictObject({
    success: z.literal(true),
    resource_id: Id,
    tenant_id: Id,
    connector: z.string(),
    repair: z.enum(['provision', 'leave']).meta({
      description:
        '`provision` runs the steps of the connector again; `leave` marks what is not wanted any more',
    }),
    status: z.enum(['queued', 'done']),
    workflow_id: z.string().nullable(),
  })
  .meta({ id: 'RepairOrdered' });

/** What tenants have at their backends. */
export const tenantResourceEndpoints = [
  endpoint({
    operationId: 'listTenantResources',
    method: 'get',
    path: '/tenants/{slug}/resources',
    tag: 'tenants',
    summary: 'What a tenant has at each backend, and how that differs from what it should have',
    access: 'tenants:read',
    params: TenantParams,
    query: TenantResourceListQuery,
    responses: { 200: listOf(TenantResource) },
    problems: ['tenant-not-found', 'cursor-invalid'],
  }),
  endpoint({
    operationId: 'reconcileTenant',
    method: 'post',
    path: '/tenants/{slug}/reconcile',
    tag: 'tenants',
    summary: 'Compare wanted and actual resources now',
    access: 'tenants:reconcile',
    params: TenantParams,
    responses: { 202: ReconcileQueued },
    problems: ['tenant-not-found', 'tenant-not-open'],
  }),
  endpoint({
    operationId: 'repairTenantResource',
    method: 'post',
    path: '/tenants/{slug}/resources/{id}/repair',
    tag: 'tenants',
    summary: 'Order: bring a resource back to what it should be',
    access: 'tenants:reconcile',
    params: TenantResourceParams,
    body: RepairRequest,
    responses: { 202: RepairOrdered },
    problems: [
      'tenant-not-found',
      'tenant-not-open',
      'resource-not-found',
      'order-not-possible',
      'order-exists',
    ],
    idempotent: true,
  }),
] as const;
