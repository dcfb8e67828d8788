import { z } from 'zod';
import {
  Email,
  Flag,
  Id,
  IdParams,
  IdempotencyKey,
  ListQuery,
  Time,
  endpoint,
  keyed,
  listOf,
  text,
} from './http';
import { TenantRole } from './identity';
import { MarketplaceToken, SpreadsheetId } from './provisioning';
import { PlanName, Slug, TenantKind } from './registry';

/** Status of an invite; `expired` is true at read time too. */
export const InviteStatus = z.enum(['invited', 'accepted', 'expired', 'revoked', 'declined']);
export type InviteStatus = z.output<typeof InviteStatus>;

/** The languages of mails and pages. */
export const Locale = z.enum(['en', 'de', 'ru']);

const TenantDraft = z.strictObject({
  slug: Slug,
  name: text(200).optional(),
  plan: PlanName.optional(),
  kind: TenantKind.optional(),
  partner_id: Id.optional(),
});

const WorkspaceInput = z.strictObject({
  spreadsheet_id: SpreadsheetId,
  owner_email: Email.optional(),
});

const inviteFields = {
  email: Email,
  name: text(200).optional(),
  roles: z.array(TenantRole).length(1, 'must hold exactly one tenant role').default(['client']),
  tenant: TenantDraft.optional().meta({ description: 'A new tenant; without it one is made up' }),
  tenant_id: Id.optional().meta({ description: 'A tenant that exists' }),
  workspace: WorkspaceInput.optional(),
  wb_token: MarketplaceToken.optional(),
  locale: Locale.optional(),
  expires_in_hours: z.int().min(1).max(720).default(168),
  blueprint: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/)
    .optional(),
  on_conflict: z.enum(['fail', 'resend']).default('fail'),
};

const namesOneTenant = (body: { tenant?: unknown; tenant_id?: unknown }): boolean =>
  body.tenant === undefined || body.tenant_id === undefined;
const oneTenant = { error: 'give tenant or tenant_id, not both', path: ['tenant_id'] };
const notBoth = { not: { required: ['tenant', 'tenant_id'] } };

/** Invites one person, into a new tenant, a given one, or one that is made up for them. */
export const InviteCreate = z
  .strictObject({
    ...inviteFields,
    self_serve: z.boolean().default(false).meta({
      description: 'A visitor asked for it: accepting needs a captcha; only where switched on',
    }),
    ...keyed,
  })
  .refine(namesOneTenant, oneTenant)
  .meta({ id: 'InviteCreate', ...notBoth });
export type InviteCreate = z.output<typeof InviteCreate>;

/** One row of a bulk request. */
export const InviteRow = z.strictObject(inviteFields).refine(namesOneTenant, oneTenant);
export type InviteRow = z.output<typeof InviteRow>;

/** A created invite; its link is in this answer only. */
export const InviteCreated = z
  .strictObject({
    success: z.literal(true),
    invite_id: Id,
    client_id: Id,
    job_id: Id,
    activation_link: z.string().nullable().meta({ description: 'Shown this once' }),
    status: z.literal('invited'),
    expires_at: Time,
    held: z
      .boolean()
      .meta({ description: 'Waits for its roll-out stage; mail and expiry start then' }),
    secret_expired: z.boolean().optional(),
  })
  .meta({ id: 'InviteCreated' });

/** Most rows of one bulk request. */
export const mostBulkRows = 500;

/** Invites many people at once; rows are checked one by one. */
export const BulkInvite = z
  .strictObject({
    batch_id: IdempotencyKey.optional().meta({
      description:
        'Names the batch, so that a repetition makes no row twice; or Idempotency-Key. One is made up without',
    }),
    ...keyed,
    dry_run: z.boolean().default(false),
    rows: z
      .array(z.unknown())
      .min(1)
      .max(mostBulkRows)
      .meta({ description: 'Each like InviteCreate without idempotency_key' }),
  })
  .meta({ id: 'BulkInvite' });
export type BulkInvite = z.output<typeof BulkInvite>;

/** The same as CSV: a header line with the names of the columns, then a line per invite. */
export const BulkInviteCsv = z.string().meta({
  id: 'BulkInviteCsv',
  contentMediaType: 'text/csv',
  description: 'UTF-8 with a header line, cells by comma or semicolon (RFC 4180)',
});

/** Names a CSV batch, whose body has no place for it. */
export const BulkInviteQuery = z.strictObject({
  batch_id: IdempotencyKey.optional(),
  dry_run: Flag.optional(),
});

/** What came of each row of a bulk request. */
export const BulkInviteResult = z
  .strictObject({
    success: z.literal(true),
    batch_id: z.string(),
    dry_run: z.boolean(),
    created: z.int(),
    repeated: z.int(),
    failed: z.int(),
    rows: z.array(
      z.strictObject({
        row: z.int().meta({ description: 'From 1 on, without the header line of a CSV' }),
        status: z.enum(['created', 'repeated', 'valid', 'failed']),
        invite_id: Id.nullable(),
        client_id: Id.nullable(),
        code: z.string().nullable(),
        detail: z.string().nullable(),
        errors: z.array(z.strictObject({ pointer: z.string(), message: z.string() })),
      }),
    ),
  })
  .meta({ id: 'BulkInviteResult' });

