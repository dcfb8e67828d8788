import { createDatabase, withSystem } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import { createOutbox, openWakes } from '../../src/platform/outbox';
import type { Delivery, Outbox } from '../../src/platform/outbox';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';

let home: TestDatabase;
let db: Database;
let delivered: string[];
let answer: Delivery;

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'outbox-test', max: 4 });
}, 120_000);

beforeEach(async () => {
  delivered = [];
  answer = { ok: true };
  await withSystem(db, 'relay', (tx) =>
    tx.run('update outbox set delivered_at = now(), claimed_until = null'),
  );
});

afterAll(async () => {
  await db.close();
  await home.drop();
});

const outboxOf = (fastPath: boolean): Outbox =>
  createOutbox({
    db,
    deliver: ({ workflowId }) => {
      delivered.push(workflowId);
      return Promise.resolve(answer);
    },
    fastPath,
    onError: (error) => {
      throw error;
    },
  });

const wake = (outbox: Outbox, workflowId: string, afterMs?: number): Promise<void> =>
  withSystem(db, 'relay', (tx) =>
    outbox.wake(
      tx,
      { workflowType: 'onboardTenant', workflowId, input: {} },
      afterMs === undefined ? {} : { afterMs },
    ),
  );

/** Relays until nothing is due any more. */
async function relayAll(outbox: Outbox): Promise<number | null> {
  for (;;) {
    const { handled, nextInMs } = await outbox.relay(50);
    if (handled === 0) return nextInMs;
  }
}

const overdue = () =>
  withSystem(db, 'relay', (tx) => openWakes(tx, { dead: false, olderThanSeconds: -1, limit: 10 }));

describe('a wake-up that waits for its time', () => {
  test('is delivered by a relay once its time has come, and by no fast path before', async () => {
    const outbox = outboxOf(true);
    await wake(outbox, 'onboarding/late', 400);
    await outbox.settle();
    const nextInMs = await relayAll(outbox);
    expect(delivered).toEqual([]);
    expect(nextInMs).toBeGreaterThan(0);
    expect(nextInMs).toBeLessThanOrEqual(400);
    await new Promise((resolve) => setTimeout(resolve, nextInMs ?? 0));
    await relayAll(outbox);
    expect(delivered).toEqual(['onboarding/late']);
  });

  test('is no sign of a relay that hangs', async () => {
    const outbox = outboxOf(false);
    await wake(outbox, 'onboarding/late', 60_000);
    expect(await outbox.lag()).toEqual({ seconds: 0, dead: 0 });
    expect(await overdue()).toEqual([]);
    await wake(outbox, 'onboarding/now');
    expect((await overdue()).map(({ workflowId }) => workflowId)).toEqual(['onboarding/now']);
  });

  test('goes along with the next one of its workflow, so that an order is never held up by it', async () => {
    const outbox = outboxOf(true);
    await wake(outbox, 'onboarding/ordered', 60_000);
    await wake(outbox, 'onboarding/other', 60_000);
    await wake(outbox, 'onboarding/ordered');
    const nextInMs = await relayAll(outbox);
    expect(delivered).toEqual(['onboarding/ordered', 'onboarding/ordered']);
    expect(nextInMs).toBeGreaterThan(50_000);
  });

  test('is due at once when Temporal is back', async () => {
    const outbox = outboxOf(false);
    await wake(outbox, 'onboarding/late', 60_000);
    await outbox.hasten();
    await relayAll(outbox);
    expect(delivered).toEqual(['onboarding/late']);
  });
});

describe('a wake-up', () => {
  test('is delivered right after its commit where there is a fast path, once', async () => {
    const outbox = outboxOf(true);
    await wake(outbox, 'onboarding/fast');
    await new Promise((resolve) => setImmediate(resolve));
    await outbox.settle();
    expect(delivered).toEqual(['onboarding/fast']);
    await relayAll(outbox);
    expect(delivered).toEqual(['onboarding/fast']);
  });

  test('of a transaction that rolls back is delivered by nobody', async () => {
    const outbox = outboxOf(true);
    const failing = withSystem(db, 'relay', async (tx) => {
      await outbox.wake(tx, {
        workflowType: 'onboardTenant',
        workflowId: 'onboarding/no',
        input: {},
      });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await outbox.settle();
    await relayAll(outbox);
    expect(delivered).toEqual([]);
  });

  test('that is refused for good is kept as dead, and one that fails is tried again later', async () => {
    const outbox = outboxOf(false);
    await wake(outbox, 'onboarding/refused');
    answer = { ok: false, permanent: true, reason: 'gRPC 3' };
    await relayAll(outbox);
    expect(await outbox.lag()).toMatchObject({ dead: 1 });
    await wake(outbox, 'onboarding/failing');
    answer = { ok: false, permanent: false, reason: 'gRPC 14' };
    expect(await relayAll(outbox)).toBeGreaterThan(0);
    answer = { ok: true };
    await outbox.hasten();
    await relayAll(outbox);
    expect(delivered).toEqual(['onboarding/refused', 'onboarding/failing', 'onboarding/failing']);
  });
});
