import { z } from 'zod';
import { Id, ListQuery, Reason, Time, text } from './http';
import { TenantRole } from './identity';
import { KeyRotation } from './key-rotations';

/** What a key may be used on. */
export const KeyEnvironment = z.enum(['live', 'test']);

/** Status of an API key; only `active` ones verify. */
export const ApiKeyStatus = z.enum(['active', 'blocked', 'revoked', 'expired', 'rotated']);
export type ApiKeyStatus = z.output<typeof ApiKeyStatus>;

/** Status of a scope: only `active` ones are given out. */
export const ScopeStatus = z.enum(['active', 'planned']);
export type ScopeStatus = z.output<typeof ScopeStatus>;

const Cidr = z
  .string()
  .regex(/^[0-9a-fA-F.:]{2,45}(?:\/\d{1,3})?$/, 'must be an address or a CIDR range');
const Cidrs = z.array(Cidr).max(100);
const Scopes = z
  .array(z.string().min(1).max(80))
  .max(50)
  .meta({ description: 'See GET /v1/api-keys/scopes' });
const Product = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be the name of a product')
  .meta({ description: 'The only product that the key is good for; any when left out' });
const UsageLimit = z.int().min(0).max(1_000_000_000_000);

/** Requests in a window of seconds; a bare number counts per minute. */
const RateLimitInput = z
  .union([
    z.int().min(1).max(1_000_000),
    z.strictObject({
      limit: z.int().min(1).max(1_000_000),
      window_seconds: z.int().min(1).max(86_400).default(60),
    }),
  ])
  .meta({ description: 'Most units of cost in each window; a bare number counts per minute' });

/** Most units of cost in each window of seconds. */
export const RateLimit = z.strictObject({ limit: z.int(), window_seconds: z.int() });

const fields = {
  name: text(100),
  product: Product.optional(),
  scopes: Scopes,
  role: TenantRole.optional(),
  expires_at: Time.optional(),
  allowed_cidrs: Cidrs.default([]).meta({
    description: 'Where it may be used from; empty: anywhere',
  }),
  rate_limit: RateLimitInput.optional(),
  usage_limit: UsageLimit.optional().meta({
    description: 'Units of cost in all, over all rotations',
  }),
  usage_limit_strict: z.boolean().default(false).meta({
    description: 'Charges each use in the database, so that the limit is never overrun',
  }),
};

/** An API key to be issued. */
export const ApiKeyCreate = z
  .strictObject({ tenant_id: Id, environment: KeyEnvironment.default('live'), ...fields })
  .meta({ id: 'ApiKeyCreate' });

/** What may be changed of an API key; null takes a bound away, down to what the plan sets. */
export const ApiKeyPatch = z
  .strictObject({
    name: fields.name.optional(),
    scopes: Scopes.optional(),
    allowed_cidrs: Cidrs.optional(),
    rate_limit: RateLimitInput.nullable().optional(),
    usage_limit: UsageLimit.nullable().optional(),
    usage_limit_strict: z.boolean().optional(),
  })
  .meta({ id: 'ApiKeyPatch' });

/** An API key as it is shown: never the key itself. */
export const ApiKey = z
  .strictObject({
    id: Id,
    tenant_id: Id,
    name: z.string(),
    prefix: z.string().meta({ description: 'The tag and the first 8 random characters' }),
    environment: KeyEnvironment,
    status: ApiKeyStatus,
    product: z.string().nullable(),
    scopes: z.array(z.string()),
    role: TenantRole.nullable(),
    allowed_cidrs: z.array(z.string()),
    rate_limit: RateLimit.nullable(),
    usage_limit: z.number().nullable(),
    usage_limit_strict: z.boolean(),
    expires_at: Time.nullable(),
    ends_at: Time.nullable().meta({
      description: 'The end that a rotation or a leak report has set',
    }),
    first_used_at: Time.nullable(),
    last_used_at: Time.nullable(),
    revoked_at: Time.nullable(),
    revoked_reason: z.string().nullable(),
    blocked_at: Time.nullable(),
    blocked_reason: z.string().nullable(),
    rotation_family_id: Id.meta({
      description: 'The first key of the chain; counters belong to it',
    }),
    rotation: KeyRotation.nullable().meta({
      description: 'The rotation that is open, with this key as the old or the new one',
    }),
    imported: z.boolean(),
    created_by: z.string(),
    created_by_admin: z.boolean().meta({ description: 'Issued by staff for the customer' }),
    created_at: Time,
    updated_at: Time,
    version: z.int(),
  })
  .meta({ id: 'ApiKey' });

