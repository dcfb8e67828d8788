import { z } from 'zod';
import { AuditPage, AuditQuery } from './audit';
import { Id, ListQuery, Reason, Time, endpoint, listOf, text } from './http';
import { TenantRole } from './identity';
import { PlanName, Provisioning, Tenant, TenantKind, TenantPatch, TenantStatus } from './registry';
import { TenantParams } from './tenants';

const listed = {
  partner_slug: z.string().nullable(),
  provisioning: Provisioning,
  users: z.int().meta({ description: 'People with a role in it' }),
};

/** A tenant in the operators' list. */
export const ListedTenant = Tenant.extend(listed).meta({ id: 'ListedTenant' });

/** How far a purge has come. */
const Purge = z.strictObject({
  state: z.enum(['exporting', 'blocked', 'deleting', 'done']),
  problem: z
    .strictObject({ code: z.string(), title: z.string(), next: z.string() })
    .nullable()
    .meta({ description: 'Why the export failed the last time; nothing is deleted before it' }),
  next_try_at: Time.nullable(),
  export: z
    .strictObject({ at: Time, location: z.string(), sha256: z.string(), rows: z.int() })
    .nullable(),
  rows_deleted: z.int(),
});

/** A tenant as its page shows it. */
export const TenantDetail = Tenant.extend({ ...listed, purge: Purge.nullable() }).meta({
  id: 'TenantDetail',
});

/** Filters of the list of tenants. */
export const TenantListQuery = ListQuery.extend({
  status: TenantStatus.optional(),
  plan: PlanName.optional(),
  kind: TenantKind.optional(),
  partner: z.string().min(1).max(100).optional().meta({ description: 'Id or slug of a partner' }),
  provisioning: Provisioning.optional(),
  q: text(200)
    .optional()
    .meta({ description: 'Part of slug, name or domain, an id, or a reference of another system' }),
});

const TenantList = listOf(ListedTenant)
  .extend({
    counts: z
      .partialRecord(TenantStatus, z.int())
      .meta({ description: 'Tenants of this filter by status, whatever status it asks for' }),
  })
  .meta({ id: 'TenantList' });

/** Why something is done to a tenant. */
export const TenantMove = z.strictObject({ reason: Reason.optional() }).meta({ id: 'TenantMove' });

/** The same, where a reason is mandatory. */
export const ReasonedMove = z.strictObject({ reason: Reason }).meta({ id: 'ReasonedMove' });

const TenantUser = z
  .strictObject({
    user_id: Id,
    email: z.string(),
    name: z.string().nullable(),
    status: z.enum(['active', 'deactivated']),
    role: TenantRole,
    since: Time,
    last_seen_at: Time.nullable(),
  })
  .meta({ id: 'TenantUser' });

const move = <const Name extends string>(operationId: Name, path: string, summary: string) =>
  ({
    operationId,
    method: 'post',
    path,
    tag: 'tenants',
    summary,
    access: 'tenants:write',
    params: TenantParams,
    responses: { 200: Tenant },
    problems: ['tenant-not-found', 'invalid-transition'],
    idempotent: true,
    ifMatch: 'optional',
  }) as const;

/** The operators' surface of tenants; `{slug}` is a slug, a former slug or an id. */
export const tenantAdminEndpoints = [
  endpoint({
    operationId: 'listTenants',
    method: 'get',
    path: '/tenants',
    tag: 'tenants',
    summary: "Tenants with their status; a partner's people see the partner's",
    access: 'tenants:read',
    orSelf: true,
    query: TenantListQuery,
    responses: { 200: TenantList },
    problems: ['cursor-invalid'],
  }),
  endpoint({
    operationId: 'showTenant',
    method: 'get',
    path: '/tenants/{slug}',
    tag: 'tenants',
    summary: 'A tenant with what it has and how far a purge has come',
    access: 'tenants:read',
    orSelf: true,
    params: TenantParams,
    responses: { 200: TenantDetail, 301: null },
    problems: ['tenant-not-found'],
  }),
  endpoint({
    operationId: 'editTenant',
    method: 'patch',
    path: '/tenants/{slug}',
    tag: 'tenants',
    summary: 'Change a tenant',
    access: 'tenants:write',
    params: TenantParams,
    body: TenantPatch,
    responses: { 200: Tenant },
    problems: ['tenant-not-found', 'slug-taken', 'invalid-transition'],
    ifMatch: 'required',
  }),
  endpoint({
    operationId: 'deleteTenant',
    method: 'delete',
    path: '/tenants/{slug}',
    tag: 'tenants',
    summary: 'Delete a tenant; for 30 days it can be restored, then it is purged',
    access: 'tenants:write',
    params: TenantParams,
    body: TenantMove,
    responses: { 200: Tenant },
    problems: ['tenant-not-found', 'invalid-transition'],
    ifMatch: 'optional',
  }),
  endpoint({
    ...move(
      'suspendTenant',
      '/tenants/{slug}/suspend',
      'Close a tenant at once: keys, sessions, mails and onboardings; resume returns to what was',
    ),
    body: ReasonedMove,
  }),
  endpoint({
    ...move('resumeTenant', '/tenants/{slug}/resume', 'Lift a suspension, and nothing but it'),
    body: TenantMove,
  }),
  endpoint({
    ...move('archiveTenant', '/tenants/{slug}/archive', 'Archive a frozen tenant'),
    body: TenantMove,
  }),
  endpoint({
    ...move(
      'restoreTenant',
      '/tenants/{slug}/restore',
      'Make a frozen or archived tenant active, or a deleted one what it was',
    ),
    body: TenantMove,
  }),
  endpoint({
    operationId: 'purgeTenant',
    method: 'post',
    path: '/tenants/{slug}/purge',
    tag: 'tenants',
    summary:
      'Export a deleted tenant, then delete all it has for good; also tries a blocked purge again',
    access: 'tenants:purge',
    stepUp: true,
    params: TenantParams,
    body: ReasonedMove,
    responses: { 202: Tenant },
    problems: ['tenant-not-found', 'invalid-transition'],
    idempotent: true,
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'listTenantUsers',
    method: 'get',
    path: '/tenants/{slug}/users',
    tag: 'tenants',
    summary: 'The people of a tenant',
    access: 'users:read',
    orSelf: true,
    params: TenantParams,
    query: ListQuery,
    responses: { 200: listOf(TenantUser) },
    problems: ['tenant-not-found', 'cursor-invalid'],
  }),
  endpoint({
    operationId: 'listTenantAudit',
    method: 'get',
    path: '/tenants/{slug}/audit',
    tag: 'tenants',
    summary: 'What the audit log says of a tenant, newest first',
    access: 'audit:read',
    orSelf: true,
    params: TenantParams,
    query: AuditQuery.omit({ tenant_id: true }),
    responses: { 200: AuditPage },
    problems: ['tenant-not-found'],
  }),
] as const;
