import fc from 'fast-check';
import type { Counter } from '../../../src/domain/api-keys/counters';
import { added, nothingCounted, readCounts } from '../../../src/domain/api-keys/limits.rules';
import type { Count } from '../../../src/domain/api-keys/limits.rules';
import { createUsage } from '../../../src/domain/api-keys/usage';
import { createUsageFlush } from '../../../src/domain/api-keys/usage-flush';
import type { KeyFacts } from '../../../src/domain/api-keys/verification.rules';
import { createKeyHasher } from '../../../src/platform/crypto/keys';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { statementsOf } from '../../../src/platform/statements';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { insertTenant } from '../onboarding/rows';
import { goodKey } from './facts';
import { insertKey } from './rows';

const hasher = createKeyHasher([{ id: 'p1', key: Buffer.alloc(32, 1) }], 'usher/api-key/v1');

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = createDatabase({ url: database.appUrl, applicationName: 'test' });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const inSystem = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'cli', fn);

/** A key and its successor, which are counted together. */
async function family(): Promise<[KeyFacts, KeyFacts]> {
  return inSystem(async (tx) => {
    const tenantId = await insertTenant(tx, { status: 'active' });
    const { id: familyId } = await insertKey(tx, hasher, { tenantId });
    const { id } = await insertKey(tx, hasher, { tenantId, familyId });
    const facts = { ...goodKey, tenantId, familyId };
    return [
      { ...facts, id: familyId },
      { ...facts, id },
    ];
  });
}

interface Row {
  readonly requests: number;
  readonly cost: number;
  readonly start: number | null;
  readonly seconds: number | null;
  readonly window_cost: number;
}

const rowOf = ({ id }: KeyFacts): Promise<Row | undefined> =>
  inSystem((tx) =>
    tx.maybe<Row>(
      `select requests, cost, date_part('epoch', window_start) as start, window_seconds as seconds, window_cost
       from api_key_usage where key_id = $1`,
      [id],
    ),
  );
const forget = ({ id }: KeyFacts): Promise<number> =>
  inSystem((tx) => tx.run('delete from api_key_usage where key_id = $1', [id]));

/** A process that counts. */
function createProcess() {
  const usage = createUsage(() => Promise.reject(new Error('No limit is near')));
  usage.flushedUpTo(performance.now() + 1e9);
  const flush = createUsageFlush({ db, usage, firstUses: { note: () => undefined } });
  const last = new Map<string, Counter>();
  return {
    async count(facts: KeyFacts, cost: number, now: number): Promise<void> {
      const at = performance.now();
      const counter = last.get(facts.id);
      // Its first charge says what Postgres had counted, as a look-up does; what comes then is charged by memory.
      const outcome =
        (counter && usage.chargeKnown({ facts, counter }, { cost, now, at })) ??
        (await usage.charge(facts, {
          cost,
          now,
          known: await known(facts),
          knownAt: at,
          deadline: 0,
        }));
      expect(outcome.code).toBe('VALID');
      usage.accept(outcome.counter, cost, now, undefined);
      last.set(facts.id, outcome.counter);
    },
    flush: () => flush.run(),
    knownOf: (facts: KeyFacts) => last.get(facts.id)!.family.known,
  };
}

async function known(facts: KeyFacts) {
  const row = await rowOf({ ...facts, id: facts.familyId });
  if (!row) return nothingCounted;
  return {
    cost: row.cost,
    windowStart: row.start ?? 0,
    windowSeconds: row.seconds ?? 0,
    windowCost: row.window_cost,
  };
}

const processes = 2;
const request = fc.record({
  at: fc.nat({ max: processes - 1 }),
  successor: fc.boolean(),
  cost: fc.integer({ min: 0, max: 9 }),
  /** Of the rate limit's window, which may be changed at any time; 0 for none. */
  seconds: fc.constantFrom(0, 10, 10, 60),
});
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: request },
    { weight: 3, arbitrary: fc.record({ flush: fc.nat({ max: processes - 1 }) }) },
    { weight: 1, arbitrary: fc.record({ passes: fc.integer({ min: 1, max: 15_000 }) }) },
  ),
  { maxLength: 60, size: 'max' },
);

const minute = 28_333_333 * 60;
const count: fc.Arbitrary<Count> = fc
  .record({
    cost: fc.nat({ max: 9 }),
    windowStart: fc.nat({ max: 2 }).map((n) => minute + n * 60),
    windowSeconds: fc.constantFrom(30, 60),
    windowCost: fc.nat({ max: 9 }),
  })
  .map((one) => (one.windowCost === 0 ? { ...nothingCounted, cost: one.cost } : one));

test('a process expects of what it counts exactly what Postgres makes of it', async () => {
  const [facts] = await family();
  await fc.assert(
    fc.asyncProperty(count, count, async (before, more) => {
      await forget(facts);
      const windowed = (value: number, { windowCost }: Count) => (windowCost > 0 ? value : null);
      const told = await inSystem(async (tx) => {
        await tx.run(
          `insert into api_key_usage (key_id, tenant_id, cost, window_start, window_seconds, window_cost)
           values ($1, $2, $3, to_timestamp($4), $5, $6)`,
          [
            facts.id,
            facts.tenantId,
            before.cost,
            windowed(before.windowStart, before),
            windowed(before.windowSeconds, before),
            before.windowCost,
          ],
        );
        return tx.one<{ others: string | null }>(
          `select others from count_key_uses(array[$1]::uuid[], '{1}', '{1}', '{null}', '{null}', array[$2]::int[],
             array[$3]::float8[] , array[$4]::int[], array[$5]::int[], '{-1}', true)`,
          [
            facts.id,
            more.cost,
            windowed(more.windowStart * 1000, more),
            windowed(more.windowSeconds, more),
            more.windowCost,
          ],
        );
      });
      expect(readCounts(told.others).get(0)).toEqual(added(before, more));
    }),
    { numRuns: 200 },
  );
});

