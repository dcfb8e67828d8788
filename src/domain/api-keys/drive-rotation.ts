import type { KeyRotationState } from '../../contracts/key-rotations';
import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import { lockApiKey, setEnd } from './api-keys';
import type { ApiKeyDeps } from './deps';
import { findRotation, getRotation } from './key-rotations';
import type { KeyRotation } from './key-rotations';
import { endOf, tellOwners } from './rotation-mails';
import { extend, policy } from './rotation-orders';
import { note, noteDriven, noteTold } from './rotation-rows';
import { move, upToDate } from './rotation-states';
import { isOldInUse, nextOf } from './rotation-driving.rules';
import { enforcedEnd, extended } from './rotation.rules';
import type { Reminder, RotationDeed } from './rotation-driving.rules';

type Deps = Pick<ApiKeyDeps, 'db' | 'ring' | 'config'>;

/** What the workflow sees of a rotation: no ids, no times of day. */
export interface RotationView {
  readonly state: KeyRotationState;
  readonly deed: RotationDeed;
  /** Milliseconds until another look is worth it. */
  readonly waitMs: number;
  /** Nothing more happens by itself. */
  readonly settled: boolean;
}

/** What is seen of a rotation that was purged together with its tenant: nothing is left to drive. */
const purged: RotationView = { state: 'cancelled', deed: 'wait', waitMs: 0, settled: true };

const driver = { actorId: 'system:workflow', reason: null };

/** Looks at a rotation and says what is next. */
export function openKeyRotation(deps: Deps, rotationId: string): Promise<RotationView> {
  return withRotation(deps, rotationId, (_tx, rotation) => Promise.resolve(rotation));
}

/**
 * Does what is next, if it still is: the rows are read again under the lock of the family, so that a deed that comes
 * late or twice does nothing.
 */
export function doRotationDeed(
  deps: Deps,
  rotationId: string,
  deed: RotationDeed,
): Promise<RotationView> {
  return withRotation(deps, rotationId, async (tx, rotation) => {
    const next = nextOf(rotation, rotation.now);
    if (next.deed !== deed) return rotation;
    switch (deed) {
      case 'wait':
        break;
      case 'overlap':
      case 'drain':
      case 'complete':
        await upToDate(tx, rotation);
        break;
      case 'remind':
        if (next.reminder) await remind(tx, deps, rotation, next.reminder);
        break;
      case 'decide':
        await decide(tx, deps, rotation);
        break;
      case 'finish':
        await setEnd(tx, rotation.oldKeyId, 'now');
        await move(tx, rotation, 'draining', driver, 'finished_early');
        break;
      case 'cancel':
        await move(tx, rotation, 'cancelled', driver, 'key_gone');
        break;
    }
    return getRotation(tx, rotationId);
  });
}

function withRotation(
  deps: Deps,
  rotationId: string,
  work: (tx: Tx, rotation: KeyRotation) => Promise<KeyRotation>,
): Promise<RotationView> {
  return withSystem(deps.db, 'activity', async (tx) => {
    const found = await findRotation(tx, rotationId);
    if (!found) return purged;
    await lockApiKey(tx, found.oldKeyId);
    await noteDriven(tx, rotationId);
    const rotation = await work(tx, await getRotation(tx, rotationId));
    const { deed, waitMs, settled } = nextOf(rotation, rotation.now);
    return { state: rotation.state, deed, waitMs: Math.ceil(waitMs), settled };
  });
}

const mailOf = {
  'T-7d': 'key-rotation-reminder',
  'T-1d': 'key-rotation-reminder',
  'T-1h': 'key-rotation-reminder',
  'never-used': 'key-rotation-unused',
  'still-requested': 'key-rotation-requested',
} as const;

async function remind(
  tx: Tx,
  deps: Deps,
  rotation: KeyRotation,
  reminder: Reminder,
): Promise<void> {
  const end = enforcedEnd(rotation);
  const told = end?.toISOString() ?? '';
  await noteTold(tx, rotation.id, reminder, told);
  await tellOwners(tx, deps, rotation.oldKeyId, mailOf[reminder], {
    ...endOf(rotation, end),
    reason: rotation.reason,
  });
  await note(tx, rotation, {
    transitionId: `told:${reminder}:${told}`,
    type: 'reminded',
    to: rotation.state,
    actorId: driver.actorId,
    data: { reminder, old_key_ends_at: end?.toISOString() ?? null },
  });
}

// Decided once for each end, and stored: without a decision before its end the key ends when it was to.
async function decide(tx: Tx, deps: Deps, rotation: KeyRotation): Promise<void> {
  const end = enforcedEnd(rotation)?.toISOString() ?? '';
  await noteTold(tx, rotation.id, 'decision', end);
  const extension = isOldInUse(rotation, rotation.now)
    ? extended(rotation, rotation.extendMs)
    : null;
  if (!extension) {
    await note(tx, rotation, {
      transitionId: `decision:${end}`,
      type: 'left_to_expire',
      to: rotation.state,
      actorId: policy.actorId,
      data: { old_key_ends_at: end },
    });
    return;
  }
  await extend(tx, rotation, extension, policy, `policy:${end}`);
  const after = await getRotation(tx, rotation.id);
  await tellOwners(tx, deps, rotation.oldKeyId, 'key-rotation-extended', {
    ...endOf(after, enforcedEnd(after)),
    extensions_left: after.maxExtensions - after.extensions,
  });
}
