import type { KeyRotationState } from '../../contracts/key-rotations';
import type { Tx } from '../../platform/db';
import type { RequestSource } from '../identity/callers';
import { markRevoked, setEnd } from './api-keys';
import type { ApiKey } from './api-keys';
import { findRotation, getRotation, openRotationOf, openRotationTo } from './key-rotations';
import type { KeyRotation } from './key-rotations';
import { auditKey, emitKeyEvent, nowhere } from './records';
import { setReason, step } from './rotation-rows';
import { hasPassed, stateNow } from './rotation.rules';

/** Who moves a rotation, and why. */
export interface Mover {
  readonly actorId: string;
  readonly reason: string | null;
}

/** What the clocks do is nobody's deed. */
const clock: Mover = { actorId: 'system:clock', reason: null };

/** What happens to a rotation, as its events and the audit log have it. */
export type RotationDeed =
  | Exclude<KeyRotationState, 'pending' | 'overlapping'>
  | 'started'
  | 'first_used'
  | 'extended'
  | 'finished_early'
  | 'old_key_ended'
  | 'old_key_revoked'
  | 'successor_revoked'
  | 'key_gone';

// What brings a rotation into a state, where that has a name of its own.
function deedOf(to: KeyRotationState): RotationDeed {
  if (to === 'pending') return 'started';
  return to === 'overlapping' ? 'first_used' : to;
}

/**
 * Writes down what the clocks have done to a rotation since somebody looked last; under the lock of its family.
 * @returns the rotation as it stands now
 */
export async function upToDate(tx: Tx, rotation: KeyRotation): Promise<KeyRotation> {
  const truth = stateNow(rotation, rotation.now);
  if (truth === rotation.state) return rotation;
  await move(tx, rotation, truth, clock, truth === 'draining' ? 'old_key_ended' : deedOf(truth));
  return getRotation(tx, rotation.id);
}

/** Moves a rotation and audits it as a deed on its old key. A state is entered once, so that its name is the id. */
export async function move(
  tx: Tx,
  rotation: KeyRotation,
  to: KeyRotationState,
  by: Mover,
  type: RotationDeed = deedOf(to),
): Promise<void> {
  await step(tx, rotation, {
    transitionId: `state:${to}`,
    type,
    to,
    actorId: by.actorId,
    reason: by.reason,
  });
  await auditRotation(tx, rotation, type, by, { from: rotation.state, to });
  if (endsOldKey(rotation, to)) await tellOldKeyEnded(tx, rotation);
}

/** Whether a step is the first to say that its rotation has ended the old key: nobody has revoked it, nor its expiry. */
function endsOldKey(rotation: KeyRotation, to: KeyRotationState): boolean {
  const { state, old, now } = rotation;
  return (
    (state === 'pending' || state === 'overlapping') &&
    (to === 'draining' || to === 'completed' || to === 'compromised') &&
    old.revokedAt === null &&
    !hasPassed(old.expiresAt, now)
  );
}

/** Tells readers of events that a rotation has ended its old key. */
export function tellOldKeyEnded(tx: Tx, rotation: KeyRotation): Promise<void> {
  const old = { id: rotation.oldKeyId, tenantId: rotation.tenantId };
  return emitKeyEvent(tx, 'apikey.expired.v1', old, {
    reason: 'rotated',
    successor_id: rotation.newKeyId,
  });
}

/** Audits what happened to a rotation. */
export async function auditRotation(
  tx: Tx,
  rotation: Pick<KeyRotation, 'id' | 'oldKeyId' | 'newKeyId'>,
  type: RotationDeed,
  by: Mover,
  metadata: Readonly<Record<string, string | number | boolean | null>> = {},
  source: RequestSource = nowhere,
): Promise<void> {
  const key = await tx.one<Pick<ApiKey, 'id' | 'tenantId' | 'name' | 'prefix'>>(
    'select id, tenant_id as "tenantId", name, prefix from api_keys where id = $1',
    [rotation.oldKeyId],
  );
  await auditKey(tx, `apikey.rotation_${type}`, key, {
    actorId: by.actorId,
    reason: by.reason,
    source,
    metadata: { rotation_id: rotation.id, successor_id: rotation.newKeyId, ...metadata },
  });
}

/** Gives the old key back the end that it had before its rotation; its own expiry was never touched. */
export async function returnOldKey(tx: Tx, rotation: KeyRotation): Promise<void> {
  await setEnd(tx, rotation.oldKeyId, rotation.old.endsBefore);
}

/** Revokes the successor of a rotation that is taken back. */
export async function revokeSuccessor(tx: Tx, rotation: KeyRotation, by: Mover): Promise<void> {
  if (rotation.newKeyId === null) return;
  const key = await markRevoked(tx, rotation.newKeyId, by);
  const told = { reason: 'rotation', rotation_id: rotation.id };
  await emitKeyEvent(tx, 'cabinet.apikey.revoked.v1', key, told);
  await auditKey(tx, 'apikey.revoked', key, {
    actorId: by.actorId,
    crud: 'd',
    metadata: { rotation_id: rotation.id },
  });
}

/**
 * Settles the rotations of a key that was revoked: the one that was to replace it has nothing more to do; the one that
 * had brought it forth is taken back while the old key still lives.
 * @param leaked the key is in wrong hands
 * @returns the ids of rotations whose drivers have to look again
 */
export async function settleAfterRevocation(
  tx: Tx,
  keyId: string,
  by: Mover,
  leaked: boolean,
): Promise<string[]> {
  const woken: string[] = [];
  const replacing = await openRotationOf(tx, keyId);
  if (replacing) {
    woken.push(replacing.id);
    await settleReplacement(tx, replacing, by, leaked);
  }
  const found = await openRotationTo(tx, keyId);
  if (found) {
    woken.push(found.id);
    const rotation = await upToDate(tx, found);
    if (rotation.state === 'pending' || rotation.state === 'overlapping') {
      await returnOldKey(tx, rotation);
      const to = rotation.state === 'pending' ? 'cancelled' : 'rolled_back';
      await move(tx, rotation, to, by, 'successor_revoked');
    } else if (rotation.state === 'draining') {
      await move(tx, rotation, 'completed', by, 'successor_revoked');
    }
  }
  return woken;
}

async function settleReplacement(
  tx: Tx,
  rotation: KeyRotation,
  by: Mover,
  leaked: boolean,
): Promise<void> {
  if (leaked) {
    await setReason(tx, rotation.id, rotation.state === 'requested' ? 'leaked' : 'compromised');
    if (rotation.state !== 'requested') await move(tx, rotation, 'compromised', by);
    return;
  }
  const to = rotation.state === 'requested' ? 'cancelled' : 'completed';
  await move(tx, rotation, to, by, 'old_key_revoked');
}

/** The rotation of an id if either of its keys is the given one, or undefined. */
export async function rotationOfKey(
  tx: Tx,
  rotationId: string,
  keyId: string,
): Promise<KeyRotation | undefined> {
  const rotation = await findRotation(tx, rotationId);
  return rotation && (rotation.oldKeyId === keyId || rotation.newKeyId === keyId)
    ? rotation
    : undefined;
}
