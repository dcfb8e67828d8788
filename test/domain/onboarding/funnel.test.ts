import fc from 'fast-check';
import { OnboardingState as States } from '../../../src/contracts/onboardings';
import { readFunnel } from '../../../src/domain/onboarding/funnel';
import { drawFunnel, stations } from '../../../src/domain/onboarding/funnel.rules';
import { createPartner } from '../../../src/domain/tenants/partners';
import { createDatabase, withOperator } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { insertJob, insertTenant } from './rows';

let home: TestDatabase;
let db: Database;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withOperator(db, 'user:support', fn);

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'funnel-test', max: 4 });
});

afterAll(async () => {
  await db.close();
  await home.drop();
});

describe('the drawing of the funnel', () => {
  const rows = fc.array(
    fc.record({
      state: fc.constantFrom(...States.options),
      stoodAt: fc.option(fc.constantFrom(...stations)),
      passed: fc.subarray([...stations, 'failed']),
      waitingFor: fc.constantFrom('customer' as const, 'order' as const, null),
      accepted: fc.boolean(),
      count: fc.integer({ min: 1, max: 50 }),
    }),
  );

  it('loses nobody: whoever reached a station went on, stands there, is parked there or dropped there', () => {
    fc.assert(
      fc.property(rows, (given) => {
        const drawn = drawFunnel(given);
        for (const station of drawn.stations) {
          const { reached, wentOn, here, parked, dropped } = station;
          expect(wentOn + here + parked + dropped).toBe(reached);
        }
        const all = given.reduce((sum, { count }) => sum + count, 0);
        expect(drawn.stations[0]?.reached).toBe(all);
        const dropped = drawn.stations.reduce((sum, station) => sum + station.dropped, 0);
        expect(Object.values(drawn.endings).reduce((sum, n) => sum + n, 0)).toBe(dropped);
      }),
    );
  });

  it('never widens', () => {
    fc.assert(
      fc.property(rows, (given) => {
        const reached = drawFunnel(given).stations.map((station) => station.reached);
        expect(reached).toEqual([...reached].sort((a, b) => b - a));
      }),
    );
  });
});

describe('the funnel', () => {
  it('follows the invites of its time span to where they are, with the business figures', async () => {
    await act(async (tx) => {
      const wall = { acceptedAgo: 100, createdAgo: 200 };
      await insertJob(tx, {
        ...wall,
        state: 'active',
        activatedAgo: 90,
        firstUpdateAgo: 95,
      });
      await insertJob(tx, {
        ...wall,
        state: 'active',
        activatedAgo: 40,
        firstUpdateAgo: 45,
        customerWaitMinutes: 50,
        manualOrders: 1,
      });
      await insertJob(tx, { ...wall, state: 'workspace_registered', waitingFor: 'customer' });
      await insertJob(tx, {
        ...wall,
        state: 'failed',
        stoodAt: 'token_added',
        waitingFor: 'order',
        parkedAgo: 9,
      });
      const undone = await insertJob(tx, {
        ...wall,
        state: 'rolled_back',
        endedAgo: 5,
        manualOrders: 1,
      });
      for (const [n, state] of [
        'email_confirmed',
        'workspace_registered',
        'failed',
        'rolled_back',
      ].entries()) {
        await tx.run(
          `insert into onboarding_events (onboarding_id, tenant_id, transition_id, type, to_state, actor)
           values ($1, $2, $3, 'moved', $4, 'x')`,
          [undone.id, undone.tenantId, String(n), state],
        );
      }
      await insertJob(tx, { createdAgo: 200 });
      await insertJob(tx, { createdAgo: 200, expiresIn: -5 });
      await insertJob(tx, {
        createdAgo: 200,
        inviteStatus: 'declined',
        state: 'declined',
        endedAgo: 3,
      });
      await insertJob(tx, {
        createdAgo: 200,
        inviteStatus: 'revoked',
        state: 'revoked',
        endedAgo: 3,
      });
      await insertJob(tx, { createdAgo: 200, held: true });
      await insertJob(tx, { ...wall, kind: 'member', state: 'active', activatedAgo: 99 });
      await insertJob(tx, { createdAgo: 200 * 1440 });
    });
    const funnel = await act((tx) => readFunnel(tx, {}));
    expect(
      funnel.stations.map(({ state, reached, here, waitingForCustomer, parked, dropped }) => [
        state,
        reached,
        here,
        waitingForCustomer,
        parked,
        dropped,
      ]),
    ).toEqual([
      ['invited', 9, 1, 0, 0, 3],
      ['email_confirmed', 5, 0, 0, 0, 0],
      ['workspace_registered', 5, 1, 1, 0, 1],
      ['token_added', 3, 0, 0, 1, 0],
      ['validated', 2, 0, 0, 0, 0],
      ['active', 2, 2, 0, 0, 0],
    ]);
    expect(funnel.endings).toEqual({ expired: 1, declined: 1, revoked: 1, rolled_back: 1 });
    expect([funnel.members, funnel.held]).toEqual([1, 1]);
    expect(funnel.acceptanceRate).toEqual({ value: 6 / 8, sample: 8 });
    expect(funnel.withoutManualIntervention).toEqual({ value: 1 / 4, sample: 4 });
    expect(funnel.timeToFirstUpdate).toMatchObject({ sample: 2 });
    expect(funnel.timeToFirstUpdate.p50).toBeCloseTo((5 + 55) * 30, 0);
    expect(funnel.timeToActive.p95).toBeCloseTo(600, 0);
    expect(funnel.timeToActiveWall.p95).toBeCloseTo(60 * (10 + 0.95 * 50), 0);
  });

  it('can be narrowed to a time span, a partner and a plan', async () => {
    const partner = await act((tx) =>
      createPartner(tx, { slug: 'northwind', name: 'Northwind', actorId: 'user:a' }),
    );
    await act(async (tx) => {
      const tenantId = await insertTenant(tx, { partnerId: partner.id, plan: 'gold' });
      await insertJob(tx, { tenantId, createdAgo: 10 });
    });
    const invited = async (filter: Parameters<typeof readFunnel>[1]) =>
      (await act((tx) => readFunnel(tx, filter))).stations[0]?.reached;
    expect(await invited({ partner: 'northwind' })).toBe(1);
    expect(await invited({ partner: partner.id })).toBe(1);
    expect(await invited({ partner: 'northwind', plan: 'silver' })).toBe(0);
    expect(await invited({ plan: 'gold' })).toBe(1);
    const year = new Date(Date.now() - 365 * 86_400_000);
    expect(
      await invited({ createdAfter: year, createdBefore: new Date(Date.now() - 100 * 86_400_000) }),
    ).toBe(1);
    await expect(act((tx) => readFunnel(tx, { partner: 'nobody' }))).rejects.toMatchObject({
      code: 'partner-not-found',
    });
  });

  it('of nobody has no shares', async () => {
    const funnel = await act((tx) => readFunnel(tx, { plan: 'none' }));
    expect(funnel.stations.every(({ reached, share }) => reached === 0 && share === null)).toBe(
      true,
    );
    expect(funnel.acceptanceRate).toEqual({ value: null, sample: 0 });
    expect(funnel.timeToActive).toEqual({ p50: null, p95: null, sample: 0 });
  });
});