/** An API key with its plaintext, which is shown once. */
export const ApiKeyIssued = ApiKey.extend({
  plaintext: z.string().nullable().meta({ description: 'The key; shown this once' }),
  secret_expired: z.boolean().optional(),
}).meta({ id: 'ApiKeyIssued' });

/** Filters of the list of keys. */
export const ApiKeyListQuery = ListQuery.extend({
  tenant_id: Id,
  status: ApiKeyStatus.optional(),
  environment: KeyEnvironment.optional(),
});

/** A block, unblock or revocation. */
export const ApiKeyDeed = z.strictObject({ reason: Reason.optional() }).meta({ id: 'ApiKeyDeed' });

/** The use of a key, newest day first. */
export const ApiKeyUsage = z
  .strictObject({
    key_id: Id,
    tenant_id: Id,
    requests: z.int().meta({ description: 'Verifications that let the key pass, in all' }),
    first_used_at: Time.nullable(),
    last_used_at: Time.nullable(),
    last_ip: z.string().nullable(),
    family_cost: z.number().meta({ description: 'Units that count against usage_limit' }),
    usage_limit: z.number().nullable(),
    days: z.array(
      z.strictObject({
        day: z.iso.date(),
        requests: z.int(),
        cost: z.int(),
        codes: z.record(z.string(), z.int()).meta({ description: 'Verifications by their code' }),
      }),
    ),
  })
  .meta({ id: 'ApiKeyUsage' });

/** How many days of use are asked for. */
export const ApiKeyUsageQuery = z.strictObject({
  days: z
    .preprocess(
      (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
      z.int('must be a whole number').min(1).max(366),
    )
    .default(30)
    .meta({ description: 'Days back from today' }),
});

/** One scope of the catalogue. */
export const Scope = z.strictObject({
  scope: z.string(),
  status: ScopeStatus,
  description: z.string(),
});

/** A key of another system, known by its hash only. */
export const ApiKeyImport = z
  .strictObject({
    tenant_id: Id,
    name: text(100),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9]{1,10}_(?:(?:live|test)_)?[A-Za-z0-9+/_-]{8}$/, {
        error: 'must be the tag and the first 8 characters of the key, such as bp_AbCdEfGh',
      })
      .meta({ description: 'The tag and the first 8 characters of the key' }),
    hash: z
      .string()
      .max(200)
      .regex(
        /^(?:[0-9a-fA-F]{64}|argon2id\|[A-Za-z0-9+/_-]{11,88}={0,2}\|[A-Za-z0-9+/_-]{43}=?)$/,
        {
          error: 'must be 64 hexadecimal digits (SHA-256) or argon2id|salt|hash in base64',
        },
      )
      .meta({
        description:
          'SHA-256 in hexadecimal, or `argon2id|salt|hash` in base64 (t=1, m=64 MiB, p=4, 32 bytes)',
      }),
    scopes: Scopes,
    product: Product.optional(),
    role: TenantRole.optional(),
    expires_at: Time.optional(),
    allowed_cidrs: Cidrs.default([]),
    rate_limit: RateLimitInput.optional(),
    usage_limit: UsageLimit.optional(),
    usage_limit_strict: z.boolean().default(false),
  })
  .meta({ id: 'ApiKeyImport' });

/** A key that was found where it should not be. */
export const LeakReport = z
  .strictObject({ key: z.string().min(1).max(8192) })
  .meta({ id: 'LeakReport' });
