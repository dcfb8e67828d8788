import { DomainError } from '../../errors/problems';
import { sqlState, withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import type { ObjectStore } from '../../platform/object-store';
import { putBytes, readObject } from '../../platform/object-store-bytes';
import { canonical } from '../audit/canonical.rules';
import { originOfLog } from '../audit/head';
import { noteName } from '../audit/heads.rules';
import { allKeys } from '../audit/log-keys';
import { checkNote, openNote, readVkey, renamed, signNote } from '../audit/notes';
import { hmacLine, logKeys } from '../audit/signing';
import type { SigningKeys } from '../audit/signing';
import { folderOfLog } from './manifest.rules';
import { requireOwnLog } from './own-log';

/** What is kept of an erasure outside of the database. */
interface Tombstone {
  readonly v: 1;
  readonly erasure: string;
  readonly subject: string;
  /** RFC 3339 in UTC. */
  readonly at: string;
}

/** Erasures that are told to the store at a time. */
const atOnce = 50;

const folderOf = (origin: string): string => `${folderOfLog(origin)}tombstones/`;

/**
 * Tells the store of erasures that it does not know yet; only then are they reported as done. Returns how many.
 * @throws DomainError `audit-log-halted`, errors of the store
 */
export async function putTombstones(
  sequencer: Database,
  store: ObjectStore,
  keys: SigningKeys,
): Promise<number> {
  const { origin, known, open } = await withSystem(sequencer, 'archive', async (tx) => ({
    origin: await originOfLog(tx),
    known: await allKeys(tx),
    open: await tx.rows<{ id: string; subject: string; at: Date }>(
      'select id, subject, at from audit_erasures where tombstone_at is null order by at limit $1',
      [atOnce],
    ),
  }));
  const [key] = origin === null ? [] : logKeys(keys, origin);
  if (origin === null || !key || open.length === 0) return 0;
  // What is erased in a copy must not be erased in the log that it was copied from.
  await requireOwnLog({ sequencer, keys }, store);
  const trusted = [...known, ...logKeys(keys, origin)].map(({ vkey }) => vkey);
  for (const { id, subject, at } of open) {
    const place = `${folderOf(origin)}${id}`;
    const there = readTombstone(await readObject(store, place), origin, trusted);
    // One that was done again keeps the tombstone that it was done by.
    if (there?.erasure !== id || there.subject !== subject) {
      const tombstone: Tombstone = { v: 1, erasure: id, subject, at: at.toISOString() };
      const text = `${noteName(origin, 'tombstone')}\n${canonical({ ...tombstone })}\n`;
      const note = signNote(text, [key.signer('tombstone'), hmacLine(keys, origin, 'tombstone')]);
      await putBytes(store, place, Buffer.from(note), 'text/plain; charset=utf-8');
    }
    await withSystem(sequencer, 'archive', (tx) =>
      tx.run(
        'update audit_erasures set tombstone_at = clock_timestamp() where id = $1 and tombstone_at is null',
        [id],
      ),
    );
  }
  return open.length;
}

/** What re-applying came to. */
export interface Reapplied {
  /** Erasures that this copy of the database did not know, and that were done again. */
  readonly erased: number;
  /** Subjects that a legal hold keeps, which has to be settled by people. */
  readonly held: readonly string[];
  /** Objects among the tombstones that no key of the log has signed. */
  readonly strange: number;
}

/**
 * Erases again what a restored copy of the database brought back. A tombstone counts when a key of the log, or one that
 * is configured, has signed it: whoever can write to the store must not be able to erase.
 * @param db as usher_app, which may erase
 * @throws errors of the store
 */
export async function reapplyErasures(
  db: Database,
  store: ObjectStore,
  keys: SigningKeys,
): Promise<Reapplied> {
  const { origins, known } = await withSystem(db, 'archive', knownHere);
  let [erased, strange] = [0, 0];
  const held: string[] = [];
  for (const [origin, vkeys] of origins) {
    const trusted = [...vkeys, ...logKeys(keys, origin).map(({ vkey }) => vkey)];
    for await (const { key } of store.list(folderOf(origin))) {
      if (known.has(key.slice(key.lastIndexOf('/') + 1))) continue;
      const tombstone = readTombstone(await readObject(store, key), origin, trusted);
      if (!tombstone) strange += 1;
      else if (await eraseAgain(db, tombstone)) erased += 1;
      else held.push(tombstone.subject);
    }
  }
  await withSystem(db, 'archive', (tx) => tx.run('select audit_note_comparison()'));
  return { erased, held, strange };
}

/**
 * Whether this copy of the database was compared with the erasures in the store since it was started: `never` before
 * the first comparison of all, `outdated` after a start, which may have been that of a restored backup.
 * @param db as usher_app
 */
export async function comparisonOf(db: Database): Promise<'done' | 'outdated' | 'never'> {
  const { state } = await withSystem(db, 'archive', (tx) =>
    tx.one<{ state: 'done' | 'outdated' | 'never' }>('select audit_comparison() as state'),
  );
  return state;
}

/** Says that there is nothing to compare with, where a comparison is waited for. Returns whether it was. */
export async function giveUpComparing(db: Database): Promise<boolean> {
  if ((await comparisonOf(db)) !== 'outdated') return false;
  await withSystem(db, 'archive', (tx) => tx.run('select audit_note_comparison()'));
  return true;
}

/** Names that this log had, with their keys, and the erasures that it knows. */
async function knownHere(
  tx: Tx,
): Promise<{ origins: Map<string, string[]>; known: ReadonlySet<string> }> {
  const origins = new Map<string, string[]>();
  const current = await originOfLog(tx);
  if (current !== null) origins.set(current, []);
  for (const { origin, vkey } of await allKeys(tx)) {
    origins.set(origin, [...(origins.get(origin) ?? []), vkey]);
  }
  const rows = await tx.rows<{ id: string }>('select id from audit_erasures');
  return { origins, known: new Set(rows.map(({ id }) => id)) };
}

function readTombstone(
  bytes: Buffer | null,
  origin: string,
  vkeys: readonly string[],
): Tombstone | undefined {
  const note = bytes ? openNote(bytes.toString('utf8')) : undefined;
  const name = noteName(origin, 'tombstone');
  const isSigned = vkeys.some((vkey) => {
    const key = readVkey(vkey);
    return note && key && checkNote(note, renamed(key, name)) === 'valid';
  });
  const [first, json = ''] = note?.text.split('\n') ?? [];
  return isSigned && first === name ? (JSON.parse(json) as Tombstone) : undefined;
}

// Under the id of the first erasure, so that it is not done a third time.
async function eraseAgain(db: Database, { erasure, subject }: Tombstone): Promise<boolean> {
  try {
    await withSystem(db, 'archive', (tx) =>
      tx.one('select audit_erase($1, $2, $3) as parts', [subject, erasure, 'system:restore']),
    );
    return true;
  } catch (error) {
    if (sqlState(error) === 'UA002') return false;
    if (sqlState(error) === undefined) throw error;
    throw new DomainError('unavailable', { detail: 'An erasure could not be done again.' });
  }
}
