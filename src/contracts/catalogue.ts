import { z } from 'zod';
import { Id, IdParams, ListQuery, Reason, Time, endpoint, listOf, text } from './http';

/** Input of the workflow `productTrial`. */
export interface ProductTrialInput {
  readonly trialId: string;
}

/** What a product is called by programs. */
export const ProductName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9, dot, hyphen and underscore');

const productFields = {
  name: text(200),
  description: z.string().trim().max(2000).default(''),
  trial_days: z.int().min(1).max(365).default(14),
};

/** A product of the catalogue file. */
export const CatalogueEntry = z.strictObject({
  product: ProductName,
  ...productFields,
  requestable: z.boolean().default(true),
});
export type CatalogueEntry = z.output<typeof CatalogueEntry>;

/** The catalogue file. */
export const CatalogueFile = z.strictObject({ products: z.array(CatalogueEntry).max(1000) });

/** A product that can be requested. */
export const Product = z
  .strictObject({
    product: z.string(),
    name: z.string(),
    description: z.string(),
    trial_days: z.int(),
  })
  .meta({ id: 'Product' });

/** A product with what its editors see. */
export const EditedProduct = Product.extend({
  requestable: z.boolean(),
  version: z.int(),
  updated_at: Time,
}).meta({ id: 'EditedProduct' });

/** What a product is to be. */
export const ProductPut = z
  .strictObject({ ...productFields, requestable: z.boolean().default(true) })
  .meta({ id: 'ProductPut' });

/** Status of an entitlement; its end is true at read time too. */
export const EntitlementStatus = z.enum(['trial', 'active', 'expired']);
export type EntitlementStatus = z.output<typeof EntitlementStatus>;

const Limits = z.record(
  z.string().regex(/^[a-z][a-z0-9_]{0,39}$/),
  z.union([z.number(), z.boolean(), z.string().max(200)]),
);

/** What a tenant may use, how much of it, and until when. */
export const Entitlement = z
  .strictObject({
    tenant_id: Id,
    product: z.string(),
    status: EntitlementStatus,
    limits: Limits,
    expires_at: Time.nullable(),
    source: z.string().meta({ description: '`trial` or `manual`' }),
    version: z.int(),
    created_at: Time,
    updated_at: Time,
  })
  .meta({ id: 'Entitlement' });

/** What an entitlement is to be. */
export const EntitlementPut = z
  .strictObject({
    tenant_id: Id,
    product: ProductName,
    status: EntitlementStatus,
    limits: Limits.refine(
      (limits) => Object.keys(limits).length <= 50,
      'must be at most 50',
    ).default({}),
    expires_at: Time.nullable().optional().meta({
      description: 'A trial has one; a later one, or any once it is over, extends a trial, once',
    }),
  })
  .meta({ id: 'EntitlementPut' });
export type EntitlementPut = z.output<typeof EntitlementPut>;

/** A tenant's wish for a product. */
export const CatalogueRequest = z
  .strictObject({ tenant_id: Id, product: ProductName, note: text(1000).optional() })
  .meta({ id: 'CatalogueRequest' });
export type CatalogueRequest = z.output<typeof CatalogueRequest>;

/** A request for a product, and what became of it. */
export const ProductRequest = z
  .strictObject({
    id: Id,
    tenant_id: Id,
    tenant_slug: z.string(),
    product: z.string(),
    note: z.string().nullable(),
    status: z.enum(['open', 'granted', 'declined']),
    requested_by: z.string(),
    decided_by: z.string().nullable(),
    decided_reason: z.string().nullable(),
    created_at: Time,
    decided_at: Time.nullable(),
  })
  .meta({ id: 'ProductRequest' });

/** A trial of a product that has begun. */
export const ProductTrial = z
  .strictObject({
    id: Id,
    tenant_id: Id,
    product: z.string(),
    status: z.literal('trial'),
    started_at: Time,
    expires_at: Time,
  })
  .meta({ id: 'ProductTrial' });

const ProductParams = z.strictObject({ product: ProductName });

/** The catalogue, what tenants ask for from it, and what they may use. */
export const catalogueEndpoints = [
  endpoint({
    operationId: 'listEntitlements',
    method: 'get',
    path: '/v1/entitlements',
    tag: 'catalogue',
    summary: 'What a tenant may use',
    access: 'entitlements:read',
    orSelf: true,
    query: ListQuery.extend({ tenant_id: Id }),
    responses: { 200: listOf(Entitlement) },
    problems: ['tenant-not-found', 'cursor-invalid'],
  }),
  endpoint({
    operationId: 'putEntitlement',
    method: 'put',
    path: '/v1/entitlements',
    tag: 'catalogue',
    summary: 'Set what a tenant may use; grants an open request, extends a trial once',
    access: 'entitlements:write',
    body: EntitlementPut,
    responses: { 200: Entitlement },
    problems: ['tenant-not-found', 'tenant-not-open', 'product-not-found', 'trial-extended'],
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'listCatalogue',
    method: 'get',
    path: '/v1/catalog',
    tag: 'catalogue',
    summary: 'Products that can be requested',
    access: 'catalog:read',
    orSelf: true,
    query: ListQuery,
    responses: { 200: listOf(Product) },
    problems: ['cursor-invalid'],
  }),
  endpoint({
    operationId: 'putProduct',
    method: 'put',
    path: '/v1/catalog/{product}',
    tag: 'catalogue',
    summary: 'Add a product to the catalogue, or change it',
    access: 'catalog:write',
    params: ProductParams,
    body: ProductPut,
    responses: { 200: EditedProduct },
    problems: [],
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'requestProduct',
    method: 'post',
    path: '/v1/catalog/request',
    tag: 'catalogue',
    summary: 'Ask for a product; the operators are told',
    access: 'catalog:request',
    orSelf: true,
    body: CatalogueRequest,
    responses: { 201: ProductRequest },
    problems: [
      'tenant-not-found',
      'tenant-not-open',
      'product-not-found',
      'request-open',
      'already-entitled',
    ],
    idempotent: true,
  }),
  endpoint({
    operationId: 'requestTrial',
    method: 'post',
    path: '/v1/catalog/trial-request',
    tag: 'catalogue',
    summary: 'Begin a trial of a product; once per tenant and product',
    access: 'catalog:request',
    orSelf: true,
    body: CatalogueRequest,
    responses: { 201: ProductTrial },
    problems: [
      'tenant-not-found',
      'tenant-not-open',
      'product-not-found',
      'trial-used',
      'already-entitled',
    ],
    idempotent: true,
  }),
  endpoint({
    operationId: 'listProductRequests',
    method: 'get',
    path: '/v1/catalog/requests',
    tag: 'catalogue',
    summary: 'Requests for products, newest first',
    access: 'entitlements:read',
    query: ListQuery.extend({
      status: z.enum(['open', 'granted', 'declined']).optional(),
      tenant_id: Id.optional(),
    }),
    responses: { 200: listOf(ProductRequest) },
    problems: ['cursor-invalid'],
  }),
  endpoint({
    operationId: 'declineProductRequest',
    method: 'post',
    path: '/v1/catalog/requests/{id}/decline',
    tag: 'catalogue',
    summary: 'Decline a request, so that it may be made again',
    access: 'entitlements:write',
    params: IdParams,
    body: z.strictObject({ reason: Reason }).meta({ id: 'RequestDecline' }),
    responses: { 200: ProductRequest },
    problems: ['request-not-found', 'request-decided'],
    idempotent: true,
  }),
] as const;