describe('after a flush', () => {
  test('a process knows what all of them have counted, whether it was told or left to expect it', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const [first, successor] = await family();
        const all = Array.from({ length: processes }, createProcess);
        const asked = { requests: 0, successor: 0, cost: 0 };
        let now = 1_700_000_000_000;
        const flush = async (one: (typeof all)[number]): Promise<void> => {
          await one.flush();
          expect(one.knownOf(first)).toEqual(await known(first));
        };
        for (const one of given) {
          if ('passes' in one) now += one.passes;
          else if ('flush' in one) {
            // So that there is something to hand in.
            await all[one.flush]!.count(first, 1, now);
            asked.requests += 1;
            asked.cost += 1;
            await flush(all[one.flush]!);
          } else {
            const { seconds, cost } = one;
            const rateLimit = seconds === 0 ? null : { limit: 1e9, seconds };
            await all[one.at]!.count(
              { ...(one.successor ? successor : first), rateLimit },
              cost,
              now,
            );
            if (one.successor) asked.successor += 1;
            else asked.requests += 1;
            asked.cost += cost;
          }
        }
        for (const one of all) await one.flush();
        const [row, later] = [await rowOf(first), await rowOf(successor)];
        expect(row?.cost ?? 0).toBe(asked.cost);
        expect([row?.requests ?? 0, later?.requests ?? 0]).toEqual([
          asked.requests,
          asked.successor,
        ]);
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  test('what counts is there again although its row was lost, as after a backup was restored', async () => {
    const [kept] = await family();
    const [lost] = await family();
    const one = createProcess();
    const count = async (): Promise<void> => {
      for (const facts of [kept, lost]) await one.count(facts, 2, Date.now());
      await one.flush();
    };
    await count();
    await forget(lost);
    await count();
    expect(await rowOf(kept)).toMatchObject({ requests: 2, cost: 4 });
    expect(await rowOf(lost)).toMatchObject({ requests: 1, cost: 2 });
    await count();
    expect(await rowOf(lost)).toMatchObject({ requests: 2, cost: 4 });
  });
});

describe('refusals that cannot be handed in', () => {
  let own: Database;
  let isDown: boolean;
  /** The counts in each statement that told of refusals. */
  let told: number[][];
  beforeEach(() => {
    isDown = true;
    told = [];
    own = createDatabase({ url: database.appUrl, applicationName: 'test', max: 1 });
    own.pool.on('connect', (client) => {
      const statements = statementsOf(client);
      const { ask } = statements;
      statements.ask = (text, params) => {
        if (text.includes('count_refusals')) told.push(readArray(params.at(-1)));
        return ask(text, params);
      };
    });
  });
  afterEach(() => own.close());

  const readArray = (text: unknown): number[] => String(text).slice(1, -1).split(',').map(Number);
  /** A process whose database is out of reach until it is not. */
  function createRefuser() {
    const pool = Object.create(own.pool) as Database['pool'];
    pool.connect = () =>
      isDown ? Promise.reject(new Error('cannot be written to')) : own.pool.connect();
    const usage = createUsage(() => Promise.reject(new Error('No limit is near')));
    const flush = createUsageFlush({
      db: { ...own, pool },
      usage,
      firstUses: { note: () => undefined },
    });
    return { usage, flush };
  }
  const refusalsOf = ({ id }: KeyFacts) =>
    inSystem((tx) =>
      tx.rows(
        'select code, requests from api_key_usage_days where key_id = $1 order by code desc',
        [id],
      ),
    );

  test('wait as one row each, however long, and are counted once Postgres takes them again', async () => {
    const [facts] = await family();
    const { usage, flush } = createRefuser();
    for (let round = 0; round < 50; round += 1) {
      usage.refuse(facts, 'SCOPE_DENIED');
      if (round % 5 === 0) usage.refuse(facts, 'IP_DENIED');
      await expect(flush.run()).rejects.toThrow('cannot be written to');
    }
    isDown = false;
    await flush.run();
    // What was on its way when Postgres went stays as it was, in case it arrived; the rest is merged.
    expect(told).toEqual([
      [1, 1],
      [49, 9],
    ]);
    expect(await refusalsOf(facts)).toEqual([
      { code: 'SCOPE_DENIED', requests: 50 },
      { code: 'IP_DENIED', requests: 10 },
    ]);
    usage.refuse(facts, 'SCOPE_DENIED');
    await flush.run();
    await flush.run();
    expect(await refusalsOf(facts)).toMatchObject([{ requests: 51 }, { requests: 10 }]);
  });

  test('of more keys than one statement tells of are all told of, each once', async () => {
    const [facts] = await family();
    const { usage, flush } = createRefuser();
    const ids = Array.from({ length: 299 }, () => newId());
    for (let round = 0; round < 3; round += 1) {
      for (const id of [facts.id, ...ids]) usage.refuse({ ...facts, id }, 'BLOCKED');
      await expect(flush.run()).rejects.toThrow('cannot be written to');
    }
    isDown = false;
    await flush.run();
    // The first part is of the first round; 50 keys of it waited for the other rounds.
    expect(told.map(({ length }) => length)).toEqual([250, 250, 50]);
    expect(told.flat().reduce((sum, n) => sum + n, 0)).toBe(3 * 300);
    expect(await refusalsOf(facts)).toEqual([{ code: 'BLOCKED', requests: 3 }]);
  });
});
