import { z } from 'zod';
import { Id, ListQuery, Reason, Time, endpoint, listOf } from './http';

/** Input of the workflow `rotateApiKey`. */
export interface RotateApiKeyInput {
  readonly rotationId: string;
}

/** Where the rotation of an API key stands. */
export const KeyRotationState = z.enum([
  'requested',
  'pending',
  'overlapping',
  'draining',
  'completed',
  'cancelled',
  'rolled_back',
  'compromised',
]);
export type KeyRotationState = z.output<typeof KeyRotationState>;

/** Why a key is rotated; the last two never lengthen the life of the old key, and are never rolled back. */
export const KeyRotationReason = z.enum(['routine', 'scheduled', 'leaked', 'compromised']);
export type KeyRotationReason = z.output<typeof KeyRotationReason>;

/** What happens an hour before the old key's end when it is still in use. */
export const KeyRotationPolicy = z.enum(['expire', 'extend']);
export type KeyRotationPolicy = z.output<typeof KeyRotationPolicy>;

/** What a person tells a rotation that runs. */
export const KeyRotationOrder = z.enum(['complete', 'extend', 'cancel', 'rollback']);
export type KeyRotationOrder = z.output<typeof KeyRotationOrder>;

/** Hours in the bounds of both clocks. */
const hours = (min: number, max: number) => z.number().min(min).max(max);

const month = 720;

/** How a key is to be rotated; everything has a default. */
export const KeyRotate = z
  .strictObject({
    reason: z.enum(['routine', 'compromised']).default('routine').meta({
      description: '`compromised` ends the old key at once: no overlap, no extension, no rollback',
    }),
    note: Reason.optional().meta({ description: 'Kept with the rotation' }),
    overlap_hours: hours(0, month).default(24).meta({
      description: 'For how long both keys are good, from the first use of the new one',
    }),
    deadline_hours: hours(1, month)
      .default(720)
      .meta({ description: 'When the old key ends even if the new one was never used' }),
    at_deadline: KeyRotationPolicy.default('expire').meta({
      description: '`extend` gives the old key more time while it is still in use',
    }),
    extend_hours: hours(1, 168).default(24).meta({ description: 'One extension' }),
    max_extensions: z.int().min(1).max(10).default(3),
    finish_early_after_hours: hours(0.25, month).optional().meta({
      description:
        'Ends the old key early once the new one is used and the old one was idle this long',
    }),
  })
  .meta({ id: 'KeyRotate' });

/** A rotation and what its rows say of it now. */
export const KeyRotation = z
  .strictObject({
    id: Id,
    tenant_id: Id,
    key_id: Id.meta({ description: 'The old key' }),
    successor_id: Id.nullable().meta({ description: 'The new key; null until it is minted' }),
    state: KeyRotationState,
    reason: KeyRotationReason,
    note: z.string().nullable(),
    overlap_hours: z.number(),
    deadline_at: Time.nullable(),
    old_key_ends_at: Time.nullable().meta({
      description:
        'Earliest of its own expiry, the deadline, and the first use of the new key plus the overlap',
    }),
    at_deadline: KeyRotationPolicy,
    extend_hours: z.number(),
    extensions: z.int(),
    max_extensions: z.int(),
    finish_early_after_hours: z.number().nullable(),
    first_used_at: Time.nullable().meta({ description: 'First use of the new key' }),
    rollback_until: Time.nullable(),
    possible_orders: z.array(KeyRotationOrder),
    requested_by: z.string(),
    created_at: Time,
    started_at: Time.nullable(),
    ended_at: Time.nullable(),
    version: z.int(),
  })
  .meta({ id: 'KeyRotation' });

/** One thing that happened to a rotation. */
export const KeyRotationEvent = z.strictObject({
  type: z.string(),
  from_state: KeyRotationState.nullable(),
  to_state: KeyRotationState,
  actor: z.string(),
  reason: z.string().nullable(),
  data: z.record(z.string(), z.unknown()),
  at: Time,
});

/** A rotation with its history, oldest first. */
export const KeyRotationDetail = KeyRotation.extend({ events: z.array(KeyRotationEvent) }).meta({
  id: 'KeyRotationDetail',
});

const OrderBody = z.strictObject({ reason: Reason.optional() });

/** Ends the old key now. */
export const CompleteKeyRotation = OrderBody.extend({
  compromised: z.boolean().default(false).meta({
    description: 'The old key is in wrong hands: the rotation cannot be rolled back any more',
  }),
}).meta({ id: 'CompleteKeyRotation' });

