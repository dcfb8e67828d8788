import { randomUUID } from 'node:crypto';
import { createUsageFlush } from '../../../src/domain/api-keys/usage-flush';
import { createUsage } from '../../../src/domain/api-keys/usage';
import type { Database } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { statementsOf } from '../../../src/platform/statements';
import { goodKey } from '../../domain/api-keys/facts';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { activeTenant, codeOf, inSystem, issue } from './keys';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
}, 120_000);
afterAll(() => app.stop());

interface UsageRow {
  requests: number;
  cost: number;
  last_ip: string | null;
  last_used_at: Date | null;
  day_requests: number;
  day_cost: number;
}

const usageOf = (id: string): Promise<UsageRow | undefined> =>
  inSystem(app, (tx) =>
    tx.maybe<UsageRow>(
      `select requests, cost, host(last_ip) as last_ip, last_used_at, day_requests, day_cost
       from api_key_usage where key_id = $1`,
      [id],
    ),
  );
const daysOf = (id: string) =>
  inSystem(app, (tx) =>
    tx.rows<{ code: string; requests: number; cost: number; ago: number }>(
      `select code, requests, cost, (now() at time zone 'utc')::date - day as ago
       from api_key_usage_days where key_id = $1 order by day, code`,
      [id],
    ),
  );
const untilRequests = (id: string, n: number) =>
  waitFor(
    'the flush',
    () => usageOf(id),
    (row) => row?.requests === n,
  );

describe('what is counted of a key', () => {
  test('is there within moments: requests, cost, the last use and where it came from', async () => {
    const { key, id } = await issue(app);
    await codeOf(app, { key, cost: 3, ip: '10.0.0.1' });
    await codeOf(app, { key, ip: '2001:db8::1' });
    await codeOf(app, { key });
    const row = await untilRequests(id, 3);
    expect(row).toMatchObject({ cost: 5, last_ip: '2001:db8::1', day_requests: 3, day_cost: 5 });
    expect(Math.abs(Date.now() - (row?.last_used_at?.getTime() ?? 0))).toBeLessThan(60_000);
  });

  test('has refusals by day and code, and no use of a refused request', async () => {
    const { key, id } = await issue(app, { cidrs: ['10.0.0.0/8'], scopes: ['a:b'] });
    const ip = '10.0.0.1';
    for (const body of [{}, {}, { ip, scopes: ['c:d'] }]) await codeOf(app, { key, ...body });
    const days = await waitFor(
      'the refusals',
      () => daysOf(id),
      (rows) => rows.length === 2,
    );
    expect(days).toEqual([
      { code: 'IP_DENIED', requests: 2, cost: 0, ago: 0 },
      { code: 'SCOPE_DENIED', requests: 1, cost: 0, ago: 0 },
    ]);
    expect(await usageOf(id)).toBeUndefined();
  });

  test('of a day that is over moves to the days when the next one begins', async () => {
    const { key, id } = await issue(app);
    await codeOf(app, { key, cost: 2 });
    await untilRequests(id, 1);
    await inSystem(app, (tx) =>
      tx.run('update api_key_usage set day = day - 2 where key_id = $1', [id]),
    );
    await codeOf(app, { key, cost: 5 });
    expect(await untilRequests(id, 2)).toMatchObject({ cost: 7, day_requests: 1, day_cost: 5 });
    expect(await daysOf(id)).toEqual([{ code: 'VALID', requests: 1, cost: 2, ago: 2 }]);
  });
});

describe('the first use of a key', () => {
  const firstUse = (id: string) =>
    inSystem(app, (tx) =>
      tx.one<{ at: Date | null; ends_at: Date | null }>(
        'select first_used_at as at, ends_at from api_keys where id = $1',
        [id],
      ),
    );
  const until = (id: string) =>
    waitFor(
      'the first use',
      () => firstUse(id),
      ({ at }) => at !== null,
    );

  test('is noted once, with an event and an audit entry', async () => {
    const { key, id } = await issue(app);
    await codeOf(app, { key });
    const { at } = await until(id);
    await codeOf(app, { key });
    await untilRequests(id, 2);
    expect((await firstUse(id)).at).toEqual(at);
    const events = await inSystem(app, (tx) =>
      tx.rows(`select 1 from events where type = 'apikey.first_used.v1' and data->>'key_id' = $1`, [
        id,
      ]),
    );
    const entries = await inSystem(app, (tx) =>
      tx.rows(`select 1 from audit_trail where action = 'apikey.first_used' and targets @> $1`, [
        JSON.stringify([{ id }]),
      ]),
    );
    expect([events.length, entries.length]).toEqual([1, 1]);
  });

  test('of a refused key is none', async () => {
    const { key, id } = await issue(app, { scopes: [] });
    expect(await codeOf(app, { key, scopes: ['a:b'] })).toBe('SCOPE_DENIED');
    await waitFor(
      'the refusal',
      () => daysOf(id),
      (rows) => rows.length === 1,
    );
    expect((await firstUse(id)).at).toBeNull();
  });

  test('of a successor fixes the end of the key before it and wakes the rotation', async () => {
    const tenantId = await activeTenant(app);
    const old = await issue(app, { tenantId, endsIn: 86_400 });
    const successor = await issue(app, { tenantId, familyId: old.id });
    const rotationId = newId();
    await inSystem(app, (tx) =>
      tx.run(
        `insert into key_rotations (id, tenant_id, family_id, old_key_id, new_key_id, state, reason, overlap_seconds,
           requested_by)
         values ($1, $2, $3, $3, $4, 'pending', 'routine', 600, 'system:test')`,
        [rotationId, tenantId, old.id, successor.id],
      ),
    );
    const before = await firstUse(old.id);
    await codeOf(app, { key: successor.key });
    const { at } = await until(successor.id);
    const { ends_at: endsAt } = await firstUse(old.id);
    expect(endsAt?.getTime()).toBe((at?.getTime() ?? 0) + 600_000);
    expect(endsAt?.getTime()).toBeLessThan(before.ends_at?.getTime() ?? 0);
    const wakes = await inSystem(app, (tx) =>
      tx.rows<{ workflow_type: string }>(
        'select workflow_type from outbox where workflow_id = $1',
        [`api-key-rotation/${rotationId}`],
      ),
    );
    expect(wakes).toEqual([{ workflow_type: 'rotateApiKey' }]);
  });

  test('never lengthens an overlap: an end that comes earlier stays', async () => {
    const tenantId = await activeTenant(app);
    const old = await issue(app, { tenantId, endsIn: 60 });
    const successor = await issue(app, { tenantId, familyId: old.id });
    await inSystem(app, (tx) =>
      tx.run(
        `insert into key_rotations (id, tenant_id, family_id, old_key_id, new_key_id, state, reason, overlap_seconds,
           requested_by)
         values ($1, $2, $3, $3, $4, 'pending', 'routine', 86400, 'system:test')`,
        [newId(), tenantId, old.id, successor.id],
      ),
    );
    const before = await firstUse(old.id);
    await codeOf(app, { key: successor.key });
    await until(successor.id);
    expect((await firstUse(old.id)).ends_at).toEqual(before.ends_at);
  });
});

