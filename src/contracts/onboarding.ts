import { z } from 'zod';
import { Email, Id, IdParams, ListQuery, Reason, Time, endpoint, listOf, text } from './http';
import { TenantRole } from './identity';

/** States of an onboarding; `active, revoked, declined, rolled_back, cancelled` are final. */
export const OnboardingState = z.enum([
  'invited',
  'email_confirmed',
  'workspace_registered',
  'token_added',
  'validated',
  'active',
  'failed',
  'expired',
  'revoked',
  'declined',
  'rolled_back',
  'cancelled',
]);
export type OnboardingState = z.output<typeof OnboardingState>;

/** Status of an invite; `expired` is true at read time too. */
export const InviteStatus = z.enum(['invited', 'accepted', 'expired', 'revoked', 'declined']);
export type InviteStatus = z.output<typeof InviteStatus>;

/** Whether an onboarding provisions its tenant or only adds a member to it. */
export const OnboardingKind = z.enum(['provision', 'member']);
export type OnboardingKind = z.output<typeof OnboardingKind>;

/** What an operator tells a parked or waiting onboarding. */
export const OrderKind = z.enum(['retry', 'fix', 'skip', 'rollback', 'cancel']);
export type OrderKind = z.output<typeof OrderKind>;

/** Input of the workflow `onboardTenant`: an id and durations in milliseconds, nothing personal. */
export interface OnboardTenantInput {
  readonly inviteId: string;
}

/** Input of the workflow `rotateToken`. */
export interface RotateTokenInput {
  readonly rotationId: string;
}

const slug = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$/, 'must be 3 to 40 of a-z, 0-9 and inner hyphens')
  .refine((value) => !value.includes('--') && !value.startsWith('xn--'), {
    error: 'must not contain two hyphens in a row',
  });

/** A spreadsheet id, as the spreadsheet backend accepts it. */
export const SpreadsheetId = z
  .string()
  .trim()
  .regex(/^[A-Za-z0-9_-]{5,128}$/, 'must be 5 to 128 letters, digits, _ or -');

/** A marketplace token (a JWT), opaque to the API. */
export const MarketplaceToken = z
  .string()
  .trim()
  .min(10)
  .max(8192)
  .regex(/^[\x21-\x7e]+$/, 'must be printable characters without spaces');

const IdempotencyKey = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[\x21-\x7e]+$/, 'must be printable characters without spaces');

/** Key of a step, `<connector>.<step>`. */
export const StepKey = z.string().regex(/^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*$/);

export const Locale = z.enum(['en', 'de', 'ru']);
export type Locale = z.output<typeof Locale>;

const TenantDraft = z.strictObject({
  slug,
  name: text(200).optional(),
  plan: z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,39}$/)
    .optional(),
  kind: z.enum(['customer', 'internal', 'pilot']).optional(),
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
  tenant: TenantDraft.optional(),
  tenant_id: Id.optional(),
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

const oneTenant = {
  error: 'give tenant or tenant_id, not both',
  path: ['tenant_id'],
};

export const InviteCreate = z
  .strictObject({ ...inviteFields, idempotency_key: IdempotencyKey.optional() })
  .refine((body) => body.tenant === undefined || body.tenant_id === undefined, oneTenant)
  .meta({ id: 'InviteCreate' });
export type InviteCreate = z.output<typeof InviteCreate>;

/** One row of a bulk request. */
export const InviteRow = z
  .strictObject(inviteFields)
  .refine((body) => body.tenant === undefined || body.tenant_id === undefined, oneTenant);
export type InviteRow = z.output<typeof InviteRow>;

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

export const BulkInvite = z
  .strictObject({
    batch_id: IdempotencyKey,
    dry_run: z.boolean().default(false),
    rows: z
      .array(z.unknown())
      .min(1)
      .max(500)
      .meta({ description: 'Each like InviteCreate without idempotency_key' }),
  })
  .meta({ id: 'BulkInvite' });

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
        row: z.int(),
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

const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

export const InviteListQuery = ListQuery.extend({
  status: InviteStatus.optional(),
  state: InviteStatus.optional().meta({ description: 'The same as status' }),
  tenant: z.string().min(1).max(100).optional().meta({ description: 'Id or slug' }),
  inviter: z.string().min(1).max(100).optional(),
  email: z.string().min(1).max(254).optional(),
  expiring_before: Time.optional(),
  never_opened: flag.optional(),
  bounced: flag.optional(),
});

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