/** Gives the old key more time. */
export const ExtendKeyRotation = OrderBody.extend({
  hours: hours(1, month).default(24),
}).meta({ id: 'ExtendKeyRotation' });

/** Takes a rotation back. */
export const KeyRotationOrderRequest = OrderBody.meta({ id: 'KeyRotationOrderRequest' });

/** What Usher does by itself with the keys of a tenant. */
export const KeyPolicy = z
  .strictObject({
    tenant_id: Id,
    rotate_after_days: z.int().nullable().meta({
      description: 'Age at which a rotation of a key is requested; null: never',
    }),
    on_leak: z.enum(['revoke', 'grace']),
    leak_grace_hours: z.number(),
    version: z.int(),
  })
  .meta({ id: 'KeyPolicy' });

/** Sets the policy of a tenant. */
export const KeyPolicyPut = z
  .strictObject({
    tenant_id: Id,
    rotate_after_days: z.int().min(1).max(3650).nullable().default(null),
    on_leak: z.enum(['revoke', 'grace']).default('revoke'),
    leak_grace_hours: hours(0.25, 168).default(24),
  })
  .meta({ id: 'KeyPolicyPut' });

/** Path parameter `{id}`: either key of its rotations. */
const KeyParams = z.strictObject({ id: Id });

/** Path parameters of one rotation. */
export const KeyRotationParams = KeyParams.extend({ rotation_id: Id });

const orderProblems = [
  'api-key-not-found',
  'key-rotation-not-found',
  'key-rotation-order-not-possible',
] as const;

const order = <const O extends KeyRotationOrder, B extends z.ZodType>(
  kind: O,
  summary: string,
  body: B,
) =>
  endpoint({
    operationId: `${kind}KeyRotation`,
    method: 'post',
    path: `/v1/api-keys/{id}/rotations/{rotation_id}/${kind}`,
    tag: 'api keys',
    summary,
    access: 'keys:rotate',
    orSelf: true,
    params: KeyRotationParams,
    body,
    responses: { 200: KeyRotation },
    problems: orderProblems,
    idempotent: true,
    ifMatch: 'optional',
  });

/** Rotations: what runs, what was, and what a person can tell them. */
export const keyRotationEndpoints = [
  endpoint({
    operationId: 'listKeyRotations',
    method: 'get',
    path: '/v1/api-keys/{id}/rotations',
    tag: 'api keys',
    summary: 'Rotations in which a key is the old or the new one, newest first',
    access: 'keys:read',
    orSelf: true,
    params: KeyParams,
    query: ListQuery,
    responses: { 200: listOf(KeyRotation) },
    problems: ['api-key-not-found', 'cursor-invalid'],
  }),
  endpoint({
    operationId: 'getKeyRotation',
    method: 'get',
    path: '/v1/api-keys/{id}/rotations/{rotation_id}',
    tag: 'api keys',
    summary: 'One rotation with its history',
    access: 'keys:read',
    orSelf: true,
    params: KeyRotationParams,
    responses: { 200: KeyRotationDetail },
    problems: ['api-key-not-found', 'key-rotation-not-found'],
  }),
  order(
    'complete',
    'Order: end the old key now; once answered it is dead everywhere',
    CompleteKeyRotation,
  ),
  order('extend', 'Order: give the old key more time', ExtendKeyRotation),
  order(
    'cancel',
    'Order: drop the new key before its first use; the old one stays',
    KeyRotationOrderRequest,
  ),
  order(
    'rollback',
    'Order: bring the old key back and revoke the new one, within 72 hours',
    KeyRotationOrderRequest,
  ),
  endpoint({
    operationId: 'getKeyPolicy',
    method: 'get',
    path: '/v1/api-keys/policy',
    tag: 'api keys',
    summary: 'What Usher does by itself with the keys of a tenant',
    access: 'keys:read',
    orSelf: true,
    query: z.strictObject({ tenant_id: Id }),
    responses: { 200: KeyPolicy },
    problems: ['tenant-not-found'],
  }),
  endpoint({
    operationId: 'putKeyPolicy',
    method: 'put',
    path: '/v1/api-keys/policy',
    tag: 'api keys',
    summary: 'Set the age at which keys are to be rotated, and what a leak report does',
    access: 'keys:write',
    orSelf: true,
    body: KeyPolicyPut,
    responses: { 200: KeyPolicy },
    problems: ['tenant-not-found'],
  }),
] as const;
