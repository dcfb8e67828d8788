import type { Tx } from '../../../platform/db';
import type { ObjectStore } from '../../../platform/object-store';
import { checkpointAt } from '../checkpoints';
import { originOfLog, sizeOfLog } from '../head';
import { openNote } from '../notes';
import { rootAt } from '../proofs';
import { newestPublished, publishedSizes } from '../publication';
import { tilesOf } from '../tiles';
import type { Trust } from './trust';
import type { Breaks } from './verdict.rules';

/** Published checkpoints that are looked for among the stored ones, newest first. */
const mostCompared = 1_000;

/**
 * Compares the log with what was published of it. Returns how many entries the newest published checkpoint attests;
 * null where nothing is published.
 */
export async function checkPublished(
  read: <T>(fn: (tx: Tx) => Promise<T>) => Promise<T>,
  given: {
    readonly store: ObjectStore | undefined;
    readonly trust: Trust;
    readonly breaks: Breaks;
  },
): Promise<number | null> {
  const { store, trust, breaks } = given;
  const origin = await read(originOfLog);
  if (!store || origin === null) return null;
  const size = await read(sizeOfLog);
  try {
    const newest = await newestPublished(store, origin);
    if (!newest) return null;
    const opened = openNote(newest.note);
    if (!opened || !trust.signs(opened, 'checkpoint', newest)) {
      breaks.add(
        newest.size,
        'checkpoint-signature-mismatch',
        `a note of ${origin}`,
        'another one is published',
      );
      return null;
    }
    if (newest.size > size) {
      breaks.add(
        size + 1,
        'inconsistent',
        `${String(newest.size)} published entries`,
        String(size),
      );
      return newest.size;
    }
    const root = (await read((tx) => rootAt(tilesOf(tx), newest.size))).toString('base64');
    if (root !== newest.root) breaks.add(newest.size, 'inconsistent', newest.root, root);
    for (const published of await publishedSizes(store, origin, mostCompared)) {
      if (await read((tx) => checkpointAt(tx, published))) continue;
      breaks.add(published, 'checkpoint-missing', 'the published checkpoint', 'none');
    }
    return newest.size;
  } catch (error) {
    if (error instanceof RangeError) {
      breaks.add(size, 'tile-mismatch', 'tiles of the whole log', error.message);
      return null;
    }
    breaks.add(size, 'unattested', 'a store that can be read', 'none');
    return null;
  }
}
