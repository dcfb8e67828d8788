import type { KeyRotationState, RotateApiKeyInput } from '../src/contracts/key-rotations';
import { database } from './activities';
import { onWakeUp } from './lib/wake-up';

/**
 * Drives the rotation of an API key from its request to the day when nothing can be taken back. Id
 * `api-key-rotation/<rotationId>`; resumes from its rows. Keys begin and end by their rows alone: this only tells
 * people, lets the policy decide in time, and writes down what the clocks have done.
 */
export async function rotateApiKey({ rotationId }: RotateApiKeyInput): Promise<KeyRotationState> {
  const wakeUp = onWakeUp();
  const it = { rotationId };
  const look = () => database.openKeyRotation(it);

  let rotation = await look();
  // A wake-up that came in meanwhile may be an order, so that it is looked at once more before the end.
  while (!rotation.settled || wakeUp.isPending()) {
    switch (rotation.deed) {
      case 'overlap':
        rotation = await database.beginOverlap(it);
        break;
      case 'remind':
        rotation = await database.remindOfRotation(it);
        break;
      case 'decide':
        rotation = await database.decideExtension(it);
        break;
      case 'finish':
        rotation = await database.finishEarly(it);
        break;
      case 'drain':
        rotation = await database.drainRotation(it);
        break;
      case 'complete':
        rotation = await database.completeRotation(it);
        break;
      case 'cancel':
        rotation = await database.cancelRequest(it);
        break;
      case 'wait':
        await wakeUp.orAfter(rotation.waitMs);
        rotation = await look();
        break;
    }
  }
  return rotation.state;
}

/**
 * Tick of the schedule `usher/<task queue>/look-after-keys`: requests rotations that tenants want by age, tells of keys
 * that have expired; a hundred at a time.
 */
export async function lookAfterKeys(): Promise<void> {
  for (let batch = 0; batch < 100; batch += 1) {
    const requested = await database.requestDueRotations();
    const expired = await database.tellExpiredKeys();
    if (requested < 100 && expired < 100) return;
  }
}
