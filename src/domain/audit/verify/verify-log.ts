import { setImmediate as nextTurn } from 'node:timers/promises';
import { withSystem } from '../../../platform/db';
import type { Database, Tx } from '../../../platform/db';
import type { ObjectStore } from '../../../platform/object-store';
import { checkpointsWithin } from '../checkpoints';
import type { Checkpoint } from '../checkpoints';
import { erasuresSoFar } from '../control-leaves';
import { sizeOfLog } from '../head';
import { readCheckpoint } from '../heads.rules';
import { allKeys } from '../log-keys';
import { openNote } from '../notes';
import { rangeAt } from '../proofs';
import { tilesOf } from '../tiles';
import { createChainChecker } from './chain-checker';
import type { CheckedEntry } from './chain-checker';
import { checkEnds } from './ends';
import { checkPublished } from './published';
import { storedRows, strayColumn } from './stored-rows';
import type { StoredRow } from './stored-rows';
import { loadSuccessions } from './successions';
import { createTileChecker } from './tile-checker';
import { createTrust } from './trust';
import type { Trust } from './trust';
import { collectBreaks } from './verdict.rules';
import type { Break, Breaks } from './verdict.rules';

/** What verifying found. */
export interface Verdict {
  readonly ok: boolean;
  readonly verified: number;
  readonly checkpoints: number;
  /** The first break by its place. */
  readonly break: Break | null;
  readonly breaks: readonly Break[];
  /** Parts of personal data that were erased, by entries that say so. */
  readonly erased: number;
  readonly oldestHotSeq: number | null;
  readonly highestArchivedSeq: number | null;
  /** Entries that were looked at in the archive; null where that was not asked for. */
  readonly archived: number | null;
  /** How many entries the newest published checkpoint attests; null where none is published. */
  readonly attested: number | null;
}

/** What is verified, and with what. */
export interface Verifying {
  /** The first and the last seq; the whole log when left out. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Verifier keys that are believed; without any, the first stored key of each log is. */
  readonly trusted?: readonly string[];
  /** Where checkpoints are published, to compare with. */
  readonly store?: ObjectStore | undefined;
  /** Looks into the archive as well. */
  readonly archive?: CheckArchive | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((verified: number, of: number) => void) | undefined;
}

/** Compares the archive with the log and answers how many entries it has looked at; the archive's domain brings it. */
export type CheckArchive = (given: {
  readonly read: <T>(fn: (tx: Tx) => Promise<T>) => Promise<T>;
  readonly trust: Trust;
  readonly breaks: Breaks;
  readonly from: number;
  readonly to: number;
  /** The last entry that is in the archive only; 0 for none. */
  readonly dropped: number;
  readonly signal: AbortSignal | undefined;
}) => Promise<number>;

/** Rows of one look; each is a short transaction of its own. */
const pageSize = 2_000;

/**
 * Verifies the log as it is stored: leaf bytes, links, tenants' chains, columns, personal data, tiles, checkpoints,
 * what is published, what is archived where it may look there, and the ends. It holds no snapshot: what is in the log
 * does not change.
 * @throws the reason of the signal when it is called off
 */
export async function verifyLog(db: Database, given: Verifying = {}): Promise<Verdict> {
  const read = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> =>
    withSystem(db, 'audit', fn, { readOnly: true });
  const breaks = collectBreaks();
  const bounds = await read(boundsOf);
  // Beyond the end there is nothing to verify but the end itself.
  const from = Math.min(Math.max(given.from ?? 1, bounds.oldest ?? 1), bounds.end + 1);
  const to = Math.min(given.to ?? Infinity, bounds.end);
  const trust = await read((tx) => trustOf(tx, given.trusted ?? []));
  const base = await read((tx) => baseOf(tx, from));
  const chain = createChainChecker({ kind: 'log', from, before: base.hash }, breaks);
  const tiles = createTileChecker(base.tree, breaks);
  const checkpoints = createCheckpointChecker(trust, breaks);

  let after = from - 1;
  while (after < to) {
    given.signal?.throwIfAborted();
    const range = { after, upTo: to, limit: pageSize };
    const rows = await read(async (tx) => {
      const found = await storedRows(tx, range);
      const last = found.at(-1)?.seq ?? to;
      await tiles.load(tilesOf(tx), last);
      checkpoints.expect(await checkpointsWithin(tx, range.after, last));
      return found;
    });
    if (rows.length === 0) break;
    for (const row of rows) {
      checkpoints.upTo(row.seq - 1, tiles.root);
      checkColumns(row, chain.next({ ...row, stored: row.hash }), breaks);
      tiles.add(row.seq, row.hash);
      checkpoints.upTo(row.seq, tiles.root);
    }
    after = rows.at(-1)?.seq ?? to;
    given.onProgress?.(after - from + 1, Math.max(0, to - from + 1));
    await nextTurn();
  }
  const last = Math.max(after, from - 1);
  const toEnd = given.to === undefined || given.to >= bounds.end;
  await read((tx) => checkEnds(tx, { from, last, toEnd, chain, breaks }));
  const attested = await checkPublished(read, { store: given.store, trust, breaks });
  const archived = given.archive
    ? await given.archive({
        read,
        trust,
        breaks,
        from: given.from ?? 1,
        to,
        dropped: bounds.archived ?? 0,
        signal: given.signal,
      })
    : null;
  const erasures = await read((tx) => erasuresSoFar(tx, [...chain.openings.missing.keys()]));
  const erased = chain.openings.settle([
    ...chain.controls.flatMap((one) => (one.action === 'audit.erased' ? [one] : [])),
    ...erasures.filter(({ seq }) => seq > last),
  ]);
  const sorted = breaks.sorted();
  return {
    ok: breaks.count === 0,
    verified: chain.verified,
    checkpoints: checkpoints.count,
    break: sorted[0] ?? null,
    breaks: sorted,
    erased,
    oldestHotSeq: bounds.oldest,
    highestArchivedSeq: bounds.archived,
    archived,
    attested,
  };
}

