import { mintKey, readKey } from '../../../src/platform/crypto/key-formats';
import type { KeyFormat } from '../../../src/platform/crypto/key-formats';
import type { KeyHasher } from '../../../src/platform/crypto/keys';
import type { Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';

/** What a test says of a key; times are seconds from now, negative ones have passed. */
export interface GivenKey {
  tenantId: string;
  format?: KeyFormat;
  environment?: 'live' | 'test';
  scopes?: string[];
  role?: 'owner' | 'admin' | 'client';
  product?: string;
  cidrs?: string[];
  rateLimit?: { limit: number; seconds: number };
  usageLimit?: number;
  usageLimitStrict?: boolean;
  expiresIn?: number;
  endsIn?: number;
  familyId?: string;
  revoked?: boolean;
  blocked?: boolean;
}

/** A key's row, written as issuing it would; the plaintext is in the answer only. */
export async function insertKey(
  tx: Tx,
  hasher: KeyHasher,
  given: GivenKey,
): Promise<{ id: string; key: string }> {
  const id = newId();
  const environment = given.environment ?? 'live';
  const key = mintKey(given.format ?? 'usher', 'ush', environment);
  const { digest, pepperId } = hasher.digest(key);
  await tx.run(
    `insert into api_keys (id, tenant_id, name, prefix, digest, pepper_id, environment, scopes, role, product,
       allowed_cidrs, rate_limit, rate_window_seconds, usage_limit, usage_limit_strict, expires_at, ends_at,
       rotation_family_id, revoked_at, blocked_at, created_by)
     values ($1, $2, 'test', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
       now() + $15 * interval '1 second', now() + $16 * interval '1 second', $17,
       case when $18::boolean then now() end, case when $19::boolean then now() end, 'system:test')`,
    [
      id,
      given.tenantId,
      readKey('ush', key)?.prefix,
      digest,
      pepperId,
      environment,
      given.scopes ?? [],
      given.role ?? null,
      given.product ?? null,
      given.cidrs ?? [],
      given.rateLimit?.limit ?? null,
      given.rateLimit?.seconds ?? null,
      given.usageLimit ?? null,
      given.usageLimitStrict ?? false,
      given.expiresIn ?? null,
      given.endsIn ?? null,
      given.familyId ?? id,
      given.revoked ?? false,
      given.blocked ?? false,
    ],
  );
  return { id, key };
}

/** What a tenant may use, and for how many seconds from now. */
export async function insertEntitlement(
  tx: Tx,
  given: {
    tenantId: string;
    product: string;
    status?: 'trial' | 'active' | 'expired';
    expiresIn?: number;
  },
): Promise<void> {
  await tx.run(
    `insert into entitlements (tenant_id, product, status, expires_at, source)
     values ($1, $2, $3, now() + $4 * interval '1 second', 'test')`,
    [given.tenantId, given.product, given.status ?? 'active', given.expiresIn ?? null],
  );
}

/** A product of the catalogue. */
export async function insertProduct(tx: Tx, product: string): Promise<void> {
  await tx.run('insert into products (product, name) values ($1, $1)', [product]);
}