/** An invite, as operators see it. */
export const Invite = z
  .strictObject({
    id: Id,
    email: z.string(),
    name: z.string().nullable(),
    role: z.string(),
    locale: z.string(),
    status: InviteStatus,
    tenant_id: Id,
    tenant_slug: z.string(),
    job_id: Id,
    invited_by: z.string(),
    expires_at: Time,
    accepted_at: Time.nullable(),
    opened_at: Time.nullable(),
    last_sent_at: Time.nullable(),
    resend_count: z.int(),
    held: z.boolean(),
    mail_status: z
      .string()
      .nullable()
      .meta({ description: 'Of the newest mail; uncertain and bounced need a look' }),
    created_at: Time,
    version: z.int(),
  })
  .meta({ id: 'Invite' });

/** Filters of the list of invites; all that are given must hold. */
export const InviteListQuery = ListQuery.extend({
  status: InviteStatus.optional(),
  state: InviteStatus.optional().meta({ description: 'The same as status' }),
  tenant: z.string().min(1).max(100).optional().meta({ description: 'Id or slug' }),
  inviter: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'Actor, or id of the person or service account' }),
  email: z.string().min(1).max(254).optional().meta({ description: 'Part of the address' }),
  expiring_before: Time.optional(),
  never_opened: Flag.optional(),
  bounced: Flag.optional(),
});

/** Renews a link; a body is not needed. */
export const ResendRequest = z.strictObject(keyed).meta({ id: 'ResendRequest' });

/** An invite whose link was renewed. */
export const InviteResent = z
  .strictObject({
    success: z.literal(true),
    invite_id: Id,
    status: z.literal('invited'),
    expires_at: Time,
    resend_count: z.int(),
    activation_link: z.string().nullable(),
    secret_expired: z.boolean().optional(),
  })
  .meta({ id: 'InviteResent' });

/** An invite that was revoked or declined. */
export const InviteClosed = z
  .strictObject({ success: z.literal(true), invite_id: Id, status: InviteStatus })
  .meta({ id: 'InviteClosed' });

/** Inviting people, and looking after the invites until they are accepted. */
export const inviteEndpoints = [
  endpoint({
    operationId: 'createInvite',
    method: 'post',
    path: '/onboarding/invites',
    tag: 'invites',
    summary: 'Invite somebody',
    access: 'invites:create',
    body: InviteCreate,
    responses: { 201: InviteCreated },
    problems: [
      'invite-exists',
      'already-member',
      'tenant-not-found',
      'tenant-not-open',
      'slug-taken',
      'partner-not-found',
      'partner-required',
      'blueprint-not-found',
      'resend-too-soon',
      'resend-limit-reached',
      'invite-held',
      'rate-limited',
    ],
    idempotent: true,
    once: ['activation_link'],
  }),
  endpoint({
    operationId: 'createInvites',
    method: 'post',
    path: '/onboarding/invites/bulk',
    tag: 'invites',
    summary: 'Invite up to 500 people, JSON or CSV; each row succeeds or fails for itself',
    access: 'invites:create',
    query: BulkInviteQuery,
    body: BulkInvite,
    csv: BulkInviteCsv,
    responses: { 200: BulkInviteResult },
    problems: ['rate-limited'],
    idempotent: true,
  }),
  endpoint({
    operationId: 'listInvites',
    method: 'get',
    path: '/onboarding/invites',
    tag: 'invites',
    summary: 'List invites, newest first',
    access: 'invites:read',
    query: InviteListQuery,
    responses: { 200: listOf(Invite) },
    problems: ['cursor-invalid'],
  }),
  endpoint({
    operationId: 'getInvite',
    method: 'get',
    path: '/onboarding/invites/{id}',
    tag: 'invites',
    summary: 'One invite',
    access: 'invites:read',
    params: IdParams,
    responses: { 200: Invite },
    problems: ['invite-not-found'],
  }),
  endpoint({
    operationId: 'resendInvite',
    method: 'post',
    path: '/onboarding/invites/{id}/resend',
    tag: 'invites',
    summary: 'Send a new link; the old one ends',
    access: 'invites:resend',
    params: IdParams,
    body: ResendRequest,
    responses: { 200: InviteResent },
    problems: [
      'invite-not-found',
      'invite-not-open',
      'invite-held',
      'resend-too-soon',
      'resend-limit-reached',
      'tenant-not-open',
      'invite-exists',
    ],
    idempotent: true,
    once: ['activation_link'],
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'revokeInvite',
    method: 'post',
    path: '/onboarding/invites/{id}/revoke',
    tag: 'invites',
    summary: 'Withdraw an open invite',
    access: 'invites:create',
    params: IdParams,
    responses: { 200: InviteClosed },
    problems: ['invite-not-found', 'invite-not-open'],
    ifMatch: 'optional',
  }),
] as const;