function checkColumns(row: StoredRow, { hash, envelope }: CheckedEntry, breaks: Breaks): void {
  // Of a leaf that is broken anyway the columns prove nothing.
  const stray = envelope && row.hash.equals(hash) ? strayColumn(envelope, row.columns) : undefined;
  if (stray) breaks.add(row.seq, 'event-hash-mismatch', stray.expected, stray.actual);
}

interface Bounds {
  /** The first entry that is not archived and pruned; null for an empty log. */
  readonly oldest: number | null;
  /** The last entry that there is, or should be. */
  readonly end: number;
  readonly archived: number | null;
}

async function boundsOf(tx: Tx): Promise<Bounds> {
  const { newest, pruned } = await tx.one<{ newest: number | null; pruned: number | null }>(
    `select (select max(seq) from audit_log) as newest,
       (select max(to_seq) - 1 from audit_partitions where pruned_at is not null) as pruned`,
  );
  const end = Math.max(await sizeOfLog(tx), newest ?? 0);
  return { oldest: end === 0 ? null : (pruned ?? 0) + 1, end, archived: pruned };
}

// What is before the range is taken from the tree: its own entries are not looked at.
async function baseOf(tx: Tx, from: number) {
  const tree = await rangeAt(tilesOf(tx), from - 1);
  if (from === 1) return { tree, hash: undefined };
  const row = await tx.maybe<{ hash: Buffer }>('select hash from audit_log where seq = $1', [
    from - 1,
  ]);
  return { tree, hash: row?.hash.toString('hex') };
}

async function trustOf(tx: Tx, trusted: readonly string[]): Promise<Trust> {
  const stored = (await allKeys(tx)).filter(({ n }) => n === 1).map(({ vkey }) => vkey);
  return createTrust(trusted.length > 0 ? trusted : stored, await loadSuccessions(tx));
}

/** Compares checkpoints with the root of the tree as it grows past them. */
function createCheckpointChecker(trust: Trust, breaks: Breaks) {
  let waiting: Checkpoint[] = [];
  let strayed = false;
  let count = 0;
  const check = ({ origin, size, root, note }: Checkpoint, made: Buffer | undefined): void => {
    const opened = openNote(note);
    const head = opened && readCheckpoint(opened.text);
    const isOurs = head?.size === size && head.origin === origin;
    if (!opened || !isOurs || !trust.signs(opened, 'checkpoint', head)) {
      breaks.add(
        size,
        'checkpoint-signature-mismatch',
        `a note of ${origin}`,
        head?.origin ?? 'none',
      );
      return;
    }
    const grown = made?.toString('base64') ?? head.root;
    const stored = root.toString('base64');
    // What follows the first wrong root is wrong because of it.
    if (strayed || (grown === head.root && stored === head.root)) return;
    strayed = grown !== head.root;
    breaks.add(size, 'root-mismatch', head.root, strayed ? grown : stored);
  };
  return {
    get count() {
      return count;
    },
    expect(checkpoints: readonly Checkpoint[]): void {
      waiting = [...checkpoints];
    },
    upTo(size: number, root: () => Buffer | undefined): void {
      while (waiting[0] && waiting[0].size <= size) {
        const [next] = waiting.splice(0, 1);
        count += 1;
        if (next) check(next, next.size === size ? root() : undefined);
      }
    },
  };
}
