import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import type { ObjectStore } from '../../platform/object-store';
import { firstKey, putBytes, readObject } from '../../platform/object-store-bytes';
import { markPublished, unpublishedCheckpoints } from './checkpoints';
import type { Checkpoint } from './checkpoints';
import { sizeOfLog } from './head';
import { readCheckpoint } from './heads.rules';
import type { TreeHead } from './heads.rules';
import { keysOf } from './log-keys';
import { checkNote, openNote, readVkey } from './notes';
import { rootAt } from './proofs';
import { logKeys } from './signing';
import type { SigningKeys } from './signing';
import { tilesOf } from './tiles';

/** A checkpoint as it lies outside of the database. */
export interface Published extends TreeHead {
  readonly note: string;
}

const folderOf = (origin: string): string =>
  `audit/${origin.split('/').at(-1) ?? origin}/checkpoints/`;

// The largest size has the smallest key, so that one look finds the newest among any number.
const keyOf = ({ origin, size }: Pick<Checkpoint, 'origin' | 'size'>): string =>
  `${folderOf(origin)}${String(Number.MAX_SAFE_INTEGER - size).padStart(16, '0')}-${String(size)}`;

/** The newest published checkpoint of a log; undefined when there is none that can be read. */
export async function newestPublished(
  store: ObjectStore,
  origin: string,
): Promise<Published | undefined> {
  const key = await firstKey(store, folderOf(origin));
  const note = key === undefined ? undefined : (await readObject(store, key))?.toString();
  const opened = note === undefined ? undefined : openNote(note);
  const head = opened && readCheckpoint(opened.text);
  return note === undefined || head?.origin !== origin ? undefined : { ...head, note };
}

/** Sizes of the newest published checkpoints of a log, at most so many, largest first. */
export async function publishedSizes(
  store: ObjectStore,
  origin: string,
  limit: number,
): Promise<number[]> {
  const sizes: number[] = [];
  for await (const { key } of store.list(folderOf(origin))) {
    const size = Number(key.slice(key.lastIndexOf('-') + 1));
    if (Number.isSafeInteger(size)) sizes.push(size);
    if (sizes.length >= limit) break;
  }
  return sizes;
}

/**
 * Refuses to go on with a log that is behind what was published of it, or beside it: a restored backup, a standby that
 * lagged, a clone. Tells whether the log has signed it at all: anybody who can write to the store could put something
 * else there.
 * @throws DomainError `audit-log-halted`
 */
export async function requireContinuation(
  tx: Tx,
  keys: SigningKeys,
  published: Published,
): Promise<'ours' | 'strange'> {
  if (!(await isOurs(tx, keys, published))) return 'strange';
  const size = await sizeOfLog(tx);
  if (size < published.size) {
    throw new DomainError('audit-log-halted', {
      detail: `The log ends at ${String(size)}, but a checkpoint of ${String(published.size)} entries was published: an older copy of the database was restored.`,
    });
  }
  const root = await rootAt(tilesOf(tx), published.size);
  if (root.toString('base64') !== published.root) {
    throw new DomainError('audit-log-halted', {
      detail: `The first ${String(published.size)} entries are not those of which a checkpoint was published: this is a copy of the log that went another way.`,
    });
  }
  return 'ours';
}

// By the configured keys as well: an older copy of the database does not know the newest key.
async function isOurs(tx: Tx, keys: SigningKeys, { origin, note }: Published): Promise<boolean> {
  const opened = openNote(note);
  if (!opened) return false;
  const vkeys = [...(await keysOf(tx, origin)), ...logKeys(keys, origin)].map(({ vkey }) => vkey);
  return vkeys.some((vkey) => {
    const key = readVkey(vkey);
    return key !== undefined && checkNote(opened, key) === 'valid';
  });
}

/** Publishes checkpoints that were not, smallest first; returns how many. */
export async function publishCheckpoints(
  db: Database,
  store: ObjectStore,
  keys: SigningKeys,
  origin: string,
): Promise<number> {
  const waiting = await withSystem(db, 'sequencer', (tx) => unpublishedCheckpoints(tx, origin, 20));
  if (waiting.length === 0) return 0;
  const newest = await newestPublished(store, origin);
  if (newest) {
    const whose = await withSystem(db, 'sequencer', (tx) => requireContinuation(tx, keys, newest));
    if (whose === 'strange') throw new Error('The newest published checkpoint is not signed by us');
  }
  for (const checkpoint of waiting) {
    const note = Buffer.from(checkpoint.note);
    await putBytes(store, keyOf(checkpoint), note, 'text/plain; charset=utf-8');
    await withSystem(db, 'sequencer', (tx) => markPublished(tx, checkpoint));
  }
  return waiting.length;
}
