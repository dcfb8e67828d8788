import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import type { KeyDigest } from '../../platform/crypto/keys';
import type { FoundKey } from './lookups';

/** Moves digests of keys that are in use to the current pepper. */
export interface PepperUpgrades {
  /** Looks at a key that was just found; does nothing when its digest is under the current pepper. */
  consider(found: FoundKey, digests: readonly KeyDigest[]): void;
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

/** Begins with the first configured pepper as the current one, until its row says otherwise. */
export function createPepperUpgrades(db: Database, firstPepperId: string): PepperUpgrades {
  const moves = new Map<string, Move>();
  let current = firstPepperId;
  return {
    consider(found, digests) {
      if (found.facts.pepperId === current || moves.size >= most) return;
      const to = digests.find(({ pepperId }) => pepperId === current);
      if (!to) return;
      const { id } = found.facts;
      moves.set(id, { keyId: id, from: Buffer.from(found.digest, 'hex'), to });
    },
    async run() {
      const noted = [...moves.values()];
      moves.clear();
      current = await withSystem(db, 'usage', async (tx) => {
        for (const move of noted) await moveDigest(tx, move);
        return (await currentPepper(tx)) ?? firstPepperId;
      });
    },
  };
}

async function moveDigest(tx: Tx, { keyId, from, to }: Move): Promise<void> {
  await tx.run('select move_api_key_digest($1, $2, $3, $4)', [keyId, from, to.digest, to.pepperId]);
}

/** The pepper that new digests are made with; undefined before any was promoted or used. */
export async function currentPepper(tx: Tx): Promise<string | undefined> {
  const row = await tx.maybe<{ pepper_id: string }>('select pepper_id from current_pepper');
  return row?.pepper_id;
}