export const InviteClosed = z
  .strictObject({ success: z.literal(true), invite_id: Id, status: InviteStatus })
  .meta({ id: 'InviteClosed' });

export const InvitePreview = z
  .strictObject({
    success: z.literal(true),
    tenant: z.strictObject({ name: z.string(), slug: z.string() }),
    invited_by: z.string().nullable(),
    email_masked: z.string(),
    name: z.string().nullable(),
    role: z.string(),
    locale: z.string(),
    expires_at: Time,
    account_exists: z.boolean(),
    password_min_length: z.int(),
    terms_url: z.string(),
  })
  .meta({ id: 'InvitePreview' });

export const InviteAccept = z
  .strictObject({
    password: z.string().min(1).max(1024).optional(),
    accept_terms: z.literal(true, { error: 'the terms must be accepted' }),
    name: text(200).optional(),
    captcha: z.string().max(4096).optional(),
  })
  .meta({ id: 'InviteAccept' });

export const InviteAccepted = z
  .strictObject({
    success: z.literal(true),
    user_id: Id,
    client_id: Id,
    job_id: Id,
    status: OnboardingState,
  })
  .meta({ id: 'InviteAccepted' });

export const InviteDecline = z
  .strictObject({ reason: text(500).optional() })
  .meta({ id: 'InviteDecline' });

export const Noted = z
  .strictObject({ success: z.literal(true), message: z.string() })
  .meta({ id: 'Noted' });

export const ProvisionRequest = z
  .strictObject({
    user_id: Id.optional(),
    client_id: Id.optional(),
    spreadsheet_id: SpreadsheetId.optional(),
    ssId: SpreadsheetId.optional().meta({ description: 'Alias of spreadsheet_id' }),
    owner_email: Email.optional(),
    wb_token: MarketplaceToken.optional(),
    idempotency_key: IdempotencyKey.optional(),
  })
  .refine((body) => body.user_id !== undefined || body.client_id !== undefined, {
    error: 'give user_id or client_id',
    path: ['client_id'],
  })
  .refine((body) => body.spreadsheet_id !== undefined || body.ssId !== undefined, {
    error: 'give spreadsheet_id',
    path: ['spreadsheet_id'],
  })
  .refine(
    (body) =>
      body.spreadsheet_id === undefined ||
      body.ssId === undefined ||
      body.ssId === body.spreadsheet_id,
    {
      error: 'spreadsheet_id and ssId differ',
      path: ['ssId'],
    },
  )
  .meta({ id: 'ProvisionRequest' });

export const TokenRequest = z
  .strictObject({
    client_id: Id,
    wb_token: MarketplaceToken,
    idempotency_key: IdempotencyKey.optional(),
  })
  .meta({ id: 'TokenRequest' });

export const Progressed = z
  .strictObject({ success: z.literal(true), job_id: Id, client_id: Id, status: OnboardingState })
  .meta({ id: 'Progressed' });

export const TokenRotate = z
  .strictObject({
    client_id: Id,
    wb_token: MarketplaceToken,
    reason: Reason,
    idempotency_key: IdempotencyKey.optional(),
  })
  .meta({ id: 'TokenRotate' });

export const TokenRotation = z
  .strictObject({
    success: z.literal(true),
    rotation_id: Id,
    client_id: Id,
    status: z.enum(['adding', 'verifying', 'smoking', 'done', 'failed']),
    problem: z.string().nullable(),
  })
  .meta({ id: 'TokenRotation' });

const StatusStep = z.strictObject({
  key: z.string(),
  label: z.string(),
  status: z.enum(['done', 'current', 'waiting', 'parked', 'pending', 'skipped', 'undone']),
});

export const ClientStatus = z
  .strictObject({
    success: z.literal(true),
    client_id: Id,
    job_id: Id,
    status: OnboardingState,
    step: z.string().nullable(),
    steps: z.array(StatusStep),
    last_error: z
      .strictObject({ code: z.string(), title: z.string(), next: z.string() })
      .nullable()
      .meta({ description: 'Null for customers, who see `parked` and a plain label only' }),
    waiting_for: z.enum(['customer', 'order']).nullable(),
    updated_at: Time,
  })
  .meta({ id: 'ClientStatus' });

