import { isOldInUse } from '../../../src/domain/api-keys/rotation-driving.rules';
import { enforcedEnd, extended } from '../../../src/domain/api-keys/rotation.rules';
import type { nextOf } from '../../../src/domain/api-keys/rotation-driving.rules';
import type { RotationFacts } from '../../../src/domain/api-keys/rotation.rules';
import { enforced } from './rotation-arbitrary';

/** The rows after a deed, as the activities of the workflow leave them. */
export function carriedOut(
  facts: RotationFacts,
  next: ReturnType<typeof nextOf>,
  now: Date,
  oldUse: Date | null,
): RotationFacts {
  const end = enforcedEnd(facts);
  const tell = (name: string): RotationFacts => ({
    ...facts,
    told: { ...facts.told, [name]: end?.toISOString() ?? '' },
  });
  switch (next.deed) {
    case 'overlap':
      return { ...facts, state: 'overlapping' };
    case 'remind':
      return tell(next.reminder ?? '');
    case 'decide': {
      const old = oldUse && oldUse <= now ? { ...facts.old, lastUsedAt: oldUse } : facts.old;
      const extension = isOldInUse({ ...facts, old }, now) ? extended(facts, facts.extendMs) : null;
      if (!extension) return tell('decision');
      return enforced({
        ...tell('decision'),
        ...extension,
        old,
        extensions: facts.extensions + 1,
        endFixedAt: now,
      });
    }
    case 'finish':
      return { ...facts, state: 'draining', old: { ...facts.old, endsAt: now } };
    case 'drain':
      return { ...facts, state: 'draining' };
    case 'complete':
      return { ...facts, state: 'completed' };
    case 'cancel':
      return { ...facts, state: 'cancelled' };
    case 'wait':
      return facts;
  }
}