describe('a flush', () => {
  /** Counts one request of a key and returns the flush of a process that may lose answers of the database. */
  const process = (id: string, tenantId: string, db: Database) => {
    const usage = createUsage(() => Promise.reject(new Error('not asked')));
    usage.flushedUpTo(performance.now());
    const facts = { ...goodKey, id, tenantId, familyId: id };
    const count = async (): Promise<void> => {
      const request = {
        cost: 1,
        now: Date.now(),
        known: { cost: 0, windowStart: 0, windowSeconds: 0, windowCost: 0 },
        knownAt: performance.now(),
        deadline: 0,
      };
      const { counter } = await usage.charge(facts, request);
      usage.accept(counter, 1, Date.now(), undefined);
    };
    return {
      count,
      refuse: () => usage.refuse(facts, 'BLOCKED'),
      flush: createUsageFlush({ db, usage, firstUses: { note: () => undefined } }),
    };
  };

  /** A database that commits and then loses the connection, once. */
  const losingOneAnswer = (db: Database): Database => {
    let lost = false;
    const pool = Object.create(db.pool) as Database['pool'];
    pool.connect = async () => {
      const client = await db.pool.connect();
      const statements = statementsOf(client);
      const { ask } = statements;
      statements.ask = async (text, params) => {
        const answer = await ask(text, params);
        if (text !== 'commit' || lost) return answer;
        lost = true;
        throw new Error('Connection terminated unexpectedly');
      };
      return client;
    };
    return { pool, close: () => Promise.resolve() };
  };

  test('whose answer is lost is repeated and counts once', async () => {
    const { id, tenantId } = await issue(app);
    const { count, flush } = process(id, tenantId, losingOneAnswer(app.deps.db));
    await count();
    await expect(flush.run()).rejects.toThrow('terminated');
    expect(await usageOf(id)).toMatchObject({ requests: 1, cost: 1 });
    await count();
    await flush.run();
    expect(await usageOf(id)).toMatchObject({ requests: 2, cost: 2 });
  });

  test('of refusals whose answer is lost counts them once, too', async () => {
    const { id, tenantId } = await issue(app);
    const { refuse, flush } = process(id, tenantId, losingOneAnswer(app.deps.db));
    refuse();
    await expect(flush.run()).rejects.toThrow('terminated');
    expect(await daysOf(id)).toMatchObject([{ code: 'BLOCKED', requests: 1 }]);
    refuse();
    await flush.run();
    expect(await daysOf(id)).toMatchObject([{ code: 'BLOCKED', requests: 2 }]);
  });

  test('with a key that was purged in the meantime hands in the others', async () => {
    const { id, tenantId } = await issue(app);
    const gone = process(randomUUID(), tenantId, app.deps.db);
    await gone.count();
    await gone.flush.run();
    const kept = process(id, tenantId, app.deps.db);
    await kept.count();
    await kept.flush.run();
    expect(await usageOf(id)).toMatchObject({ requests: 1 });
  });

  test('of many processes at once neither blocks nor loses anything', async () => {
    const tenantId = await activeTenant(app);
    const keys = await Promise.all(Array.from({ length: 20 }, () => issue(app, { tenantId })));
    const processes = Array.from({ length: 5 }, () =>
      keys.map(({ id }) => process(id, tenantId, app.deps.db)),
    );
    await Promise.all(
      processes.flat().map(async ({ count, flush }) => {
        await count();
        await flush.run();
      }),
    );
    for (const { id } of keys) expect(await usageOf(id)).toMatchObject({ requests: 5, cost: 5 });
  });
});

test('an answer of a process that stops is not lost with it', async () => {
  const one = await startTestApp({ worker: false });
  const { key, id } = await issue(one);
  expect(await codeOf(one, { key })).toBe('VALID');
  const { superUrl } = one.database;
  // Stopping drops the database of the test, so that what the last flush wrote is read before.
  const drop = one.database.drop;
  let requests: unknown;
  Object.assign(one.database, {
    drop: async () => {
      const { Client } = await import('pg');
      const client = new Client({ connectionString: superUrl });
      await client.connect();
      requests = (await client.query('select requests from api_key_usage where key_id = $1', [id]))
        .rows;
      await client.end();
      await drop();
    },
  });
  await one.stop();
  expect(requests).toEqual([{ requests: 1 }]);
}, 60_000);
