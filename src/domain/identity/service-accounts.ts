import { DomainError } from '../../errors/problems';
import type { FieldError } from '../../errors/problems';
import { normaliseAddress, parseRange } from '../../platform/client-addresses';
import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import { newKey, visiblePrefix } from '../../platform/crypto/keys';
import type { KeyDigest, KeyHasher } from '../../platform/crypto/keys';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { digestOf } from '../../platform/peppers';
import * as audit from '../audit/audit-entries';
import type { RequestSource, ServiceCaller, UserCaller } from './callers';
import { isPermission, permissionsOf, stepUpPermissions } from './roles.rules';

/** A service account as lists show it. */
export interface ServiceAccount {
  readonly id: string;
  readonly name: string;
  /** The key's tag and its first 8 random characters. */
  readonly prefix: string;
  readonly permissions: readonly string[];
  readonly allowedCidrs: readonly string[];
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
  readonly version: number;
}

/** A service account with its key, which is in this object only. */
export interface ServiceAccountWithKey extends ServiceAccount {
  readonly key: string;
}

/** What keys of service accounts are made with. */
export interface ServiceKeys {
  /** `USHER_KEY_PREFIX` */
  readonly prefix: string;
  /** With the label `usher/service-account/v1`. */
  readonly hasher: KeyHasher;
}

/** A service account to be created. */
export interface NewServiceAccount {
  readonly name: string;
  readonly permissions: readonly string[];
  readonly allowedCidrs: readonly string[];
}

/** Who may create and rotate: a caller with permissions of their own, or the command line, which has all. */
export type KeyGrantor =
  | Pick<UserCaller | ServiceCaller, 'actorId' | 'permissions'>
  | { readonly actorId: 'system:cli'; readonly permissions: 'all' };

const columns = `id, name, prefix, permissions, allowed_cidrs::text[] as "allowedCidrs", created_by as "createdBy",
  created_at as "createdAt", last_used_at as "lastUsedAt", revoked_at as "revokedAt", version`;

/**
 * The permissions of a role as shorthand: without those that a person confirms by a fresh sign-in, which a service
 * account gets by name only.
 */
export function shorthand(role: string): string[] {
  return permissionsOf('platform', role).filter((permission) => !stepUpPermissions.has(permission));
}

/**
 * Creates a service account whose permissions its creator holds too.
 * @throws DomainError `validation-failed` for an unknown permission or a bad range, `role-too-high`
 */
export async function createServiceAccount(
  tx: Tx,
  keys: ServiceKeys,
  by: KeyGrantor,
  account: NewServiceAccount,
  source: RequestSource,
): Promise<ServiceAccountWithKey> {
  const permissions = [...new Set(account.permissions)].sort();
  const cidrs = checked(permissions, account.allowedCidrs);
  requireHeld(by, permissions);
  const { key, digest } = await mint(tx, keys);
  const created = await tx.one<ServiceAccount>(
    `insert into service_accounts
       (id, name, prefix, key_digest, pepper_id, permissions, allowed_cidrs, created_by)
     values ($1, $2, $3, $4, $5, $6, (select coalesce(array_agg(network(range::inet)), '{}') from unnest($7::text[]) as range), $8)
     returning ${columns}`,
    [
      newId(),
      account.name,
      visiblePrefix(key),
      digest.digest,
      digest.pepperId,
      permissions,
      cidrs,
      by.actorId,
    ],
  );
  await record(tx, 'created', 'c', by.actorId, created, source);
  return { ...created, key };
}

async function mint(tx: Tx, keys: ServiceKeys): Promise<{ key: string; digest: KeyDigest }> {
  const key = newKey(keys.prefix, 'live');
  return { key, digest: await digestOf(tx, keys.hasher, key) };
}

function checked(permissions: readonly string[], ranges: readonly string[]): string[] {
  const parsed = ranges.map(parseRange);
  const errors: FieldError[] = [
    ...permissions
      .filter((permission) => !isPermission(permission))
      .map((permission) => ({
        pointer: '/permissions',
        message: `${permission} is no permission`,
      })),
    ...parsed.flatMap((range, index) =>
      range
        ? []
        : [
            {
              pointer: `/allowed_cidrs/${String(index)}`,
              message: 'must be an address or a range',
            },
          ],
    ),
  ];
  if (errors.length > 0) throw new DomainError('validation-failed', { errors });
  return parsed.flatMap((range) => (range ? [`${range.address}/${String(range.bits)}`] : []));
}

function requireHeld(by: KeyGrantor, permissions: readonly string[]): void {
  const held = by.permissions;
  if (held === 'all') return;
  const missing = permissions.filter((permission) => !held.has(permission));
  if (missing.length > 0) {
    throw new DomainError('role-too-high', {
      detail: `A service account may hold only what its creator holds; not yours: ${missing.join(', ')}.`,
    });
  }
}

/** One page of the service accounts, newest first; revoked ones are among them. */
export async function listServiceAccounts(tx: Tx, keyset: Keyset): Promise<Page<ServiceAccount>> {
  const rows = await tx.rows<ServiceAccount & { position_at: string }>(
    `select ${columns}, ${positionOf('created_at')} from service_accounts
     where $1::timestamptz is null or (created_at, id) < ($1::timestamptz, $2::uuid)
     order by created_at desc, id desc limit $3`,
    keysetParams(keyset),
  );
  return pageOf(rows, keyset, ({ id }) => id);
}

/** Which service account is changed, and the version that the caller saw, if they named one. */
export interface ServiceAccountRef {
  readonly id: string;
  readonly version: number | undefined;
}

