import { randomUUID } from 'node:crypto';
import { sqlState, withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import type { FirstUses } from './first-uses';
import type { KeyUse, Refusal, Usage } from './usage';

/** Rows of one transaction: few enough that no verification waits behind it for long, here or in Postgres. */
const mostRows = 250;

/** What is added to one row: a key's own use, and what is charged to it as the first of its rotation family. */
interface Row {
  readonly id: string;
  readonly use: KeyUse | undefined;
  readonly charges: readonly KeyUse[];
}

/** A part of what was counted; it keeps its number until it is in. */
interface Part {
  readonly sequence: number;
  readonly rows: readonly Row[];
  readonly refusals: readonly Refusal[];
}

/** Hands in what a process has counted. */
export interface UsageFlush {
  /** One round: everything counted up to now, after whatever an earlier round could not hand in. */
  run(): Promise<void>;
}

/**
 * Builds the flush of one process, which has a random id per boot. Each part is numbered and handed in once, however
 * often its answer is lost.
 */
export function createUsageFlush(options: {
  readonly db: Database;
  readonly firstUses: Pick<FirstUses, 'note'>;
  readonly usage: Usage;
}): UsageFlush {
  const { db, firstUses, usage } = options;
  const instance = randomUUID();
  const waiting: Part[] = [];
  let sequence = 0;

  const collect = (): void => {
    const { uses, refusals } = usage.take();
    firstUses.note(uses.filter(({ facts, requests }) => facts.unused && requests > 0));
    const rows = rowsOf(uses);
    for (let at = 0; at < rows.length; at += mostRows) {
      sequence += 1;
      waiting.push({ sequence, rows: rows.slice(at, at + mostRows), refusals: [] });
    }
    if (refusals.length === 0) return;
    sequence += 1;
    waiting.push({ sequence, rows: [], refusals });
  };

  return {
    async run() {
      const upTo = performance.now();
      collect();
      for (let part = waiting[0]; part; part = waiting[0]) {
        await handIn(db, instance, part);
        waiting.shift();
        for (const { charges } of part.rows) usage.flushed(charges);
      }
      usage.flushedUpTo(upTo);
    },
  };
}

// Everybody locks rows in the order of their ids.
function rowsOf(uses: readonly KeyUse[]): readonly Row[] {
  const rows = new Map<string, { id: string; use: KeyUse | undefined; charges: KeyUse[] }>();
  const rowOf = (id: string) => {
    const row = rows.get(id) ?? { id, use: undefined, charges: [] };
    rows.set(id, row);
    return row;
  };
  for (const use of uses) {
    if (use.requests > 0) rowOf(use.facts.id).use = use;
    if (use.charge > 0) rowOf(use.facts.familyId).charges.push(use);
  }
  return [...rows.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function handIn(db: Database, instance: string, part: Part): Promise<void> {
  const write = (rows: readonly Row[]): Promise<void> =>
    withSystem(db, 'usage', async (tx) => {
      // Zero when it was committed before and only its answer was lost.
      if ((await claim(tx, instance, part.sequence)) === 0) return;
      // A crash of Postgres may take the last moments along, which is less than one of this process would.
      await tx.run(`select set_config('synchronous_commit', 'off', true)`);
      if (part.refusals.length > 0) await countRefusals(tx, part.refusals);
      if (rows.length > 0) await addRows(tx, rows);
    });
  try {
    await write(part.rows);
  } catch (error) {
    if (sqlState(error) !== foreignKeyViolation) throw error;
    // Keys that were purged in the meantime count for nobody.
    await write(await withSystem(db, 'usage', (tx) => rowsOfLiveKeys(tx, part.rows)));
  }
}

const foreignKeyViolation = '23503';

async function rowsOfLiveKeys(tx: Tx, rows: readonly Row[]): Promise<readonly Row[]> {
  const live = await tx.rows<{ id: string }>('select id from api_keys where id = any($1::uuid[])', [
    rows.map(({ id }) => id),
  ]);
  const ids = new Set(live.map(({ id }) => id));
  return rows.filter(({ id }) => ids.has(id));
}

function claim(tx: Tx, instance: string, sequence: number): Promise<number> {
  return tx.run(
    `insert into verification_flushes as f (instance_id, sequence) values ($1, $2)
     on conflict (instance_id) do update set sequence = excluded.sequence, at = now()
     where f.sequence < excluded.sequence`,
    [instance, sequence],
  );
}

async function addRows(tx: Tx, rows: readonly Row[]): Promise<void> {
  const column = (value: (row: Row) => string | number | null | undefined): string =>
    arrayOf(rows.map(value));
  const sum = (charges: readonly KeyUse[]): number =>
    charges.reduce((total, { charge }) => total + charge, 0);
  await tx.run('select add_api_key_usage($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)', [
    column(({ id }) => id),
    column(({ use, charges }) => (use ?? charges[0])?.facts.tenantId),
    column(({ use }) => use?.requests ?? 0),
    column(({ use }) => use?.cost ?? 0),
    column(({ use }) => use?.lastUsedAt),
    column(({ use }) => use?.lastAddress),
    column(({ charges }) => sum(charges)),
    column(({ charges }) => charges[0]?.window?.start),
    column(({ charges }) => charges[0]?.window?.seconds),
    column(({ charges }) => windowSum(charges)),
  ]);
}

// Keys of one family have their windows in common, unless one was given another limit: then its window is on its own.
function windowSum(charges: readonly KeyUse[]): number {
  const [first] = charges;
  return charges
    .filter(({ window }) => window?.start === first?.window?.start)
    .reduce((total, { window }) => total + (window?.cost ?? 0), 0);
}

async function countRefusals(tx: Tx, refusals: readonly Refusal[]): Promise<void> {
  await tx.run('select count_refusals($1, $2, $3, $4)', [
    arrayOf(refusals.map(({ keyId }) => keyId)),
    arrayOf(refusals.map(({ tenantId }) => tenantId)),
    arrayOf(refusals.map(({ code }) => code)),
    arrayOf(refusals.map(({ count }) => count)),
  ]);
}

// As Postgres reads arrays: ids, numbers and addresses need no quotes.
const arrayOf = (values: readonly (string | number | null | undefined)[]): string =>
  `{${values.map((value) => value ?? 'null').join(',')}}`;

/** Removes the sequence numbers of processes that ended more than a day ago; returns how many. For the worker. */
export function sweepFlushes(tx: Tx, limit: number): Promise<number> {
  return tx.run(
    `delete from verification_flushes where instance_id in (
       select instance_id from verification_flushes where at < now() - interval '1 day' limit $1)`,
    [limit],
  );
}
