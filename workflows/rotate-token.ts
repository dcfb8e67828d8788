import type { RotateTokenInput } from '../src/contracts/onboardings';
import { backend, database } from './activities';
import { onWakeUp } from './lib/wake-up';

/**
 * Replaces a tenant's marketplace token: adds the new one, verifies it, tries it; the old one is kept until then.
 * Id `token-rotation/<rotationId>`; resumes from its row.
 */
export async function rotateToken({ rotationId }: RotateTokenInput): Promise<string> {
  const wakeUp = onWakeUp();
  let rotation = await database.openRotation({ rotationId });
  while (rotation.connector !== null) {
    if (rotation.waitMs > 0) {
      await wakeUp.orAfter(rotation.waitMs);
      rotation = await database.openRotation({ rotationId });
    } else {
      rotation = await backend(rotation.connector).runRotation({ rotationId });
    }
  }
  return rotation.state;
}
