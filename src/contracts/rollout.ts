import { z } from 'zod';
import { Id, IdParams, ListQuery, Reason, Time, endpoint, keyed, listOf, text } from './http';

/** Roll-out stages in their order; the numbers are percent of all tenants. */
export const RolloutStage = z.enum(['internal', 'pilot', '25', '50', '100']);
export type RolloutStage = z.output<typeof RolloutStage>;

/** Whether a figure passes; `insufficient_data` never promotes and never freezes. */
export const GateVerdict = z.enum(['pass', 'fail', 'insufficient_data']);
export type GateVerdict = z.output<typeof GateVerdict>;

/** The figures that a gate judges. */
export const GateFigureName = z.enum([
  'provision_success_rate',
  'time_to_active_p95_seconds',
  'manual_intervention_rate',
  'accept_rate',
  'open_critical_incidents',
]);
export type GateFigureName = z.output<typeof GateFigureName>;

/** One figure of a gate with its threshold, its sample and its verdict. */
export const GateFigure = z
  .strictObject({
    name: GateFigureName,
    value: z.number().nullable().meta({ description: 'The point value; it decides' }),
    threshold: z.number(),
    comparison: z.enum(['at_least', 'at_most']),
    sample: z.int().nullable().meta({ description: 'Null where nothing is sampled' }),
    minimum_sample: z.int().nullable(),
    interval: z
      .strictObject({ lower: z.number(), upper: z.number() })
      .nullable()
      .meta({ description: 'Wilson score interval, 95 %; shown, it does not decide' }),
    wall_value: z
      .number()
      .nullable()
      .meta({ description: 'The same with the waits for the customer counted in' }),
    verdict: GateVerdict,
  })
  .meta({ id: 'GateFigure' });

/** One change of the roll-out: who, why, from where to where. */
export const RolloutChange = z
  .strictObject({
    id: Id,
    action: z.enum(['promote', 'freeze', 'unfreeze', 'override']),
    from: RolloutStage,
    to: RolloutStage,
    actor: z.string(),
    reason: z.string().nullable(),
    at: Time,
  })
  .meta({ id: 'RolloutChange' });

/** The roll-out and what its gate says of it. */
export const Gates = z
  .strictObject({
    stage: RolloutStage,
    next_stage: RolloutStage.nullable(),
    since: Time.meta({ description: 'When this stage opened' }),
    judged_from: Time.meta({
      description: 'What was decided from then on is judged: the stage, at most 30 days',
    }),
    frozen: z.boolean(),
    frozen_at: Time.nullable(),
    frozen_reason: z.string().nullable(),
    verdict: GateVerdict,
    figures: z.array(GateFigure),
    promotable: z.boolean(),
    why_not: z
      .string()
      .nullable()
      .meta({ description: 'Problem code that a promote would answer' }),
    held_invites: z.int().meta({ description: 'Invites that wait for their stage' }),
    changes: z.array(RolloutChange).meta({ description: 'Newest first, at most 20' }),
    version: z.int(),
  })
  .meta({ id: 'Gates' });

/** The roll-out after a change. */
export const RolloutChanged = z
  .strictObject({
    success: z.literal(true),
    stage: RolloutStage,
    next_stage: RolloutStage.nullable(),
    frozen: z.boolean(),
    frozen_reason: z.string().nullable(),
    released_invites: z.int().meta({
      description: 'Held invites opened at once; the rest of a long line follows within minutes',
    }),
    version: z.int(),
  })
  .meta({ id: 'RolloutChanged' });

/** Opens the next stage. */
export const PromoteRequest = z
  .strictObject({ reason: Reason.optional(), ...keyed })
  .meta({ id: 'PromoteRequest' });

/** Keeps the stage where it is. */
export const FreezeRequest = z
  .strictObject({ reason: Reason, ...keyed })
  .meta({ id: 'FreezeRequest' });

/** Acts against the gate; the reason is kept. */
export const OverrideRequest = z
  .strictObject({
    reason: Reason,
    action: z.enum(['promote', 'unfreeze']).default('promote').meta({
      description:
        '`promote` opens the next stage whatever its gate says; `unfreeze` only lifts the freeze',
    }),
    ...keyed,
  })
  .meta({ id: 'OverrideRequest' });

const Share = z.strictObject({
  value: z.number().nullable(),
  sample: z.int(),
});

const Duration = z.strictObject({
  p50_seconds: z.number().nullable(),
  p95_seconds: z.number().nullable(),
  sample: z.int(),
});

/** The stations of the funnel, in order. */
export const FunnelState = z.enum([
  'invited',
  'email_confirmed',
  'workspace_registered',
  'token_added',
  'validated',
  'active',
]);
export type FunnelState = z.output<typeof FunnelState>;

