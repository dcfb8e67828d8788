import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { Database } from '../../platform/db';
import type { ObjectStore } from '../../platform/object-store';
import { latestCheckpoint } from './checkpoints';
import { controlEntry } from './control-entries';
import { awaitHead, databaseIdentity, lockHead, originOfLog, renameLog } from './head';
import { insertPending, takeOne } from './pending';
import { newOrigin } from './origins';
import { newestPublished } from './publication';
import { sequence } from './sequencer';

/** A log that goes on under a new name. */
export interface Fork {
  readonly origin: string;
  readonly previousOrigin: string;
  /** The entry that says so. */
  readonly seq: number;
  /** The last note that was published under the old name; null when none can be found. */
  readonly published: string | null;
}

/** Longest wait for a sequencer beside it. */
const patienceSeconds = 10;

/**
 * Continues a log that stands still because this copy of it is not the one that was published: under a new name, with
 * an entry first that says so and holds the old log's last published note. Nothing of the old one is taken back, and
 * whoever kept its checkpoints sees that two logs begin alike.
 * @throws DomainError `audit-log-halted` for a log without a name, `unavailable` when another fork was quicker or the log is written for very long
 */
export async function forkLog(
  db: Database,
  store: ObjectStore | undefined,
  reason: string,
): Promise<Fork> {
  const previousOrigin = await withSystem(db, 'sequencer', originOfLog);
  if (previousOrigin === null) {
    throw new DomainError('audit-log-halted', { detail: 'This log has not begun yet.' });
  }
  const outside = store && (await newestPublished(store, previousOrigin));
  return withSystem(db, 'sequencer', async (tx) => {
    await awaitHead(tx, patienceSeconds);
    const head = await lockHead(tx);
    if (head?.origin !== previousOrigin) {
      throw new DomainError('unavailable', {
        detail: 'The audit log was forked by somebody else just now; look before you try again.',
      });
    }
    const inside = await latestCheckpoint(tx);
    const published = outside?.note ?? inside?.note ?? null;
    const origin = newOrigin();
    await renameLog(tx, origin, await databaseIdentity(tx));
    const entry = controlEntry(
      'audit.forked',
      { previous_origin: previousOrigin, published },
      reason,
    );
    await insertPending(tx, entry);
    await sequence(tx, origin, head, await takeOne(tx, entry.id));
    return { origin, previousOrigin, seq: head.size + 1, published };
  });
}
