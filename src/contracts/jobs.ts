import { z } from 'zod';
import { Id, IdParams, ListQuery, Time, endpoint, listOf } from './http';
import { OnboardingKind, OnboardingState } from './onboardings';
import { Order, OrderKind } from './orders';

const StatusStep = z.strictObject({
  key: z.string(),
  label: z.string(),
  status: z.enum(['done', 'current', 'waiting', 'parked', 'pending', 'skipped', 'undone']),
});

/** How far a tenant is; customers see five plain steps. */
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

/** An onboarding, as the list shows it. */
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

/** One onboarding with its steps, attempts, events, orders and mails. */
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

/** Filters of the list of onboardings; all that are given must hold. */
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

/** Reading onboardings. */
export const jobEndpoints = [
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
] as const;
