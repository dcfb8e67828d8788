import { z } from 'zod';
import { Email, Id, Reason, endpoint, keyed } from './http';
import { OnboardingState } from './onboardings';

/** The id of a workspace at its backend, which judges it; here it only has to be safe in a path. */
export const SpreadsheetId = z
  .string()
  .trim()
  .regex(
    /^[A-Za-z0-9_-][A-Za-z0-9._:-]{0,127}$/,
    'must be 1 to 128 letters, digits, or . _ : - behind the first',
  );

/** A marketplace token, opaque to the API: whether it is a good one the backend says. */
export const MarketplaceToken = z
  .string()
  .trim()
  .min(1)
  .max(8192)
  .regex(/^[\x21-\x7e]+$/, 'must be printable characters without spaces');

/** Hands over the workspace, of a tenant or of the person who accepted its invite; the token may come along. */
export const ProvisionRequest = z
  .strictObject({
    user_id: Id.optional(),
    client_id: Id.optional(),
    spreadsheet_id: SpreadsheetId.optional(),
    ssId: SpreadsheetId.optional().meta({ description: 'Alias of spreadsheet_id' }),
    owner_email: Email.optional(),
    wb_token: MarketplaceToken.optional(),
    ...keyed,
  })
  .refine((body) => body.user_id !== undefined || body.client_id !== undefined, {
    error: 'give client_id or user_id',
    path: ['client_id'],
  })
  .refine((body) => (body.spreadsheet_id === undefined) !== (body.ssId === undefined), {
    error: 'give spreadsheet_id, or ssId in its place',
    path: ['spreadsheet_id'],
  })
  .meta({
    id: 'ProvisionRequest',
    allOf: [
      { anyOf: [{ required: ['client_id'] }, { required: ['user_id'] }] },
      { oneOf: [{ required: ['spreadsheet_id'] }, { required: ['ssId'] }] },
    ],
  });

/** Hands over the marketplace token. */
export const TokenRequest = z
  .strictObject({
    client_id: Id,
    wb_token: MarketplaceToken,
    ...keyed,
  })
  .meta({ id: 'TokenRequest' });

/** The state that the call brought about, else the one that is reached so far. */
export const Progressed = z
  .strictObject({ success: z.literal(true), job_id: Id, client_id: Id, status: OnboardingState })
  .meta({ id: 'Progressed' });

/** Replaces the marketplace token of a tenant that has one. */
export const TokenRotate = z
  .strictObject({
    client_id: Id,
    wb_token: MarketplaceToken,
    reason: Reason,
    ...keyed,
  })
  .meta({ id: 'TokenRotate' });

/** How far a rotation is. */
export const TokenRotation = z
  .strictObject({
    success: z.literal(true),
    rotation_id: Id,
    client_id: Id,
    status: z.enum(['adding', 'verifying', 'smoking', 'done', 'failed']),
    problem: z.string().nullable(),
  })
  .meta({ id: 'TokenRotation' });

const inputProblems = [
  'onboarding-not-found',
  'not-accepted',
  'step-completed',
  'order-not-possible',
  'tenant-not-open',
] as const;

/** What customers hand over. */
export const provisioningEndpoints = [
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
    problems: inputProblems,
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
    problems: inputProblems,
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
] as const;