export const Job = z
  .strictObject({
    job_id: Id,
    invite_id: Id,
    client_id: Id,
    tenant_slug: z.string(),
    tenant_name: z.string(),
    email: z.string(),
    kind: OnboardingKind.nullable(),
    status: OnboardingState,
    step: z.string().nullable(),
    failed_step: z.string().nullable(),
    problem: z.string().nullable(),
    waiting_for: z.enum(['customer', 'order']).nullable(),
    waiting_since: Time.nullable(),
    parked_at: Time.nullable(),
    driven_at: Time.nullable(),
    held: z.boolean(),
    created_at: Time,
    accepted_at: Time.nullable(),
    activated_at: Time.nullable(),
    ended_at: Time.nullable(),
    updated_at: Time,
  })
  .meta({ id: 'Job' });

const JobAttempt = z.strictObject({
  n: z.int(),
  phase: z.enum(['do', 'verify', 'undo', 'undo-verify']),
  generation: z.int(),
  started_at: Time,
  ended_at: Time.nullable(),
  duration_ms: z.int().nullable(),
  outcome: z.string().nullable(),
  http_status: z.int().nullable(),
  problem: z.string().nullable(),
  request: z.unknown(),
  response: z.unknown(),
  actor: z.string(),
  request_id: z.string().nullable(),
});

const JobStep = z.strictObject({
  key: z.string(),
  connector: z.string(),
  position: z.int(),
  status: z.string(),
  generation: z.int(),
  failures: z.int(),
  skippable: z.boolean(),
  state: z.string().nullable(),
  next_attempt_at: Time.nullable(),
  started_at: Time.nullable(),
  ended_at: Time.nullable(),
  attempts: z.array(JobAttempt),
});

