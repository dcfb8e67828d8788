import { z } from 'zod';
import { Id, Time, endpoint } from './http';

/** What a verification comes to. */
export const VerificationCode = z.enum([
  'VALID',
  'MALFORMED',
  'NOT_FOUND',
  'WRONG_ENVIRONMENT',
  'TENANT_INACTIVE',
  'REVOKED',
  'BLOCKED',
  'EXPIRED',
  'ROTATED',
  'IP_DENIED',
  'PRODUCT_DENIED',
  'SCOPE_DENIED',
  'RATE_LIMITED',
  'USAGE_EXCEEDED',
  'UNAVAILABLE',
]);
export type VerificationCode = z.output<typeof VerificationCode>;

/** What a key is for. */
export const Environment = z.enum(['live', 'test']);

/** Scopes are asked for and stored without spaces. */
const Scope = z.string().regex(/^[\x21-\x7e]{1,100}$/, 'must be 1 to 100 printable characters');

/** A product by its name in the catalogue, or any other that keys are bound to. */
const Product = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be a product');

/** Most scopes that one request asks for. */
export const mostScopes = 50;

/** Most units that one request costs. */
export const highestCost = 10_000;

/** Asks whether a key is good, and for what. */
export const VerifyRequest = z
  .strictObject({
    key: z.string(),
    tenant_id: Id.optional(),
    product: Product.optional(),
    environment: Environment.optional(),
    scopes: z.array(Scope).max(mostScopes).optional(),
    ip: z
      .union([z.ipv4(), z.ipv6()])
      .optional()
      .meta({ description: 'Address of the client that presented the key' }),
    cost: z.int().min(0).max(highestCost).optional().meta({
      description: 'Units that a good answer takes from the limits of the key; 1 when left out',
    }),
  })
  .meta({ id: 'VerifyRequest' });

const RateLimitState = z.strictObject({
  limit: z.int(),
  remaining: z.int().min(0),
  reset_at: Time.meta({ description: 'End of the window' }),
});

const RotationState = z.strictObject({
  state: z.enum(['requested', 'pending', 'overlapping', 'draining']),
  successor_id: Id.nullable(),
  old_expires_at: Time.nullable().meta({ description: 'When this key ends' }),
});

/** The answer for a good key. */
export const GoodKey = z
  .strictObject({
    valid: z.literal(true),
    code: z.literal('VALID'),
    key_id: Id,
    tenant_id: Id,
    tenant_slug: z.string(),
    environment: Environment,
    scopes: z.array(z.string()),
    role: z.enum(['owner', 'admin', 'client']).nullable(),
    product: z.string().nullable(),
    expires_at: Time.nullable(),
    rate_limit: RateLimitState.nullable(),
    rotation: RotationState.optional().meta({
      description: 'Present on a key that has a successor, or an end because it leaked',
    }),
  })
  .meta({ id: 'GoodKey' });

/** The answer for any other key. */
export const BadKey = z
  .strictObject({
    valid: z.literal(false),
    code: VerificationCode.exclude(['VALID']),
    key_id: Id.optional().meta({ description: 'Present when the key is known' }),
    tenant_id: Id.optional(),
    retryable: z
      .literal(true)
      .optional()
      .meta({ description: 'Present with UNAVAILABLE: ask again in a moment' }),
  })
  .meta({ id: 'BadKey' });

const described = (name: string, description: string, pattern = '^[\\x20-\\x7e]+$') => ({
  name,
  description,
  pattern,
});

/** Verification of API keys: answered ahead of the app, for gateways and services. */
export const verificationEndpoints = [
  endpoint({
    operationId: 'verifyApiKey',
    method: 'post',
    path: '/v1/internal/api-keys/verify',
    tag: 'verification',
    summary: 'Whether a key is good; 200 also for one that is not, or that is no key at all',
    access: 'keys:verify',
    body: VerifyRequest,
    responses: { 200: z.union([GoodKey, BadKey]) },
    problems: ['unauthenticated'],
    raw: {
      responseHeaders: {
        200: [
          described('Retry-After', 'With RATE_LIMITED: seconds until the window ends', '^[0-9]+$'),
        ],
      },
    },
  }),
  endpoint({
    operationId: 'authorizeApiKey',
    method: 'get',
    path: '/_internal/auth/api-key/verify',
    tag: 'verification',
    summary:
      'The same for `auth_request` of nginx: the key in a header, the answer in status and headers',
    access: 'keys:verify',
    responses: { 204: null, 401: null, 403: null, 503: null },
    problems: [],
    raw: {
      requestHeaders: [
        described('X-Required-Scopes', 'Scopes that the key must have, by space or comma'),
        described('X-Required-Environment', 'live or test', '^(live|test)$'),
        described('X-Required-Product', 'Product that the key must be good for'),
        described('X-Real-IP', 'Address of the client; believed from trusted proxies'),
      ],
      responseHeaders: {
        204: [
          described('X-Key-Id', 'The key'),
          described('X-Tenant-Id', 'Its tenant'),
          described('X-Scopes', 'Its scopes, by space', '^[\\x20-\\x7e]*$'),
          described('X-Environment', 'live or test', '^(live|test)$'),
        ],
        403: [
          described('X-Auth-Reason', 'The code in lower case', '^[a-z_]+$'),
          described('Retry-After', 'With rate_limited: seconds until the window ends', '^[0-9]+$'),
        ],
        503: [described('Retry-After', 'Seconds to wait before the next try', '^[0-9]+$')],
      },
    },
  }),
] as const;