/** How far the invited came, and the business figures. */
export const Funnel = z
  .strictObject({
    created_after: Time,
    created_before: Time,
    stations: z.array(
      z.strictObject({
        state: FunnelState,
        reached: z.int().meta({ description: 'Onboardings that came at least this far' }),
        share: z.number().nullable().meta({ description: 'Of all that were invited' }),
        went_on: z.int(),
        here: z.int().meta({ description: 'Stand here now and go on' }),
        waiting_for_customer: z.int().meta({ description: 'Of those here' }),
        parked: z.int().meta({ description: 'Stand here and wait for an order' }),
        dropped: z.int().meta({ description: 'Ended here for good without becoming active' }),
        drop_off: z.number().nullable().meta({ description: 'dropped / reached' }),
      }),
    ),
    endings: z
      .record(z.string(), z.int())
      .meta({ description: 'Dropped onboardings by their state' }),
    members: z.int().meta({ description: 'Accepted as members; not part of the stations' }),
    held: z.int().meta({ description: 'Wait for their roll-out stage; not part of the stations' }),
    business: z.strictObject({
      acceptance_rate: Share,
      without_manual_intervention: Share,
      time_to_first_update: Duration,
      time_to_active: Duration,
      time_to_active_wall: Duration,
    }),
  })
  .meta({ id: 'Funnel' });

/** Which invites the funnel follows. */
export const FunnelQuery = z.strictObject({
  created_after: Time.optional().meta({ description: 'Default: 90 days ago' }),
  created_before: Time.optional(),
  partner: z.string().min(1).max(100).optional().meta({ description: 'Id or slug' }),
  plan: z.string().min(1).max(40).optional(),
});

/** How bad an incident is; an open critical one fails the gate. */
export const Severity = z.enum(['minor', 'major', 'critical']);
export type Severity = z.output<typeof Severity>;

/** Something that went wrong. */
export const Incident = z
  .strictObject({
    id: Id,
    title: z.string(),
    severity: Severity,
    opened_by: z.string(),
    opened_at: Time,
    closed_by: z.string().nullable(),
    closed_at: Time.nullable(),
    note: z.string().nullable(),
  })
  .meta({ id: 'Incident' });

/** Opens an incident. */
export const IncidentOpen = z
  .strictObject({ title: text(200), severity: Severity, note: text(2000).optional(), ...keyed })
  .meta({ id: 'IncidentOpen' });

/** Closes an incident; the note is added to the first one. */
export const IncidentClose = z
  .strictObject({ note: text(2000).optional() })
  .meta({ id: 'IncidentClose' });

/** Filters of the list of incidents. */
export const IncidentListQuery = ListQuery.extend({
  open: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .optional(),
  severity: Severity.optional(),
});

/** Funnel, roll-out gates and incidents. */
export const rolloutEndpoints = [
  endpoint({
    operationId: 'getFunnel',
    method: 'get',
    path: '/onboarding/funnel',
    tag: 'roll-out',
    summary: 'How far the invited came, where they dropped off, and the business figures',
    access: 'onboardings:read',
    query: FunnelQuery,
    responses: { 200: Funnel },
    problems: ['partner-not-found'],
  }),
  endpoint({
    operationId: 'getGates',
    method: 'get',
    path: '/onboarding/gates',
    tag: 'roll-out',
    summary: 'The roll-out stage and what its gate says of it',
    access: 'onboardings:read',
    responses: { 200: Gates },
    problems: [],
  }),
  endpoint({
    operationId: 'promoteGates',
    method: 'post',
    path: '/onboarding/gates/promote',
    tag: 'roll-out',
    summary: 'Open the next stage; only when every figure passes',
    access: 'gates:manage',
    body: PromoteRequest,
    responses: { 200: RolloutChanged },
    problems: ['gate-not-passed', 'stage-final'],
    idempotent: true,
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'freezeGates',
    method: 'post',
    path: '/onboarding/gates/freeze',
    tag: 'roll-out',
    summary: 'Keep the stage where it is until an override',
    access: 'gates:manage',
    body: FreezeRequest,
    responses: { 200: RolloutChanged },
    problems: [],
    idempotent: true,
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'overrideGates',
    method: 'post',
    path: '/onboarding/gates/override',
    tag: 'roll-out',
    summary: 'Open the next stage, or lift the freeze, against the gate',
    access: 'gates:manage',
    body: OverrideRequest,
    responses: { 200: RolloutChanged },
    problems: ['stage-final'],
    idempotent: true,
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'listIncidents',
    method: 'get',
    path: '/onboarding/incidents',
    tag: 'roll-out',
    summary: 'List incidents, newest first',
    access: 'onboardings:read',
    query: IncidentListQuery,
    responses: { 200: listOf(Incident) },
    problems: ['cursor-invalid'],
  }),
  endpoint({
    operationId: 'openIncident',
    method: 'post',
    path: '/onboarding/incidents',
    tag: 'roll-out',
    summary: 'Open an incident; a critical one fails the gate until it is closed',
    access: 'incidents:manage',
    body: IncidentOpen,
    responses: { 201: Incident },
    problems: [],
    idempotent: true,
  }),
  endpoint({
    operationId: 'closeIncident',
    method: 'post',
    path: '/onboarding/incidents/{id}/close',
    tag: 'roll-out',
    summary: 'Close an incident; repeatable',
    access: 'incidents:manage',
    params: IdParams,
    body: IncidentClose,
    responses: { 200: Incident },
    problems: ['incident-not-found'],
  }),
] as const;
