import type { ApiKeyStatus } from '../../contracts/api-keys';
import type { TenantRole } from '../../contracts/identity';
import { DomainError } from '../../errors/problems';
import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { KeyDigest, KeyEnvironment } from '../../platform/crypto/keys';
import type { Tx } from '../../platform/db';
import type { Rate } from './plan-limits.rules';

/** An API key as the rows hold it: never the key itself. */
export interface ApiKey {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  /** The tag and the first 8 random characters. */
  readonly prefix: string;
  readonly environment: KeyEnvironment;
  /** As it is at this moment, on the database's clock. */
  readonly status: ApiKeyStatus;
  readonly product: string | null;
  readonly scopes: readonly string[];
  readonly role: TenantRole | null;
  readonly allowedCidrs: readonly string[];
  readonly rate: Rate | null;
  readonly usageLimit: number | null;
  readonly usageLimitStrict: boolean;
  readonly expiresAt: Date | null;
  /** The end that a rotation or a leak report has set. */
  readonly endsAt: Date | null;
  /** The first key of the chain of rotations. */
  readonly familyId: string;
  readonly firstUsedAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
  readonly revokedReason: string | null;
  readonly blockedAt: Date | null;
  readonly blockedReason: string | null;
  readonly blockedByStaff: boolean;
  readonly imported: boolean;
  readonly createdBy: string;
  readonly createdByAdmin: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly version: number;
}

const statusOf = `case when k.revoked_at is not null then 'revoked' when k.blocked_at is not null then 'blocked'
  when k.expires_at <= clock_timestamp() then 'expired' when k.ends_at <= clock_timestamp() then 'rotated'
  else 'active' end`;

const columns = `k.id, k.tenant_id as "tenantId", k.name, k.prefix, k.environment, ${statusOf} as status, k.product,
  k.scopes, k.role, k.allowed_cidrs::text[] as "allowedCidrs",
  case when k.rate_limit is not null
    then jsonb_build_object('limit', k.rate_limit, 'windowSeconds', k.rate_window_seconds) end as rate,
  k.usage_limit as "usageLimit", k.usage_limit_strict as "usageLimitStrict", k.expires_at as "expiresAt",
  k.ends_at as "endsAt", k.rotation_family_id as "familyId", k.first_used_at as "firstUsedAt",
  (select u.last_used_at from api_key_usage as u where u.key_id = k.id) as "lastUsedAt",
  k.revoked_at as "revokedAt", k.revoked_reason as "revokedReason", k.blocked_at as "blockedAt",
  k.blocked_reason as "blockedReason", k.blocked_by_staff as "blockedByStaff", k.imported,
  k.created_by as "createdBy", k.created_by_admin as "createdByAdmin", k.created_at as "createdAt",
  k.updated_at as "updatedAt", k.version`;

/** A key's row to be. */
export interface NewApiKey {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly prefix: string;
  /** Null while only a foreign hash is known. */
  readonly digest: KeyDigest | null;
  readonly environment: KeyEnvironment;
  readonly product: string | null;
  readonly scopes: readonly string[];
  readonly role: TenantRole | null;
  readonly allowedCidrs: readonly string[];
  readonly rate: Rate | null;
  readonly usageLimit: number | null;
  readonly usageLimitStrict: boolean;
  readonly expiresAt: Date | null;
  readonly familyId: string;
  readonly imported: boolean;
  readonly createdBy: string;
  readonly createdByAdmin: boolean;
}

/**
 * Writes a key's row.
 * @throws DomainError `api-key-exists` when another key has the same digest, which an import can bring
 */
export async function insertApiKey(tx: Tx, key: NewApiKey): Promise<ApiKey> {
  const inserted = await tx.run(
    `insert into api_keys (id, tenant_id, name, prefix, digest, pepper_id, environment, product, scopes, role,
       allowed_cidrs, rate_limit, rate_window_seconds, usage_limit, usage_limit_strict, expires_at,
       rotation_family_id, imported, created_by, created_by_admin)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
       (select coalesce(array_agg(network(range::inet)), '{}') from unnest($11::text[]) as range),
       $12, $13, $14, $15, $16, $17, $18, $19, $20)
     on conflict (digest) do nothing`,
    [
      key.id,
      key.tenantId,
      key.name,
      key.prefix,
      key.digest?.digest ?? null,
      key.digest?.pepperId ?? null,
      key.environment,
      key.product,
      key.scopes,
      key.role,
      key.allowedCidrs,
      key.rate?.limit ?? null,
      key.rate?.windowSeconds ?? null,
      key.usageLimit,
      key.usageLimitStrict,
      key.expiresAt,
      key.familyId,
      key.imported,
      key.createdBy,
      key.createdByAdmin,
    ],
  );
  if (inserted === 0) throw new DomainError('api-key-exists');
  return getApiKey(tx, key.id);
}

