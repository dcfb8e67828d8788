import { DomainError } from '../errors/problems';
import type { KeyDigest, KeyHasher } from './crypto/keys';
import type { Tx } from './db';

/** The pepper that new digests are made with, or null before the first boot. */
export async function currentPepper(tx: Tx): Promise<string | null> {
  const row = await tx.maybe<{ pepper_id: string }>('select pepper_id from current_pepper');
  return row?.pepper_id ?? null;
}

/**
 * The digest of a new key, or of one of which only the SHA-256 is known, under the pepper that is current at this
 * moment: a promotion waits for keys that are being issued, and none is issued under the old one after it.
 * @throws DomainError `unavailable` when this process lacks the pepper; it is not ready then
 */
export async function digestOf(
  tx: Tx,
  hasher: KeyHasher,
  key: string | Buffer,
): Promise<KeyDigest> {
  const row = await tx.maybe<{ pepper_id: string }>(
    'select pepper_id from current_pepper for share',
  );
  const pepper = row?.pepper_id ?? hasher.activePepperId;
  const found = hasher.candidates(key).find(({ pepperId }) => pepperId === pepper);
  if (!found) throw new DomainError('unavailable', { retryAfterSeconds: 5 });
  return found;
}

/** Makes a pepper the current one if there is none yet. */
export async function settleCurrentPepper(tx: Tx, pepperId: string, by: string): Promise<void> {
  await tx.run(
    'insert into current_pepper (pepper_id, promoted_by) values ($1, $2) on conflict do nothing',
    [pepperId, by],
  );
}

/** Makes a pepper the current one, in the place of another. */
export async function moveCurrentPepper(tx: Tx, pepperId: string, by: string): Promise<void> {
  await tx.run(
    `insert into current_pepper (pepper_id, promoted_by) values ($1, $2)
     on conflict (id) do update set pepper_id = excluded.pepper_id, promoted_by = excluded.promoted_by,
       promoted_at = now()`,
    [pepperId, by],
  );
}
