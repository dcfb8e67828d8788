import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDeps } from '../../src/main/deps';
import type { Deps } from '../../src/main/deps';
import { wakeAllInNewNamespace } from '../../src/main/namespace';
import { readState } from '../../src/platform/system-state';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { sql } from '../api/rows';

const invites = 450;

describe('waking everything in a new namespace', () => {
  let app: TestApp;
  let other: Deps;
  beforeAll(async () => {
    app = await startTestApp({ worker: false });
    other = createDeps(app.deps.env, { process: 'worker', log: app.deps.log });
    const { status } = await app.call('POST', '/onboarding/invites/bulk', {
      headers: { 'idempotency-key': randomUUID() },
      body: {
        rows: Array.from({ length: invites }, (_, n) => ({ email: `p-${String(n)}@example.com` })),
      },
    });
    expect(status).toBe(200);
  }, 120_000);
  beforeEach(async () => {
    await app.deps.outbox.settle();
    await other.outbox.settle();
    await sql(app, 'update outbox set delivered_at = now() where delivered_at is null');
    // The turn after the last batch of another test is not taken any more.
    await sleep(250);
  });
  afterAll(async () => {
    await other.close();
    await app.stop();
  });

  const both = (namespace: string) =>
    Promise.all(
      [app.deps, other].map((deps) => wakeAllInNewNamespace(deps, namespace, () => false)),
    );

  /** The transactions that have woken something, in their order: when each began, and how much it woke. */
  const batches = (since: Date) =>
    sql<{ at: Date; woken: number; onboardings: number }>(
      app,
      `select created_at as at, count(*)::int as woken, count(distinct workflow_id)::int as onboardings
       from outbox where created_at > $1 group by created_at order by created_at`,
      [since],
    );
  const clock = async (): Promise<Date> =>
    (await sql<{ now: Date }>(app, 'select clock_timestamp() as now'))[0]!.now;

  test('comes in batches of 200, a fifth of a second apart, and twice to none, however many workers do it', async () => {
    const since = await clock();
    await both('namespace-1');
    const made = await batches(since);
    expect(made.map(({ woken, onboardings }) => [woken, onboardings])).toEqual([
      [200, 200],
      [200, 200],
      [50, 50],
    ]);
    const gaps = made.slice(1).map(({ at }, n) => at.getTime() - made[n]!.at.getTime());
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(200);
    expect(await readState(app.deps.db, 'temporal-namespace')).toBe('namespace-1');
  }, 60_000);

  test('comes to none when the namespace is the one that is known', async () => {
    const since = await clock();
    await both('namespace-1');
    expect(await batches(since)).toEqual([]);
  });

  test('goes on where a worker was stopped, and the namespace counts as known only after the last batch', async () => {
    const since = await clock();
    let looks = 0;
    await wakeAllInNewNamespace(app.deps, 'namespace-2', () => (looks += 1) > 1);
    expect((await batches(since)).map(({ woken }) => woken)).toEqual([200]);
    expect(await readState(app.deps.db, 'temporal-namespace')).toBe('namespace-1');
    await wakeAllInNewNamespace(other, 'namespace-2', () => false);
    expect((await batches(since)).map(({ woken }) => woken)).toEqual([200, 200, 50]);
    expect(await readState(app.deps.db, 'temporal-namespace')).toBe('namespace-2');
  }, 60_000);

  test('begins anew when the namespace changes in the middle', async () => {
    let looks = 0;
    await wakeAllInNewNamespace(app.deps, 'namespace-3', () => (looks += 1) > 1);
    const since = await clock();
    await both('namespace-4');
    const woken = (await batches(since)).map((batch) => batch.woken);
    expect(woken).toEqual([200, 200, 50]);
  }, 60_000);
});