const JobEvent = z.strictObject({
  at: Time,
  type: z.string(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  actor: z.string(),
  request_id: z.string().nullable(),
  data: z.record(z.string(), z.unknown()),
});

export const Order = z
  .strictObject({
    id: Id,
    number: z.int(),
    kind: OrderKind,
    reason: z.string(),
    actor: z.string(),
    status: z.enum(['queued', 'applied', 'refused']),
    outcome: z.record(z.string(), z.unknown()).nullable(),
    created_at: Time,
    applied_at: Time.nullable(),
  })
  .meta({ id: 'Order' });

export const JobDetail = Job.extend({
  workflow_id: z.string(),
  blueprint: z.string(),
  number: z.int(),
  last_error: z.strictObject({ code: z.string(), title: z.string(), next: z.string() }).nullable(),
  actions: z
    .array(
      z.strictObject({ action: OrderKind, possible: z.boolean(), why_not: z.string().nullable() }),
    )
    .meta({ description: 'What the caller may order now' }),
  steps: z.array(JobStep),
  events: z.array(JobEvent),
  orders: z.array(Order),
  mails: z.array(
    z.strictObject({
      id: Id,
      kind: z.string(),
      status: z.string(),
      created_at: Time,
      sent_at: Time.nullable(),
      problem: z.string().nullable(),
    }),
  ),
  version: z.int(),
}).meta({ id: 'JobDetail' });

export const JobListQuery = ListQuery.extend({
  state: OnboardingState.optional(),
  failed_step: z.string().max(100).optional(),
  problem: z.string().max(100).optional(),
  parked_before: Time.optional(),
  created_before: Time.optional(),
  created_after: Time.optional(),
  email: z.string().min(1).max(254).optional(),
  slug: z.string().min(1).max(100).optional(),
  request_id: z.string().min(1).max(100).optional(),
  q: z.string().min(1).max(254).optional().meta({ description: 'E-mail, slug, id or request id' }),
});

export const OrderRequest = z.strictObject({ reason: Reason }).meta({ id: 'OrderRequest' });

export const FixRequest = z
  .strictObject({
    reason: Reason,
    spreadsheet_id: SpreadsheetId.optional(),
    wb_token: MarketplaceToken.optional(),
    owner_email: Email.optional(),
  })
  .refine(
    (body) =>
      body.spreadsheet_id !== undefined ||
      body.wb_token !== undefined ||
      body.owner_email !== undefined,
    {
      error: 'give at least one new input',
      path: ['wb_token'],
    },
  )
  .meta({ id: 'FixRequest' });

export const OrderAnswer = z
  .strictObject({
    success: z.literal(true),
    order_id: Id,
    job_id: Id,
    order: OrderKind,
    status: z.enum(['queued', 'applied', 'refused']),
    state: OnboardingState,
    outcome: z.record(z.string(), z.unknown()).nullable(),
  })
  .meta({ id: 'OrderAnswer' });

export const BulkRetry = z
  .strictObject({
    reason: Reason,
    dry_run: z.boolean().default(false),
    filter: z.strictObject({
      failed_step: z.string().max(100).optional(),
      problem: z.string().max(100).optional(),
      parked_before: Time.optional(),
      job_ids: z.array(Id).min(1).max(500).optional(),
    }),
  })
  .meta({ id: 'BulkRetry' });

export const BulkRetryResult = z
  .strictObject({
    success: z.literal(true),
    dry_run: z.boolean(),
    matched: z.int(),
    items: z.array(
      z.strictObject({
        job_id: Id,
        status: z.enum(['queued', 'matched', 'failed']),
        code: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: 'BulkRetryResult' });

const TokenParams = z.strictObject({ token: z.string().min(1).max(200) });
const holderProblems = [
  'invite-not-found',
  'invite-already-used',
  'invite-expired',
  'invite-revoked',
  'invite-superseded',
  'invite-declined',
  'rate-limited',
] as const;
const orderResponses = { 200: OrderAnswer, 202: OrderAnswer };
const orderProblems = [
  'onboarding-not-found',
  'order-not-possible',
  'order-exists',
  'already-active',
] as const;
const waitProblems = [
  'onboarding-not-found',
  'not-accepted',
  'step-completed',
  'order-not-possible',
  'tenant-not-open',
] as const;

/** Invites and onboardings. */
export const onboardingEndpoints = [
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
      'blueprint-not-found',
      'role-too-high',
      'resend-too-soon',
      'resend-limit-reached',
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
    query: z.strictObject({
      batch_id: IdempotencyKey.optional().meta({ description: 'For CSV' }),
      dry_run: flag.optional().meta({ description: 'For CSV' }),
    }),
    body: BulkInvite,
    bodyTypes: ['application/json', 'text/csv'],
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
    responses: { 200: InviteResent },
    problems: [
      'invite-not-found',
      'invite-not-open',
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
  endpoint({
    operationId: 'previewInvite',
    method: 'get',
    path: '/onboarding/invites/{token}/preview',
    tag: 'customers',
    summary: 'What this link offers; changes nothing',
    access: 'holder',
    params: TokenParams,
    responses: { 200: InvitePreview },
    problems: holderProblems,
  }),
  endpoint({
    operationId: 'acceptInvite',
    method: 'post',
    path: '/onboarding/invites/{token}/accept',
    tag: 'customers',
    summary: 'Accept the invite',
    access: 'holder',
    params: TokenParams,
    body: InviteAccept,
    responses: { 200: InviteAccepted },
    problems: [
      ...holderProblems,
      'tenant-not-open',
      'account-login-required',
      'credentials-invalid',
      'password-too-weak',
      'inviter-lost-right',
      'already-member',
      'user-deactivated',
      'invite-held',
      'verification-failed',
    ],
    idempotent: true,
  }),
  endpoint({
    operationId: 'declineInvite',
    method: 'post',
    path: '/onboarding/invites/{token}/decline',
    tag: 'customers',
    summary: 'Decline the invite',
    access: 'holder',
    params: TokenParams,
    body: InviteDecline,
    responses: { 200: InviteClosed },
    problems: holderProblems,
  }),
  endpoint({
    operationId: 'requestNewLink',
    method: 'post',
    path: '/onboarding/invites/{token}/request-new-link',
    tag: 'customers',
    summary: 'Ask the inviter for a new link; the answer is always the same',
    access: 'holder',
    params: TokenParams,
    responses: { 202: Noted },
    problems: ['rate-limited'],
  }),
  endpoint({
    operationId: 'provisionWorkspace',
    method: 'post',
    path: '/onboarding/workspaces/provision',
    tag: 'onboarding',
    summary: 'Hand over the workspace; waits up to 10 s for its registration',
    access: 'onboardings:provision',
    orSelf: true,
    body: ProvisionRequest,
    responses: { 202: Progressed },
    problems: waitProblems,
    idempotent: true,
  }),
  endpoint({
    operationId: 'addToken',
    method: 'post',
    path: '/onboarding/wb-tokens',
    tag: 'onboarding',
    summary: 'Hand over the marketplace token; waits up to 10 s',
    access: 'onboardings:provision',
    orSelf: true,
    body: TokenRequest,
    responses: { 202: Progressed },
    problems: waitProblems,
    idempotent: true,
  }),
  endpoint({
    operationId: 'rotateToken',
    method: 'post',
    path: '/onboarding/wb-tokens/rotate',
    tag: 'onboarding',
    summary: 'Replace the marketplace token; the old one is kept until the new one is proven',
    access: 'onboardings:provision',
    orSelf: true,
    body: TokenRotate,
    responses: { 202: TokenRotation },
    problems: [
      'onboarding-not-found',
      'order-not-possible',
      'rotation-open',
      'token-unchanged',
      'tenant-not-open',
    ],
    idempotent: true,
  }),
  endpoint({
    operationId: 'getClientStatus',
    method: 'get',
    path: '/onboarding/clients/{client_id}/status',
    tag: 'onboarding',
    summary: 'How far a tenant is',
    access: 'onboardings:read',
    orSelf: true,
    params: z.strictObject({ client_id: Id }),
    responses: { 200: ClientStatus },
    problems: ['onboarding-not-found'],
  }),
  endpoint({
    operationId: 'listJobs',
    method: 'get',
    path: '/onboarding/jobs',
    tag: 'jobs',
    summary: 'List onboardings, newest first',
    access: 'onboardings:read',
    query: JobListQuery,
    responses: { 200: listOf(Job) },
    problems: ['cursor-invalid'],
  }),
  endpoint({
    operationId: 'getJob',
    method: 'get',
    path: '/onboarding/jobs/{id}',
    tag: 'jobs',
    summary: 'One onboarding with its steps, attempts, events and orders',
    access: 'onboardings:read',
    params: IdParams,
    responses: { 200: JobDetail },
    problems: ['onboarding-not-found'],
  }),
  endpoint({
    operationId: 'retryJob',
    method: 'post',
    path: '/onboarding/jobs/{id}/retry',
    tag: 'jobs',
    summary: 'Order: try the parked step again',
    access: 'onboardings:retry',
    params: IdParams,
    body: OrderRequest,
    responses: orderResponses,
    problems: orderProblems,
    idempotent: true,
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'fixJob',
    method: 'post',
    path: '/onboarding/jobs/{id}/fix',
    tag: 'jobs',
    summary: 'Order: new input, then try again',
    access: 'onboardings:fix',
    params: IdParams,
    body: FixRequest,
    responses: orderResponses,
    problems: orderProblems,
    idempotent: true,
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'skipJob',
    method: 'post',
    path: '/onboarding/jobs/{id}/skip',
    tag: 'jobs',
    summary: 'Order: leave the parked step out',
    access: 'onboardings:skip',
    params: IdParams,
    body: OrderRequest,
    responses: orderResponses,
    problems: [...orderProblems, 'step-not-skippable'],
    idempotent: true,
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'rollbackJob',
    method: 'post',
    path: '/onboarding/jobs/{id}/rollback',
    tag: 'jobs',
    summary: 'Order: undo what was done',
    access: 'onboardings:rollback',
    params: IdParams,
    body: OrderRequest,
    responses: orderResponses,
    problems: orderProblems,
    idempotent: true,
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'cancelJob',
    method: 'post',
    path: '/onboarding/jobs/{id}/cancel',
    tag: 'jobs',
    summary: 'Order: stop; what stands outside is marked and left',
    access: 'onboardings:cancel',
    params: IdParams,
    body: OrderRequest,
    responses: orderResponses,
    problems: orderProblems,
    idempotent: true,
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'bulkRetryJobs',
    method: 'post',
    path: '/onboarding/jobs/bulk-retry',
    tag: 'jobs',
    summary: 'Order a retry for every parked onboarding that matches; at most 500 at a time',
    access: 'onboardings:retry',
    body: BulkRetry,
    responses: { 200: BulkRetryResult },
    problems: [],
    idempotent: true,
  }),
] as const;
