import { randomUUID } from 'node:crypto';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import type { Counter } from './counters';
import type { FirstUses } from './first-uses';
import { readCounts } from './limits.rules';
import type { CountedUse, CountsRead, Refusal, Usage } from './usage';

/** Rows of one transaction: few enough that no verification waits behind it for long, here or in Postgres. */
const mostRows = 250;

/** A part of what was counted, uses or refusals; it keeps its number until it is in. */
interface Part {
  readonly sequence: number;
  readonly uses: readonly CountedUse[];
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
  let sequence = 0;
  /** What is being handed in, and what comes after it. */
  let current: Part | undefined;
  let counters: Counter[] = [];
  /** By key and code, which come once however long they wait: no statement writes a row twice. */
  const refusals = new Map<string, Refusal>();

  const collect = (): void => {
    const taken = usage.take();
    firstUses.note(taken.counters.filter(({ unused, requests }) => unused && requests > 0));
    counters = counters.concat(taken.counters);
    for (const refusal of taken.refusals) {
      const name = `${refusal.keyId} ${refusal.code}`;
      const waiting = refusals.get(name);
      if (waiting) waiting.count += refusal.count;
      else refusals.set(name, refusal);
    }
  };
  // Out of what waits for good: a part stays as it is until it is in.
  const takeRefusals = (): Refusal[] => {
    const taken: Refusal[] = [];
    for (const [name, refusal] of refusals) {
      if (taken.length === mostRows) break;
      refusals.delete(name);
      taken.push(refusal);
    }
    return taken;
  };
  // As late as can be: what is taken out lives for one statement.
  const next = (): Part | undefined => {
    if (refusals.size > 0) {
      sequence += 1;
      return { sequence, uses: [], refusals: takeRefusals() };
    }
    const sorted = counters.splice(-mostRows).sort(byId);
    if (sorted.length === 0) return undefined;
    // A key that was forgotten and met again in one interval comes twice, and no statement writes a row twice.
    const isAgain = ({ id }: Counter, at: number): boolean => sorted[at - 1]?.id === id;
    counters.push(...sorted.filter(isAgain));
    const once = sorted.filter((counter, at) => !isAgain(counter, at));
    sequence += 1;
    return { sequence, uses: once.map((counter) => usage.takeOut(counter)), refusals: [] };
  };

  return {
    async run() {
      const upTo = performance.now();
      collect();
      while ((current ??= next())) {
        const counts = await handIn(db, instance, current);
        usage.flushed(current.uses, counts);
        current = undefined;
      }
      usage.flushedUpTo(upTo);
    },
  };
}

// Everybody locks the rows of a transaction in the order of their ids.
const byId = (a: Counter, b: Counter): number => a.rank - b.rank || (a.id < b.id ? -1 : 1);

/** Hands in a part; undefined when it was in before, and only its answer was lost. */
async function handIn(db: Database, instance: string, part: Part): Promise<CountsRead | undefined> {
  const claim = [instance, part.sequence] as const;
  // All of it is one message, so that a round takes no longer than Postgres does.
  const write = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> =>
    withSystem(db, 'usage', async (tx) => {
      const [written] = await Promise.all([
        fn(tx),
        // A crash of Postgres may take the last moments along, which is less than one of this process would.
        tx.run(`select set_config('synchronous_commit', 'off', true)`),
      ]);
      return written;
    });
  const { uses, refusals } = part;
  if (refusals.length > 0) {
    await write((tx) => countRefusals(tx, claim, refusals));
    return undefined;
  }
  const unstored = uses.filter(({ counter }) => !counter.stored);
  const count = (without: readonly CountedUse[]): Promise<CountsRead['others'] | undefined> =>
    write((tx) => countUses(tx, claim, uses, without));
  const others = await count(unstored).catch((error: unknown) => {
    if (error instanceof RowMissing) return count(uses);
    throw error;
  });
  // The rows were locked from the counting to the commit: nothing that left before its end has read anything newer.
  return others && { others, at: performance.now() };
}

/** A row that was there is there no more: its key was purged, or a backup was restored under this process. */
class RowMissing extends Error {}

/** The process that hands in, and the number of the part. */
type Claim = readonly [instance: string, sequence: number];

// No row when the part was committed before and only its answer was lost; then nothing that takes a value of it runs.
const claimed = `with claimed as (
  insert into verification_flushes as f (instance_id, sequence) values ($1, $2)
  on conflict (instance_id) do update set sequence = excluded.sequence, at = now()
  where f.sequence < excluded.sequence
  returning true as is_new)`;

/**
 * Counts uses, and returns the counts that are not as the process expects; undefined when the part was in before.
 * @param unstored those that may have no row to be counted into
 * @throws RowMissing when another one has none
 */
async function countUses(
  tx: Tx,
  claim: Claim,
  uses: readonly CountedUse[],
  unstored: readonly CountedUse[],
): Promise<CountsRead['others'] | undefined> {
  const column = (value: (use: CountedUse) => string | number): string => arrayOf(uses.map(value));
  const [, counted] = await Promise.all([
    unstored.length > 0 ? addRows(tx, unstored) : undefined,
    tx.maybe<{ rows_counted: number; others: string | null }>(
      `${claimed}
       select u.rows_counted, u.others from claimed,
         count_key_uses($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, is_new) as u`,
      [
        ...claim,
        column(({ counter }) => counter.id),
        column(({ requests }) => requests),
        column(({ spent }) => spent),
        column(({ requests, lastUsedAt }) => (requests > 0 ? lastUsedAt : 'null')),
        column(({ lastAddress }) => lastAddress ?? 'null'),
        column(({ cost }) => cost),
        column(({ windowCost, windowStart }) => (windowCost > 0 ? windowStart * 1000 : 'null')),
        column(({ windowCost, windowSeconds }) => (windowCost > 0 ? windowSeconds : 'null')),
        column(({ windowCost }) => windowCost),
        column(({ after }) => after.cost),
      ],
    ),
  ]);
  if (!counted) return undefined;
  // Keys that were purged in the meantime count for nobody.
  if (counted.rows_counted < uses.length && unstored.length < uses.length) throw new RowMissing();
  return readCounts(counted.others);
}

const addRows = (tx: Tx, uses: readonly CountedUse[]): Promise<number> =>
  tx.run(
    `insert into api_key_usage (key_id, tenant_id)
     select id, tenant_id from api_keys where id = any($1::uuid[]) order by id on conflict do nothing`,
    [arrayOf(uses.map(({ counter }) => counter.id))],
  );

async function countRefusals(tx: Tx, claim: Claim, refusals: readonly Refusal[]): Promise<void> {
  await tx.run(`${claimed} select count_refusals($3, $4, $5, $6) from claimed`, [
    ...claim,
    arrayOf(refusals.map(({ keyId }) => keyId)),
    arrayOf(refusals.map(({ tenantId }) => tenantId)),
    arrayOf(refusals.map(({ code }) => code)),
    arrayOf(refusals.map(({ count }) => count)),
  ]);
}

// As Postgres reads arrays: ids, numbers and addresses need no quotes.
const arrayOf = (values: readonly (string | number)[]): string => `{${values.join(',')}}`;

/** Removes the numbers of processes that have handed nothing in for a day; returns how many. */
export function sweepFlushes(tx: Tx, limit: number): Promise<number> {
  return tx.run(
    `delete from verification_flushes where instance_id in (
       select instance_id from verification_flushes where at < now() - interval '1 day' limit $1)`,
    [limit],
  );
}
