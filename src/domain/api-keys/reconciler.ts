import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import type { ApiKeyDeps } from './deps';
import { undriven } from './key-rotations';
import { wakeKeyRotation } from './wake';

type Deps = Pick<ApiKeyDeps, 'db' | 'outbox'>;

/** Rows that one batch wakes; the pause between batches bounds the rate. */
const batchSize = 200;

/** Wakes rotations that nobody has driven for so many hours: a living driver looks daily. Returns how many. */
export function wakeUndrivenRotations(deps: Deps, hours: number): Promise<number> {
  return withSystem(deps.db, 'reconciler', async (tx) => {
    const rows = await undriven(tx, { hours, from: null, limit: batchSize });
    for (const { id } of rows) await deps.outbox.wake(tx, wakeKeyRotation(id));
    return rows.length;
  });
}

/**
 * Wakes every rotation that is not over, a batch at a time from an id on: for a Temporal that is new or was emptied.
 * Returns the id to go on from, or null after the last batch.
 */
export async function wakeAllRotationsFrom(
  tx: Tx,
  deps: Pick<Deps, 'outbox'>,
  from: string | null,
): Promise<string | null> {
  const rows = await undriven(tx, { hours: null, from, limit: batchSize });
  for (const { id } of rows) await deps.outbox.wake(tx, wakeKeyRotation(id));
  return rows.length < batchSize ? null : (rows.at(-1)?.id ?? null);
}
