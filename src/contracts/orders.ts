import { z } from 'zod';
import { Email, Id, IdParams, Reason, Time, endpoint, keyed } from './http';
import { OnboardingState } from './onboardings';
import { MarketplaceToken, SpreadsheetId } from './provisioning';

/** What an operator tells a parked or waiting onboarding. */
export const OrderKind = z.enum(['retry', 'fix', 'skip', 'rollback', 'cancel']);
export type OrderKind = z.output<typeof OrderKind>;

/** Status of an order: `queued` until the workflow applies or refuses it. */
export const OrderStatus = z.enum(['queued', 'applied', 'refused']);

/** An order and what came of it. */
export const Order = z
  .strictObject({
    id: Id,
    number: z.int().meta({ description: 'The stop that it answers; one order per stop' }),
    kind: OrderKind,
    reason: z.string(),
    actor: z.string(),
    status: OrderStatus,
    outcome: z.record(z.string(), z.unknown()).nullable(),
    created_at: Time,
    applied_at: Time.nullable(),
  })
  .meta({ id: 'Order' });

/** Gives an order; the reason is kept with it. */
export const OrderRequest = z
  .strictObject({ reason: Reason, ...keyed })
  .meta({ id: 'OrderRequest' });

/** Hands over new input for the parked step, which is then tried again. */
export const FixRequest = z
  .strictObject({
    reason: Reason,
    spreadsheet_id: SpreadsheetId.optional(),
    wb_token: MarketplaceToken.optional(),
    owner_email: Email.optional(),
    ...keyed,
  })
  .refine(
    (body) =>
      body.spreadsheet_id !== undefined ||
      body.wb_token !== undefined ||
      body.owner_email !== undefined,
    { error: 'give at least one new input', path: ['wb_token'] },
  )
  .meta({
    id: 'FixRequest',
    anyOf: [
      { required: ['spreadsheet_id'] },
      { required: ['wb_token'] },
      { required: ['owner_email'] },
    ],
  });

/** An order that was given: its outcome (200), or that it waits to be applied (202). */
export const OrderAnswer = z
  .strictObject({
    success: z.literal(true),
    order_id: Id,
    job_id: Id,
    order: OrderKind,
    status: OrderStatus,
    state: OnboardingState,
    outcome: z.record(z.string(), z.unknown()).nullable(),
  })
  .meta({ id: 'OrderAnswer' });

/** Orders a retry for all parked onboardings that match. */
export const BulkRetry = z
  .strictObject({
    reason: Reason,
    dry_run: z.boolean().default(false).meta({ description: 'Counts and names, orders nothing' }),
    filter: z.strictObject({
      failed_step: z.string().max(100).optional(),
      problem: z.string().max(100).optional(),
      parked_before: Time.optional(),
      job_ids: z.array(Id).min(1).max(500).optional(),
    }),
    ...keyed,
  })
  .meta({ id: 'BulkRetry' });

/** What came of a bulk retry, item by item. */
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

const orderResponses = { 200: OrderAnswer, 202: OrderAnswer };
const orderProblems = [
  'onboarding-not-found',
  'order-not-possible',
  'order-exists',
  'already-active',
] as const;

/** What operators and support staff tell an onboarding to do. */
export const orderEndpoints = [
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
