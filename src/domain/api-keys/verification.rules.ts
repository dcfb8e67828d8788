import type { VerificationCode } from '../../contracts/verification';

/** What is known of a key; everything that time decides was decided by the database that was asked. */
export interface KeyFacts {
  readonly id: string;
  readonly tenantId: string;
  readonly tenantSlug: string;
  /** The tenant is `active`, or `trial` and its trial is not over. */
  readonly tenantOpen: boolean;
  readonly environment: 'live' | 'test';
  readonly revoked: boolean;
  readonly blocked: boolean;
  /** Its own expiry has passed. */
  readonly expired: boolean;
  /** The end that a rotation set has passed. */
  readonly ended: boolean;
  /** Nobody has marked a first use of it. */
  readonly unused: boolean;
  /** Whether a normalised address may use it; null when all may. */
  readonly admits: ((address: string) => boolean) | null;
  /** The one product that it is bound to, if it is. */
  readonly product: string | null;
  readonly scopes: readonly string[];
  readonly role: 'owner' | 'admin' | 'client' | null;
  /** Milliseconds since 1970, as everything here that is a time. */
  readonly expiresAt: number | null;
  readonly rateLimit: { readonly limit: number; readonly seconds: number } | null;
  /** Units that the whole rotation family may use. */
  readonly usageLimit: number | null;
  readonly usageLimitStrict: boolean;
  readonly familyId: string;
  readonly pepperId: string | null;
  /** Products of the catalogue that the tenant is entitled to at present. */
  readonly entitled: readonly string[];
  readonly catalogue: readonly string[];
  /** When the first of tenant's trial, expiry, end and an entitlement runs out; null for never. */
  readonly holdsUntil: number | null;
  readonly rotation: {
    readonly state: string;
    readonly successorId: string | null;
    readonly endsAt: number | null;
  } | null;
  /** Once somebody wrote them: what these facts decide of a good answer, as a body and as headers. */
  writtenBody: WrittenBody | undefined;
  writtenHeaders: string | undefined;
}

/** The body of a good answer in parts. Its `rate_limit` stands between `before` and `after`. */
export interface WrittenBody {
  readonly before: string;
  readonly after: string;
  /** Bytes of both. */
  readonly bytes: number;
}

/** What a request asks of a key. A check whose input is absent is skipped. */
export interface Asked {
  readonly tenantId?: string | undefined;
  readonly environment?: 'live' | 'test' | undefined;
  /** The client's address, normalised; undefined when nobody knows it. */
  readonly address?: string | undefined;
  readonly product?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
}

/** What the checks before the limits come to. */
export type Judgement = Exclude<
  VerificationCode,
  'MALFORMED' | 'RATE_LIMITED' | 'USAGE_EXCEEDED' | 'UNAVAILABLE'
>;

/**
 * The checks in their order: environment, tenant, tenant's status, revoked, blocked, expiry, end of a rotation,
 * address, product with its entitlement, scopes. The first that fails names the answer.
 * @param key undefined when no key has the digest
 */
export function judge(key: KeyFacts | undefined, asked: Asked): Judgement {
  if (!key) return 'NOT_FOUND';
  if (asked.environment !== undefined && asked.environment !== key.environment)
    return 'WRONG_ENVIRONMENT';
  if (asked.tenantId !== undefined && asked.tenantId !== key.tenantId) return 'NOT_FOUND';
  if (!key.tenantOpen) return 'TENANT_INACTIVE';
  if (key.revoked) return 'REVOKED';
  if (key.blocked) return 'BLOCKED';
  if (key.expired) return 'EXPIRED';
  if (key.ended) return 'ROTATED';
  // Nobody's address is in no list.
  if (key.admits && (asked.address === undefined || !key.admits(asked.address))) return 'IP_DENIED';
  if (asked.product !== undefined && !isGoodFor(key, asked.product)) return 'PRODUCT_DENIED';
  if (asked.scopes !== undefined && !hasAll(key.scopes, asked.scopes)) return 'SCOPE_DENIED';
  return 'VALID';
}

function hasAll(scopes: readonly string[], wanted: readonly string[]): boolean {
  for (const one of wanted) if (!scopes.includes(one)) return false;
  return true;
}

function isGoodFor(key: KeyFacts, product: string): boolean {
  if (key.product !== null && key.product !== product) return false;
  return key.entitled.includes(product) || !key.catalogue.includes(product);
}

/**
 * Whether an answer may say whose key it is: the digest matched, and it is not another tenant's key than the one that
 * was asked for.
 */
export function mayName(key: KeyFacts | undefined, asked: Asked): key is KeyFacts {
  return key !== undefined && (asked.tenantId === undefined || asked.tenantId === key.tenantId);
}

/** Codes that the GET route answers with one and the same 401. */
export const undifferentiated: ReadonlySet<VerificationCode> = new Set([
  'MALFORMED',
  'NOT_FOUND',
  'WRONG_ENVIRONMENT',
  'REVOKED',
  'EXPIRED',
  'ROTATED',
]);