/** The key of an id, or undefined. */
export function findApiKey(tx: Tx, id: string): Promise<ApiKey | undefined> {
  return tx.maybe<ApiKey>(`select ${columns} from api_keys as k where k.id = $1`, [id]);
}

/**
 * The key of an id.
 * @throws DomainError `api-key-not-found`
 */
export async function getApiKey(tx: Tx, id: string): Promise<ApiKey> {
  const key = await findApiKey(tx, id);
  if (!key) throw new DomainError('api-key-not-found');
  return key;
}

/** The tenant of a key, or undefined. */
export async function tenantOfKey(tx: Tx, id: string): Promise<string | undefined> {
  const row = await tx.maybe<{ tenant_id: string }>(
    'select tenant_id from api_keys where id = $1',
    [id],
  );
  return row?.tenant_id;
}

/** The keys that one of these digests belongs to: one at most, since digests are unique. */
export function findByDigests(
  tx: Tx,
  candidates: readonly KeyDigest[],
): Promise<ApiKey | undefined> {
  return tx.maybe<ApiKey>(
    `select ${columns} from api_keys as k where k.digest = any($1::bytea[])`,
    [candidates.map(({ digest }) => digest)],
  );
}

/** Keys of a tenant, newest first. */
export async function listApiKeys(
  tx: Tx,
  filter: {
    readonly tenantId: string;
    readonly status?: ApiKeyStatus | undefined;
    readonly environment?: KeyEnvironment | undefined;
  },
  keyset: Keyset,
): Promise<Page<ApiKey>> {
  const rows = await tx.rows<ApiKey & { position_at: string }>(
    `select ${columns}, ${positionOf('k.created_at')} from api_keys as k
     where k.tenant_id = $4 and ($5::text is null or ${statusOf} = $5)
       and ($6::text is null or k.environment = $6)
       and ($1::timestamptz is null or (k.created_at, k.id) < ($1::timestamptz, $2::uuid))
     order by k.created_at desc, k.id desc limit $3`,
    [...keysetParams(keyset), filter.tenantId, filter.status ?? null, filter.environment ?? null],
  );
  return pageOf(rows, keyset, ({ id }) => id);
}

/**
 * How many keys of a tenant count against its plan: those that could verify but for a block. The successor of a
 * rotation whose old key still lives does not count: both are one.
 */
export async function countLiveKeys(tx: Tx, tenantId: string): Promise<number> {
  const row = await tx.one<{ n: number }>(
    `select count(*)::int as n from api_keys as k
     where k.tenant_id = $1 and k.revoked_at is null
       and (k.expires_at is null or k.expires_at > now()) and (k.ends_at is null or k.ends_at > now())
       and not exists (
         select 1 from key_rotations as r join api_keys as old on old.id = r.old_key_id
         where r.new_key_id = k.id and r.state in ('pending', 'overlapping') and old.revoked_at is null
           and (old.ends_at is null or old.ends_at > now()) and (old.expires_at is null or old.expires_at > now()))`,
    [tenantId],
  );
  return row.n;
}

/**
 * Locks a key together with all keys of its family, in the order of their ids, until the transaction ends. Every
 * change of a key or of its rotations begins with it, so that none of them meet half-way; the flush of usage, which
 * notes first uses, locks the same rows in the same order.
 * @throws DomainError `api-key-not-found`
 */
export async function lockApiKey(tx: Tx, id: string): Promise<ApiKey> {
  await tx.run(
    `select k.id from api_keys as k
     where k.rotation_family_id = (select rotation_family_id from api_keys where id = $1)
     order by k.id for no key update`,
    [id],
  );
  return getApiKey(tx, id);
}

/**
 * Refuses a change that was made on another version than the present one.
 * @throws DomainError `version-stale`
 */
export function checkVersion(row: { readonly version: number }, seen: number | undefined): void {
  if (seen === undefined || seen === row.version) return;
  throw new DomainError('version-stale', {
    extra: { current_etag: `"v${String(row.version)}"` },
  });
}

/** What an edit changes of a key; what is undefined stays. */
export interface KeyChanges {
  readonly name?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly allowedCidrs?: readonly string[] | undefined;
  readonly rate?: Rate | undefined;
  readonly usageLimit?: number | null | undefined;
  readonly usageLimitStrict?: boolean | undefined;
}

