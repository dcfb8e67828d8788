import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { leafHash } from './hashes';
import { beat, lockHead, moveHead, preparePartitions } from './head';
import type { Head } from './head';
import { noteActions } from './known-actions';
import { leafHead, leafTail, zeroHash } from './leaf.rules';
import { openLog } from './opening';
import { moveToLog, takeWaiting } from './pending';
import type { Numbered, Waiting } from './pending';
import { moveTenantHeads, tenantHeads } from './tenant-heads';
import type { TenantHead } from './tenant-heads';
import { growTiles } from './tiles';
import { appendAll } from './tree';

/** Gives pending entries their places in the log. Any number may run; one works at a time. */
export interface Sequencer {
  /** Sequences at most one batch; returns how many entries, 0 when there were none or another one is at it. */
  round(): Promise<number>;
}

/** Entries of one batch: beyond a few hundred a batch does not get cheaper, and its cores are held in memory. */
export const batchSize = 1_000;

/** Most actions that a process remembers as noted. */
const mostActions = 10_000;

/**
 * Builds the sequencer of a process.
 * @param db opened as usher_sequencer
 * @param open finds out whether the log may be gone on with, at the start and after every failure: it may be another
 *   database that is there then. Returns the log's origin, or undefined while nobody can tell.
 */
export function createSequencer(
  db: Database,
  open: () => Promise<string | undefined> = () => openLog(db),
): Sequencer {
  const noted = new Set<string>();
  let origin: string | undefined;

  const work = async (): Promise<number> => {
    if (!(await withSystem(db, 'sequencer', beat))) return 0;
    origin ??= await open();
    if (origin === undefined) return 0;
    const name = origin;
    const batch = await withSystem(db, 'sequencer', async (tx) => {
      const head = await lockHead(tx);
      if (!head) return { count: 0, actions: [] };
      if (head.origin !== name) throw new Error('The audit log has another origin now');
      return sequence(tx, name, head, await takeWaiting(tx, batchSize), noted);
    });
    if (noted.size > mostActions) noted.clear();
    for (const action of batch.actions) noted.add(action);
    return batch.count;
  };
  return {
    async round() {
      try {
        return await work();
      } catch (error) {
        origin = undefined;
        throw error;
      }
    },
  };
}

/** What a batch has done. */
export interface Batch {
  readonly count: number;
  readonly actions: readonly string[];
}

/** Moves pending entries into the log, in the transaction that holds its head. */
export async function sequence(
  tx: Tx,
  origin: string,
  head: Head,
  waiting: readonly Waiting[],
  noted: ReadonlySet<string> = new Set(),
): Promise<Batch> {
  if (waiting.length === 0) return { count: 0, actions: [] };
  if (head.prepared <= head.size + waiting.length) {
    await preparePartitions(tx, head.size + batchSize);
  }
  const tenants = await tenantHeads(tx, tenantIdsOf(waiting));
  const entries = link(origin, head, waiting, tenants);
  const moved = await moveToLog(tx, head.now, entries);
  if (moved !== entries.length)
    throw new Error('Pending audit entries were taken by somebody else');
  const hashes = entries.map(({ hash }) => hash);
  await growTiles(tx, appendAll(head.tree, hashes));
  await moveTenantHeads(tx, [...tenants.values()]);
  const actions = [...new Set(waiting.map(({ action }) => action))].filter(
    (action) => !noted.has(action),
  );
  if (actions.length > 0) await noteActions(tx, actions);
  await moveHead(tx, head, hashes.at(-1) ?? head.lastHash);
  return { count: entries.length, actions };
}

const tenantIdsOf = (waiting: readonly Waiting[]): string[] => [
  ...new Set(waiting.flatMap(({ tenant_id: id }) => id ?? [])),
];

/** Numbers and hashes entries, each linked to the one before it in the log and in its tenant's chain. */
function link(
  origin: string,
  head: Head,
  waiting: readonly Waiting[],
  tenants: Map<string, TenantHead>,
): Numbered[] {
  let prevHash = head.lastHash.toString('hex');
  return waiting.map(({ pid, kind, tenant_id: tenantId, core }, index) => {
    const seq = head.size + index + 1;
    const before = tenantId === null ? undefined : tenants.get(tenantId);
    const tenantSeq = tenantId === null ? null : (before?.tenantSeq ?? 0) + 1;
    const tail = leafTail({
      kind,
      origin,
      prevHash,
      seq,
      sequencedAt: head.now,
      tenant:
        tenantId === null || tenantSeq === null
          ? null
          : { id: tenantId, seq: tenantSeq, prev: before?.hash.toString('hex') ?? zeroHash },
    });
    const hash = leafHash(leafHead + core + tail);
    prevHash = hash.toString('hex');
    if (tenantId !== null && tenantSeq !== null) {
      tenants.set(tenantId, { tenantId, tenantSeq, hash, lastSeq: seq });
    }
    return { pid, seq, tenantSeq, tail, hash };
  });
}
