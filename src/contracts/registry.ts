import { z } from 'zod';
import { Email, Id, IdParams, Time, endpoint, text } from './http';

/** Input of the workflow `tenantLifecycle`. */
export interface TenantLifecycleInput {
  readonly tenantId: string;
}

/** Status of a tenant; the end of a trial is true at read time too. */
export const TenantStatus = z.enum([
  'pending',
  'trial',
  'active',
  'suspended',
  'frozen',
  'archived',
  'deleted',
  'purging',
]);
export type TenantStatus = z.output<typeof TenantStatus>;

/** A change that a tenant's people are told of, as it is for them. */
export type TenantNotice =
  | 'activated'
  | 'suspended'
  | 'resumed'
  | 'trial-ended'
  | 'cancelled'
  | 'archived'
  | 'deleted'
  | 'restored';

/** What a tenant is called in addresses: 3 to 40 of a-z, 0-9 and single inner hyphens. */
export const Slug = z
  .string()
  .min(3)
  .max(40)
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'must be 3 to 40 of a-z, 0-9 and single inner hyphens');

/** The name of a plan. */
export const PlanName = z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/, 'must be the name of a plan');

/** Whom a tenant is for; stages of the roll-out go by it. */
export const TenantKind = z.enum(['customer', 'internal', 'pilot']);

const Domain = z
  .string()
  .trim()
  .toLowerCase()
  .max(253)
  .regex(
    /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/,
    'must be a domain name such as example.com',
  );

const reference = z
  .string()
  .trim()
  .regex(/^[\x21-\x7e]{1,100}$/, 'must be 1 to 100 printable characters without spaces');

const Billing = z.strictObject({
  company: text(200).nullable().optional(),
  vat_id: reference.nullable().optional(),
  email: Email.nullable().optional(),
  address: text(500).nullable().optional(),
});

const Seats = z.int().min(1).max(1_000_000);

/** How far what a tenant has at its backends is: the worst of it. */
export const Provisioning = z.enum(['none', 'pending', 'ready', 'error']);
export type Provisioning = z.output<typeof Provisioning>;

/** A customer of Usher's operator. */
export const Tenant = z
  .strictObject({
    id: Id,
    slug: z.string(),
    name: z.string(),
    status: TenantStatus,
    plan: z.string(),
    kind: TenantKind,
    partner_id: Id.nullable(),
    sales_owner: z.string().nullable(),
    erp_customer_id: z.string().nullable(),
    stripe_customer_id: z.string().nullable(),
    trial_ends_at: Time.nullable(),
    contract_start: z.iso.date().nullable(),
    contract_end: z.iso.date().nullable(),
    primary_domain: z.string().nullable(),
    seats: z.int().nullable(),
    billing: z.strictObject({
      company: z.string().nullable(),
      vat_id: z.string().nullable(),
      email: z.string().nullable(),
      address: z.string().nullable(),
    }),
    activated_at: Time.nullable(),
    suspended: z
      .strictObject({ at: Time, by: z.string(), reason: z.string(), former_status: TenantStatus })
      .nullable(),
    frozen: z.strictObject({ at: Time, reason: z.enum(['cancelled', 'trial-ended']) }).nullable(),
    archived_at: Time.nullable(),
    deleted: z
      .strictObject({
        at: Time,
        by: z.string(),
        reason: z.string().nullable(),
        former_status: TenantStatus.nullable(),
        purge_at: Time.meta({ description: 'Until then it can be restored' }),
      })
      .nullable(),
    purged_at: Time.nullable(),
    version: z.int(),
    created_at: Time,
    updated_at: Time,
  })
  .meta({ id: 'Tenant' });

// Postgres has no year 0.
const Day = z.iso
  .date()
  .refine((day) => !day.startsWith('0000-'), { message: 'must be of the years 1 to 9999' });

/** A tenant to be created, in status `trial`. */
export const TenantCreate = z
  .strictObject({
    slug: Slug,
    name: text(200),
    plan: PlanName.default('starter'),
    kind: TenantKind.default('customer'),
    sales_owner: text(200).optional(),
    partner_id: Id.optional(),
    trial_days: z.int().min(1).max(365).default(14),
  })
  .meta({ id: 'TenantCreate' });
export type TenantCreate = z.output<typeof TenantCreate>;

/** Changes of a tenant; null empties a field, members of `billing` are changed one by one. */
export const TenantPatch = z
  .strictObject({
    name: text(200).optional(),
    slug: Slug.optional().meta({ description: 'The old one leads here and stays reserved' }),
    plan: PlanName.optional(),
    sales_owner: text(200).nullable().optional(),
    erp_customer_id: reference.nullable().optional(),
    stripe_customer_id: reference.nullable().optional(),
    trial_ends_at: Time.optional().meta({ description: 'Of a trial that runs; in the future' }),
    contract_start: Day.nullable().optional(),
    contract_end: Day.nullable().optional(),
    primary_domain: Domain.nullable().optional(),
    seats: Seats.nullable().optional(),
    billing: Billing.optional(),
  })
  .meta({ id: 'TenantPatch' });
export type TenantPatch = z.output<typeof TenantPatch>;

const SlugParams = z.strictObject({ slug: z.string().min(1).max(100) });

/** The registry as services and portals call it. */
export const registryEndpoints = [
  endpoint({
    operationId: 'createTenant',
    method: 'post',
    path: '/v1/tenants',
    tag: 'registry',
    summary: 'Create a tenant in status trial',
    access: 'tenants:create',
    body: TenantCreate,
    responses: { 201: Tenant },
    problems: ['slug-taken', 'partner-not-found', 'partner-required'],
    idempotent: true,
  }),
  endpoint({
    operationId: 'getTenant',
    method: 'get',
    path: '/v1/tenants/{id}',
    tag: 'registry',
    summary: 'A tenant',
    access: 'tenants:read',
    orSelf: true,
    params: IdParams,
    responses: { 200: Tenant },
    problems: ['tenant-not-found'],
  }),
  endpoint({
    operationId: 'getTenantBySlug',
    method: 'get',
    path: '/v1/tenants/by-slug/{slug}',
    tag: 'registry',
    summary: 'The tenant of a slug; an old slug leads to the new one',
    access: 'tenants:read',
    orSelf: true,
    params: SlugParams,
    responses: { 200: Tenant, 301: null },
    problems: ['tenant-not-found'],
  }),
  endpoint({
    operationId: 'updateTenant',
    method: 'patch',
    path: '/v1/tenants/{id}',
    tag: 'registry',
    summary: 'Change a tenant; its own people change name, primary_domain and billing',
    access: 'tenants:write',
    orSelf: true,
    params: IdParams,
    body: TenantPatch,
    responses: { 200: Tenant },
    problems: ['tenant-not-found', 'slug-taken', 'invalid-transition'],
    ifMatch: 'required',
  }),
  endpoint({
    operationId: 'activateTenant',
    method: 'post',
    path: '/v1/tenants/{id}/activate',
    tag: 'registry',
    summary: 'Make a trial an active tenant',
    access: 'tenants:write',
    params: IdParams,
    responses: { 200: Tenant },
    problems: ['tenant-not-found', 'invalid-transition'],
    idempotent: true,
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'cancelTenant',
    method: 'post',
    path: '/v1/tenants/{id}/cancel',
    tag: 'registry',
    summary: 'Freeze an active tenant: its data are kept, its keys are refused',
    access: 'tenants:write',
    params: IdParams,
    responses: { 200: Tenant },
    problems: ['tenant-not-found', 'invalid-transition'],
    idempotent: true,
    ifMatch: 'optional',
  }),
] as const;