/** Writes the changes of an edit. */
export async function updateApiKey(tx: Tx, id: string, changes: KeyChanges): Promise<ApiKey> {
  await tx.run(
    `update api_keys set name = coalesce($2, name), scopes = coalesce($3::text[], scopes),
       allowed_cidrs = case when $4::text[] is null then allowed_cidrs
         else (select coalesce(array_agg(network(range::inet)), '{}') from unnest($4::text[]) as range) end,
       rate_limit = coalesce($5, rate_limit), rate_window_seconds = coalesce($6, rate_window_seconds),
       usage_limit = case when $7 then $8::bigint else usage_limit end,
       usage_limit_strict = coalesce($9, usage_limit_strict), version = version + 1, updated_at = now()
     where id = $1`,
    [
      id,
      changes.name ?? null,
      changes.scopes ?? null,
      changes.allowedCidrs ?? null,
      changes.rate?.limit ?? null,
      changes.rate?.windowSeconds ?? null,
      changes.usageLimit !== undefined,
      changes.usageLimit ?? null,
      changes.usageLimitStrict ?? null,
    ],
  );
  return getApiKey(tx, id);
}

/** Gives the rate of a key to the others of its family that may verify again, where theirs is another; returns those. */
export function updateRateOfFamily(
  tx: Tx,
  { id, familyId, rate }: ApiKey,
): Promise<Pick<ApiKey, 'id' | 'tenantId' | 'name' | 'prefix'>[]> {
  return tx.rows(
    `update api_keys set rate_limit = $3, rate_window_seconds = $4, version = version + 1, updated_at = now()
     where rotation_family_id = $2 and id <> $1 and revoked_at is null
       and (rate_limit, rate_window_seconds) is distinct from ($3::int, $4::int)
     returning id, tenant_id as "tenantId", name, prefix`,
    [id, familyId, rate?.limit ?? null, rate?.windowSeconds ?? null],
  );
}

/** Marks a key as revoked for good; one that is revoked already stays as it is. */
export async function markRevoked(
  tx: Tx,
  id: string,
  by: { readonly actorId: string; readonly reason: string | null },
): Promise<ApiKey> {
  await tx.run(
    `update api_keys set revoked_at = now(), revoked_by = $2, revoked_reason = $3, version = version + 1,
       updated_at = now()
     where id = $1 and revoked_at is null`,
    [id, by.actorId, by.reason],
  );
  return getApiKey(tx, id);
}

/** Marks a key as blocked; a block by staff takes the place of one by the tenant's own people. */
export async function markBlocked(
  tx: Tx,
  id: string,
  by: { readonly actorId: string; readonly reason: string | null; readonly staff: boolean },
): Promise<ApiKey> {
  await tx.run(
    `update api_keys set blocked_at = coalesce(blocked_at, now()), blocked_by = $2, blocked_reason = $3,
       blocked_by_staff = $4, version = version + 1, updated_at = now()
     where id = $1`,
    [id, by.actorId, by.reason, by.staff],
  );
  return getApiKey(tx, id);
}

/** Lifts a block. */
export async function unmarkBlocked(tx: Tx, id: string): Promise<ApiKey> {
  await tx.run(
    `update api_keys set blocked_at = null, blocked_by = null, blocked_reason = null, blocked_by_staff = false,
       version = version + 1, updated_at = now()
     where id = $1`,
    [id],
  );
  return getApiKey(tx, id);
}

/**
 * Sets the end that verification enforces beside the key's own expiry; null takes it away. `now` is read on the
 * database's clock when the statement runs.
 */
export async function setEnd(tx: Tx, id: string, endsAt: Date | 'now' | null): Promise<void> {
  await tx.run(
    `update api_keys set ends_at = case when $2 then clock_timestamp() else $3::timestamptz end,
       version = version + 1, updated_at = now()
     where id = $1`,
    [id, endsAt === 'now', endsAt === 'now' ? null : endsAt],
  );
}

/** A key whose expiry has passed. */
export type ExpiredKey = Pick<ApiKey, 'id' | 'tenantId' | 'name' | 'prefix'> & {
  readonly expiresAt: Date;
  /** Whether it had ended before: by a rotation or a leak report, which was told. */
  readonly ended: boolean;
};

/** Keys whose expiry has passed without anybody having been told; marks them as told. */
export function takeExpired(tx: Tx, limit: number): Promise<ExpiredKey[]> {
  return tx.rows(
    `update api_keys set expiry_told_at = now() where id in (
       select id from api_keys
       where expires_at <= now() and expiry_told_at is null and revoked_at is null
       order by expires_at limit $1 for update skip locked)
     returning id, tenant_id as "tenantId", name, prefix, expires_at as "expiresAt",
       coalesce(ends_at <= expires_at, false) as ended`,
    [limit],
  );
}
