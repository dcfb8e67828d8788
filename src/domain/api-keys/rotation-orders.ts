import type { KeyRotationOrder } from '../../contracts/key-rotations';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { requestContext } from '../../platform/request-context';
import { newId } from '../../platform/ids';
import { checkVersion, lockApiKey, setEnd } from './api-keys';
import type { ApiKeyDeps } from './deps';
import { getRotation } from './key-rotations';
import type { KeyRotation } from './key-rotations';
import { moveClocks, note, setReason } from './rotation-rows';
import {
  auditRotation,
  move,
  returnOldKey,
  revokeSuccessor,
  rotationOfKey,
  upToDate,
} from './rotation-states';
import type { Mover } from './rotation-states';
import { endOfOldKey, extended, possibleOrders, refusalOfOrder } from './rotation.rules';
import type { Extension } from './rotation.rules';
import { wakeKeyRotation } from './wake';

/** What somebody tells a rotation. */
export interface RotationOrder extends Mover {
  /** Either of its keys. */
  readonly keyId: string;
  readonly rotationId: string;
  /** The version of the rotation that the sender saw, if they named one. */
  readonly version: number | undefined;
  readonly order:
    | { readonly kind: 'complete'; readonly compromised: boolean }
    | { readonly kind: 'extend'; readonly byMs: number }
    | { readonly kind: 'cancel' | 'rollback' };
}

/**
 * Carries an order out in its own transaction: who ends or brings back a key must not wait for a workflow. The driver
 * is woken and finds what is left to do. Every order but `extend` ends a key, so that the caller holds a barrier.
 * @throws DomainError `api-key-not-found`, `key-rotation-not-found`, `version-stale`,
 *   `key-rotation-order-not-possible`
 */
export async function orderRotation(
  tx: Tx,
  deps: Pick<ApiKeyDeps, 'outbox'>,
  given: RotationOrder,
): Promise<KeyRotation> {
  const key = await lockApiKey(tx, given.keyId);
  const found = await rotationOfKey(tx, given.rotationId, key.id);
  if (!found) throw new DomainError('key-rotation-not-found');
  checkVersion(found, given.version);
  const rotation = await upToDate(tx, found);
  const refusal = refusalOfOrder(rotation, given.order.kind, rotation.now);
  if (refusal !== null) throw notPossible(rotation, refusal);
  await carryOut(tx, rotation, given);
  await deps.outbox.wake(tx, wakeKeyRotation(rotation.id));
  return getRotation(tx, rotation.id);
}

function notPossible(rotation: KeyRotation, detail: string): DomainError {
  return new DomainError('key-rotation-order-not-possible', {
    detail,
    extra: {
      state: rotation.state,
      possible_orders: possibleOrders(rotation, rotation.now) satisfies KeyRotationOrder[],
    },
  });
}

async function carryOut(tx: Tx, rotation: KeyRotation, given: RotationOrder): Promise<void> {
  const { order } = given;
  switch (order.kind) {
    case 'complete':
      await setEnd(tx, rotation.oldKeyId, 'now');
      if (order.compromised) await setReason(tx, rotation.id, 'compromised');
      return move(tx, rotation, order.compromised ? 'compromised' : 'draining', given);
    case 'extend': {
      const extension = extended(rotation, order.byMs);
      if (!extension) throw notPossible(rotation, 'The old key cannot be given more time.');
      return extend(tx, rotation, extension, given, requestContext()?.requestId ?? newId());
    }
    case 'cancel':
      if (rotation.state === 'pending') await returnOldKey(tx, rotation);
      await revokeSuccessor(tx, rotation, given);
      return move(tx, rotation, 'cancelled', given);
    case 'rollback':
      await returnOldKey(tx, rotation);
      await revokeSuccessor(tx, rotation, given);
      return move(tx, rotation, 'rolled_back', given);
  }
}

/** Gives the old key more time; each extension has an id of its own. */
export async function extend(
  tx: Tx,
  rotation: KeyRotation,
  extension: Extension,
  by: Mover,
  id: string,
): Promise<void> {
  const clocks = { ...rotation, ...rotation.old, ...extension, expiresAt: null };
  const endsAt = endOfOldKey(clocks);
  await moveClocks(tx, rotation.id, {
    ...extension,
    byPolicy: by.actorId === policy.actorId,
  });
  await setEnd(tx, rotation.oldKeyId, endsAt);
  const data = { old_key_ends_at: endsAt?.toISOString() ?? null };
  await note(tx, rotation, {
    transitionId: `extend:${id}`,
    type: 'extended',
    to: rotation.state,
    actorId: by.actorId,
    reason: by.reason,
    data,
  });
  await auditRotation(tx, rotation, 'extended', by, data);
}

/** The policy of a rotation, which gives extensions by itself. */
export const policy: Mover = { actorId: 'system:policy', reason: null };
