import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { leafHash } from './hashes';
import {
  beat,
  databaseIdentity,
  foundLog,
  homeOfLog,
  lockHead,
  moveHead,
  preparePartitions,
} from './head';
import type { Head } from './head';
import { noteActions } from './known-actions';
import { leafHead, leafTail, zeroHash } from './leaf.rules';
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

/** Builds the sequencer of a process; the database is opened as usher_sequencer. */
export function createSequencer(db: Database): Sequencer {
  const noted = new Set<string>();
  let origin: string | undefined;

  const work = async (): Promise<number> => {
    if (!(await withSystem(db, 'sequencer', beat))) return 0;
    origin ??= await withSystem(db, 'sequencer', openLog);
    if (origin === undefined) return 0;
    const name = origin;
    const batch = await withSystem(db, 'sequencer', (tx) => sequence(tx, name, noted));
    if (noted.size > mostActions) noted.clear();
    for (const action of batch.actions) noted.add(action);
    return batch.count;
  };
  return {
    async round() {
      try {
        return await work();
      } catch (error) {
        // It may be another database that is there the next time.
        origin = undefined;
        throw error;
      }
    },
  };
}

/** The log's name, which it gets at its first start; undefined while another sequencer holds the head. */
async function openLog(tx: Tx): Promise<string | undefined> {
  const head = await lockHead(tx);
  if (!head) return undefined;
  const here = await databaseIdentity(tx);
  if (head.origin === null) return foundLog(tx, here);
  const home = await homeOfLog(tx);
  if (home?.systemIdentifier !== here.systemIdentifier || home.databaseOid !== here.databaseOid) {
    throw new Error('The audit log was copied here from another database');
  }
  return head.origin;
}

async function sequence(
  tx: Tx,
  origin: string,
  noted: ReadonlySet<string>,
): Promise<{ count: number; actions: readonly string[] }> {
  const head = await lockHead(tx);
  if (!head) return { count: 0, actions: [] };
  if (head.origin !== origin) throw new Error('The audit log has another origin now');
  const waiting = await takeWaiting(tx, batchSize);
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
