import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import type { KeyDigest, KeyHasher } from '../../platform/crypto/keys';
import { currentPepper } from '../../platform/peppers';
import type { FoundKey } from './lookups';

/** Moves digests of keys that are in use to the current pepper. */
export interface PepperUpgrades {
  /** Looks at a key that was just found; false when its digest is to be moved, so that it has to be found again. */
  consider(found: FoundKey, key: string): boolean;
  /** Writes what was noted, and learns which pepper is current. */
  run(): Promise<void>;
}

interface Move {
  readonly keyId: string;
  readonly from: Buffer;
  readonly to: KeyDigest;
}

/** Keys that wait at a time: what comes on top is met again at its next use. */
const most = 500;

/**
 * Begins with the first configured pepper as the current one, until its row says otherwise.
 * @param onPromoted told when it does: no key that is known may be under it any more
 */
export function createPepperUpgrades(
  db: Database,
  hasher: Pick<KeyHasher, 'activePepperId' | 'candidates'>,
  onPromoted: () => void,
): PepperUpgrades {
  const moves = new Map<string, Move>();
  let current = hasher.activePepperId;
  return {
    consider(found, key) {
      if (found.facts.pepperId === current) return true;
      const to = hasher.candidates(key).find(({ pepperId }) => pepperId === current);
      if (!to) return true;
      const { id } = found.facts;
      if (moves.size < most)
        moves.set(id, { keyId: id, from: Buffer.from(found.digest, 'hex'), to });
      return false;
    },
    async run() {
      // Two processes that lock the same keys each in its own order would wait for each other.
      const noted = [...moves.values()].sort((a, b) => (a.keyId < b.keyId ? -1 : 1));
      moves.clear();
      const before = current;
      current = await withSystem(db, 'usage', async (tx) => {
        for (const move of noted) await moveDigest(tx, move);
        return (await currentPepper(tx)) ?? hasher.activePepperId;
      });
      if (current !== before) onPromoted();
    },
  };
}

async function moveDigest(tx: Tx, { keyId, from, to }: Move): Promise<void> {
  // One whose digest is taken stays where it is, and holds up none of the others.
  await tx.run(
    `select move_api_key_digest($1, $2, $3, $4) where not exists (select 1 from api_keys where digest = $3)`,
    [keyId, from, to.digest, to.pepperId],
  );
}