/**
 * Gives a service account a new key; the old one is dead at once. Only who holds all its permissions may, since they
 * learn the key.
 * @throws DomainError `service-account-not-found`, `service-account-revoked`, `version-stale`, `role-too-high`
 */
export async function rotateServiceAccount(
  tx: Tx,
  keys: ServiceKeys,
  by: KeyGrantor,
  ref: ServiceAccountRef,
  source: RequestSource,
): Promise<ServiceAccountWithKey> {
  const account = await lock(tx, ref);
  if (account.revokedAt) throw new DomainError('service-account-revoked');
  requireHeld(by, account.permissions);
  const { key, digest } = await mint(tx, keys);
  const rotated = await tx.one<ServiceAccount>(
    `update service_accounts set prefix = $2, key_digest = $3, pepper_id = $4, rotated_at = now(), version = version + 1
     where id = $1 returning ${columns}`,
    [account.id, visiblePrefix(key), digest.digest, digest.pepperId],
  );
  await record(tx, 'rotated', 'u', by.actorId, rotated, source);
  return { ...rotated, key };
}

/**
 * Revokes a service account for good; repeatable.
 * @throws DomainError `service-account-not-found`, `version-stale`
 */
export async function revokeServiceAccount(
  tx: Tx,
  actorId: string,
  ref: ServiceAccountRef,
  source: RequestSource,
): Promise<void> {
  const account = await lock(tx, ref);
  if (account.revokedAt) return;
  const revoked = await tx.one<ServiceAccount>(
    `update service_accounts set revoked_at = now(), version = version + 1 where id = $1 returning ${columns}`,
    [account.id],
  );
  await record(tx, 'revoked', 'd', actorId, revoked, source);
}

async function lock(tx: Tx, ref: ServiceAccountRef): Promise<ServiceAccount> {
  const account = await tx.maybe<ServiceAccount>(
    `select ${columns} from service_accounts where id = $1 for no key update`,
    [ref.id],
  );
  if (!account) throw new DomainError('service-account-not-found');
  // A repeated revocation is good whatever version its sender saw.
  if (!account.revokedAt && ref.version !== undefined && ref.version !== account.version) {
    throw new DomainError('version-stale', {
      extra: { current_etag: `"v${String(account.version)}"` },
    });
  }
  return account;
}

async function record(
  tx: Tx,
  what: 'created' | 'rotated' | 'revoked',
  crud: 'c' | 'u' | 'd',
  actorId: string,
  account: ServiceAccount,
  source: RequestSource,
): Promise<void> {
  await audit.append(tx, {
    action: `service_account.${what}`,
    crud,
    actorId,
    targets: [{ type: 'service_account', id: account.id, name: account.name }],
    metadata: { prefix: account.prefix, permissions: account.permissions.join(' ') },
    sourceIp: source.ip,
    userAgent: source.userAgent,
    component: actorId === 'system:cli' ? 'cli' : 'api',
  });
}

interface FoundAccount {
  readonly id: string;
  readonly name: string;
  readonly permissions: string[];
  readonly allowed: boolean;
  readonly current: boolean;
  readonly key_digest: Buffer;
  readonly stale: boolean;
}

/**
 * The machine behind a well-formed key, read on the primary for every request. A key that was stored under a retired
 * pepper is moved to the active one.
 * @returns undefined for a key that is unknown or revoked
 * @throws DomainError `address-not-allowed` when the account has an allow-list without the client's address
 */
export function findServiceCaller(
  db: Database,
  keys: ServiceKeys,
  key: string,
  ip: string | undefined,
): Promise<ServiceCaller | undefined> {
  const candidates = keys.hasher.candidates(key);
  return withSystem(db, 'identity', async (tx) => {
    const account = await tx.maybe<FoundAccount>(
      `select id, name, permissions, key_digest,
         pepper_id = coalesce((select pepper_id from current_pepper), $3) as current,
         allowed_cidrs = '{}' or coalesce($2::inet <<= any(allowed_cidrs), false) as allowed,
         coalesce(last_used_at < now() - interval '1 minute', true) as stale
       from service_accounts where key_digest = any($1::bytea[]) and revoked_at is null`,
      [
        candidates.map(({ digest }) => digest),
        normaliseAddress(ip) ?? null,
        keys.hasher.activePepperId,
      ],
    );
    if (!account) return undefined;
    if (!account.allowed) throw new DomainError('address-not-allowed');
    if (!account.current) await upgrade(tx, account, await digestOf(tx, keys.hasher, key));
    if (account.stale) {
      await tx.run('update service_accounts set last_used_at = now() where id = $1', [account.id]);
    }
    return {
      kind: 'service',
      actorId: `service:${account.id}`,
      serviceAccountId: account.id,
      name: account.name,
      permissions: new Set(account.permissions),
    };
  });
}

// Compares the old digest, so that a rotation that came in between is not undone.
async function upgrade(tx: Tx, account: FoundAccount, to: KeyDigest): Promise<void> {
  await tx.run(
    'update service_accounts set key_digest = $3, pepper_id = $4 where id = $1 and key_digest = $2',
    [account.id, account.key_digest, to.digest, to.pepperId],
  );
}

/** How many live service accounts hang on each pepper; a process that lacks one of them is not ready. */
export function peppersInUse(db: Database): Promise<{ pepperId: string; accounts: number }[]> {
  return withSystem(
    db,
    'identity',
    (tx) =>
      tx.rows<{ pepperId: string; accounts: number }>(
        `select pepper_id as "pepperId", count(*)::int as accounts from service_accounts
         where revoked_at is null group by pepper_id order by pepper_id`,
      ),
    { readOnly: true },
  );
}
