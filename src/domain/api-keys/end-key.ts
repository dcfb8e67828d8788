import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import type { RequestSource } from '../identity/callers';
import { checkVersion, lockApiKey, markBlocked, markRevoked, unmarkBlocked } from './api-keys';
import type { ApiKey } from './api-keys';
import type { ApiKeyDeps } from './deps';
import { isAlive } from './edit';
import type { Issuer } from './issuers.rules';
import { auditKey, emitKeyEvent } from './records';
import { settleAfterRevocation } from './rotation-states';
import { wakeKeyRotation } from './wake';

/** Which key somebody means, and the version that they saw, if they named one. */
export interface KeyRef {
  readonly id: string;
  readonly version: number | undefined;
}

/** Who does something to a key, why, and from where. */
export interface KeyDeed {
  readonly by: Pick<Issuer, 'actorId' | 'staff'>;
  readonly reason: string | null;
  readonly source: RequestSource;
}

/**
 * Revokes a key for good; repeatable. The caller holds a barrier of this transaction and answers after it.
 * @param as a deletion is a revocation with an event of its own
 * @throws DomainError `api-key-not-found`, `version-stale`
 */
export async function revokeKey(
  tx: Tx,
  deps: Pick<ApiKeyDeps, 'outbox'>,
  ref: KeyRef,
  { by, reason, source }: KeyDeed,
  as: 'revoked' | 'deleted' = 'revoked',
): Promise<ApiKey> {
  const key = await lockApiKey(tx, ref.id);
  // A repeated revocation is good whatever version its sender saw.
  if (key.revokedAt) return key;
  checkVersion(key, ref.version);
  const revoked = await markRevoked(tx, key.id, { actorId: by.actorId, reason });
  const mover = { actorId: by.actorId, reason };
  for (const rotationId of await settleAfterRevocation(tx, key.id, mover, false)) {
    await deps.outbox.wake(tx, wakeKeyRotation(rotationId));
  }
  await emitKeyEvent(tx, `cabinet.apikey.${as}.v1`, revoked);
  await auditKey(tx, `apikey.${as}`, revoked, { actorId: by.actorId, source, reason, crud: 'd' });
  return revoked;
}

/**
 * Blocks a key until it is unblocked; repeatable. The caller holds a barrier of this transaction.
 * @throws DomainError `api-key-not-found`, `version-stale`, `api-key-dead`
 */
export async function blockKey(
  tx: Tx,
  ref: KeyRef,
  { by, reason, source }: KeyDeed,
): Promise<ApiKey> {
  const key = await lockLiving(tx, ref);
  // Staff may take over a block of the tenant's own; nobody else changes one that stands.
  if (key.blockedAt && (key.blockedByStaff || !by.staff)) return key;
  checkVersion(key, ref.version);
  const blocked = await markBlocked(tx, key.id, {
    actorId: by.actorId,
    reason,
    staff: by.staff,
  });
  if (!key.blockedAt) await emitKeyEvent(tx, 'apikey.blocked.v1', blocked);
  await auditKey(tx, 'apikey.blocked', blocked, { actorId: by.actorId, source, reason });
  return blocked;
}

/**
 * Lifts a block; repeatable. What staff have blocked only staff unblock.
 * @throws DomainError `api-key-not-found`, `version-stale`, `api-key-dead`, `forbidden`
 */
export async function unblockKey(
  tx: Tx,
  ref: KeyRef,
  { by, reason, source }: KeyDeed,
): Promise<ApiKey> {
  const key = await lockLiving(tx, ref);
  if (!key.blockedAt) return key;
  if (key.blockedByStaff && !by.staff) {
    throw new DomainError('forbidden', { detail: 'Staff have blocked this key; ask support.' });
  }
  checkVersion(key, ref.version);
  const unblocked = await unmarkBlocked(tx, key.id);
  await emitKeyEvent(tx, 'apikey.unblocked.v1', unblocked);
  await auditKey(tx, 'apikey.unblocked', unblocked, { actorId: by.actorId, source, reason });
  return unblocked;
}

async function lockLiving(tx: Tx, ref: KeyRef): Promise<ApiKey> {
  const key = await lockApiKey(tx, ref.id);
  if (!isAlive(key)) throw new DomainError('api-key-dead', { extra: { status: key.status } });
  return key;
}
