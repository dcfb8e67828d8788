import { Client } from 'pg';
import {
  barrierMarginMs,
  openBarrier,
  readMaxLease,
  setMaxLease,
} from '../../src/platform/barriers';
import { createDatabase, withSystem } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { insertTenant } from '../domain/onboarding/rows';

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

/** Milliseconds from the commit of a barrier until it has passed. */
async function waitOf(maxLeaseMs: number): Promise<number> {
  await setMaxLease(db, 'user:test', maxLeaseMs);
  const barrier = await withSystem(db, 'cli', openBarrier);
  const committed = performance.now();
  await barrier.passed();
  return performance.now() - committed;
}

test('a barrier passes only after the longest lease and its margin, counted from its own commit', async () => {
  // The commit returned a moment before this test looks at the clock.
  for (const lease of [0, 200]) {
    expect(await waitOf(lease)).toBeGreaterThan(lease + barrierMarginMs - 20);
  }
});

test('a barrier that did not commit never passes', async () => {
  let opened: Awaited<ReturnType<typeof openBarrier>> | undefined;
  await withSystem(db, 'cli', async (tx) => {
    opened = await openBarrier(tx);
    throw new Error('undone');
  }).catch(() => undefined);
  await expect(opened?.passed()).rejects.toThrow('before its commit');
});

test('a barrier commits synchronously, also where the server does not by itself', async () => {
  const asynchronous = createDatabase({
    url: `${database.appUrl}?options=-c%20synchronous_commit%3Doff`,
    applicationName: 'test',
  });
  try {
    const setting = await withSystem(asynchronous, 'cli', async (tx) => {
      const before = await tx.one<{ value: string }>(
        `select current_setting('synchronous_commit') as value`,
      );
      await openBarrier(tx);
      const during = await tx.one<{ value: string }>(
        `select current_setting('synchronous_commit') as value`,
      );
      return [before.value, during.value];
    });
    expect(setting[1]).toBe('on');
  } finally {
    await asynchronous.close();
  }
});

test('whoever raises the longest lease waits for the barriers that read the shorter one', async () => {
  await setMaxLease(db, 'user:test', 0);
  const order: string[] = [];
  let raised: Promise<void> | undefined;
  await withSystem(db, 'cli', async (tx) => {
    await openBarrier(tx);
    raised = setMaxLease(db, 'user:test', 500).then(() => void order.push('raised'));
    await untilSomebodyWaits();
    await insertTenant(tx);
    // Not after the commit: the server lets the waiting one go on before it answers.
    order.push('about to commit');
  });
  await raised;
  expect(order).toEqual(['about to commit', 'raised']);
  expect(await withSystem(db, 'cli', readMaxLease)).toBe(500);
});

async function untilSomebodyWaits(): Promise<void> {
  const client = new Client({ connectionString: database.superUrl });
  await client.connect();
  try {
    for (;;) {
      const { rows } = await client.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      if (rows.length > 0) return;
    }
  } finally {
    await client.end();
  }
}
