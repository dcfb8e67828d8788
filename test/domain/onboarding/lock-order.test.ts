import { Client } from 'pg';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { lockFactsOfInvite } from '../../../src/domain/onboarding/facts';
import { releaseHeld } from '../../../src/domain/onboarding/held-invites';
import { lockInvite } from '../../../src/domain/onboarding/invites';
import { move } from '../../../src/domain/onboarding/onboardings';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { waitFor } from '../../support/wait-for';
import { insertJob } from './rows';

let home: TestDatabase;
let db: Database;
let observer: Client;

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'lock-order-test', max: 4 });
  observer = new Client({ connectionString: home.superUrl });
  await observer.connect();
}, 120_000);

afterAll(async () => {
  await observer.end();
  await db.close();
  await home.drop();
});

const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'activity', fn);

/** Resolves when a transaction of this database waits for another one. */
async function somebodyWaits(): Promise<void> {
  await waitFor(
    'Somebody who waits for a lock',
    async () =>
      (
        await observer.query(
          `select 1 from pg_stat_activity
           where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`,
        )
      ).rowCount,
    (waiting) => waiting === 1,
  );
}

/** Runs one transaction halfway, another one until it waits, and then both to the end. */
async function crossing(
  first: { begin: (tx: Tx) => Promise<unknown>; goOn: (tx: Tx) => Promise<unknown> },
  second: (tx: Tx) => Promise<unknown>,
): Promise<void> {
  let other: Promise<unknown> = Promise.resolve();
  await act(async (tx) => {
    await first.begin(tx);
    other = act(second);
    other.catch(() => undefined);
    await somebodyWaits();
    await first.goOn(tx);
  });
  await other;
}

const activation = (id: string) => (tx: Tx) =>
  move(tx, {
    onboardingId: id,
    from: ['invited'],
    to: 'active',
    transitionId: 'activated',
    type: 'activated',
    actor: 'system:test',
  });

describe('no two transactions of one invite wait for each other', () => {
  it('when its workflow writes the onboarding twice while the link is used', async () => {
    const { id, inviteId } = await act((tx) => insertJob(tx));
    await crossing({ begin: (tx) => lockFactsOfInvite(tx, inviteId), goOn: activation(id) }, (tx) =>
      lockInvite(tx, inviteId),
    );
  });

  it('when its workflow closes the invite while the link is used', async () => {
    const { inviteId } = await act((tx) => insertJob(tx));
    await crossing(
      {
        begin: (tx) => lockFactsOfInvite(tx, inviteId),
        goOn: (tx) => lockInvite(tx, inviteId),
      },
      (tx) => lockInvite(tx, inviteId),
    );
  });

  it('when it is opened for its stage while its workflow looks', async () => {
    const { inviteId } = await act((tx) => insertJob(tx, { held: true }));
    await act(async (tx) => {
      await lockFactsOfInvite(tx, inviteId);
      // Passed over while somebody else has it, instead of waited for.
      const deps = {} as Parameters<typeof releaseHeld>[1];
      expect(await act((other) => releaseHeld(other, deps, 10))).toBe(0);
      await lockInvite(tx, inviteId);
    });
  });
});
