import type { KeyHasher } from '../../platform/crypto/keys';
import type { Failures } from './failures';
import type { ForeignHashes } from './foreign-hashes';
import type { LeakDoors } from './leaks';
import { answerWithinMs } from './verifier';

/**
 * The doors of leak reports: the failures of verification, and its slow hashes, so that a report costs its source as
 * much as a failed verification and adds nothing to what may be hashed at a time.
 */
export function createLeakDoors(parts: {
  readonly failures: Failures;
  readonly foreign: Pick<ForeignHashes, 'candidates' | 'adopt'>;
  readonly hasher: KeyHasher;
}): LeakDoors {
  const { failures, foreign, hasher } = parts;
  return {
    countFailure: (address) => {
      failures.count(address ?? undefined);
    },
    async adopt(key, { prefix }, address) {
      const source = address ?? undefined;
      if (failures.waitOf(source) > 0) return;
      // Before any hash is computed, so that nobody computes for free.
      failures.count(source);
      const [digest] = hasher.candidates(key);
      if (!digest) return;
      const deadline = performance.now() + answerWithinMs;
      const candidates = await foreign.candidates({ prefix, digest }, deadline);
      if (candidates.length === 0) return;
      const presented = { key, prefix, digest, source: source ?? '' };
      if (await foreign.adopt(presented, candidates)) failures.forgive(source);
    },
  };
}
