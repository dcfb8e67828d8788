import { createDatabase, withOperator, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import {
  evaluateGates,
  freeze,
  freezeWhenFailing,
  override,
  promote,
  readGates,
} from '../../../src/domain/onboarding/gates';
import type { HeldInviteDeps } from '../../../src/domain/onboarding/held-invites';
import { isHeld, releaseHeld } from '../../../src/domain/onboarding/held-invites';
import { createKeyRing } from '../../../src/platform/crypto/sealing';
import { createOutbox } from '../../../src/platform/outbox';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { insertJob, insertTenant } from './rows';

let home: TestDatabase;
let db: Database;
let deps: HeldInviteDeps;

const owner = { actorId: 'user:owner', reason: 'because' };
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withOperator(db, 'user:owner', fn);

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'gates-test', max: 4 });
  deps = {
    ring: createKeyRing([{ id: 'k1', key: Buffer.alloc(32, 1) }]),
    config: { PUBLIC_URL: 'http://localhost' } as HeldInviteDeps['config'],
    outbox: createOutbox({
      db,
      deliver: async () => ({ ok: true }),
      fastPath: false,
      onError: () => undefined,
    }),
  };
});

afterAll(async () => {
  await db.close();
  await home.drop();
});

async function atStage(stage: string): Promise<void> {
  await act(async (tx) => {
    await tx.run(
      `update rollout set stage = $1, since = now() - interval '10 days', frozen_at = null, frozen_reason = null`,
      [stage],
    );
  });
}

/** Onboardings that pass every figure; those of other tests are moved out of sight. */
async function fiveGood(): Promise<void> {
  await act(async (tx) => {
    await tx.run(
      `update onboardings set activated_at = '2020-01-01', ended_at = '2020-01-01', parked_at = now()`,
    );
    await tx.run(`update invites set accepted_at = '2020-01-01', expires_at = case when status = 'invited'
      and not held then now() + interval '1 day' else '2020-01-01' end`);
    await tx.run('update incidents set closed_at = now() where closed_at is null');
    for (let n = 0; n < 5; n += 1) {
      await insertJob(tx, { state: 'active', acceptedAgo: 60, activatedAgo: 50 });
    }
  });
}

describe('the gate', () => {
  it('counts only what was decided since the stage opened', async () => {
    await atStage('pilot');
    await fiveGood();
    await act(async (tx) => {
      await insertJob(tx, { state: 'active', acceptedAgo: 30 * 1440, activatedAgo: 20 * 1440 });
      await insertJob(tx, { state: 'rolled_back', acceptedAgo: 30 * 1440, endedAgo: 20 * 1440 });
    });
    const { judgement, whyNot } = await act(readGates);
    expect(judgement.figures.map(({ name, sample, verdict }) => [name, sample, verdict])).toEqual([
      ['provision_success_rate', 5, 'pass'],
      ['time_to_active_p95_seconds', 5, 'pass'],
      ['manual_intervention_rate', 5, 'pass'],
      ['accept_rate', 5, 'pass'],
      ['open_critical_incidents', null, 'pass'],
    ]);
    expect(whyNot).toBeNull();
  });

  it('leaves the waits for the customer out of the time to active and shows the wall time beside it', async () => {
    await atStage('pilot');
    await fiveGood();
    await act(async (tx) => {
      await tx.run(
        `update onboardings set accepted_at = activated_at - interval '3 hours', customer_wait_ms = $1
         where activated_at > now() - interval '1 day'`,
        [(3 * 60 - 10) * 60_000],
      );
    });
    const { judgement } = await act(readGates);
    const p95 = judgement.figures.find(({ name }) => name === 'time_to_active_p95_seconds');
    expect(p95?.value).toBeCloseTo(600, 0);
    expect(p95?.wallValue).toBeCloseTo(3 * 3600, 0);
    expect(p95?.verdict).toBe('pass');
  });

  it('counts an onboarding as failed once it is parked for longer than 24 hours, and not before', async () => {
    await atStage('pilot');
    await fiveGood();
    const parked = { state: 'failed', stoodAt: 'email_confirmed', acceptedAgo: 3000 } as const;
    await act((tx) => insertJob(tx, { ...parked, parkedAgo: 23 * 60 }));
    const success = async () => (await act(readGates)).judgement.figures[0];
    expect(await success()).toMatchObject({ value: 1, sample: 5 });
    await act((tx) => insertJob(tx, { ...parked, parkedAgo: 25 * 60 }));
    expect(await success()).toMatchObject({ value: 5 / 6, sample: 6, verdict: 'fail' });
  });

  it('counts an invite as not accepted once its time is over, also when nobody has closed it', async () => {
    await atStage('pilot');
    await fiveGood();
    await act(async (tx) => {
      for (let n = 0; n < 4; n += 1) await insertJob(tx, { expiresIn: -5 });
      await insertJob(tx, { expiresIn: -5, held: true });
      await insertJob(tx, {
        inviteStatus: 'revoked',
        state: 'revoked',
        expiresIn: -5,
        endedAgo: 5,
      });
    });
    const accepts = (await act(readGates)).judgement.figures[3];
    expect(accepts).toMatchObject({ value: 5 / 9, sample: 9, verdict: 'fail' });
  });

  it('fails while a critical incident is open', async () => {
    await atStage('pilot');
    await fiveGood();
    await act((tx) =>
      tx.run(
        `insert into incidents (id, title, severity, opened_by) values (gen_random_uuid(), 'x', 'critical', 'user:a')`,
      ),
    );
    expect((await act(readGates)).judgement.verdict).toBe('fail');
  });
});

describe('promote', () => {
  it('opens the next stage when every figure passes, and mails the held invites that it admits', async () => {
    await atStage('pilot');
    await fiveGood();
    const held = await act(async (tx) => {
      const near = await insertTenant(tx, { bucket: 24 });
      const far = await insertTenant(tx, { bucket: 25 });
      const shut = await insertTenant(tx, { bucket: 3, status: 'suspended' });
      return {
        near: await insertJob(tx, { tenantId: near, held: true, expiresIn: -100 }),
        far: await insertJob(tx, { tenantId: far, held: true }),
        shut: await insertJob(tx, { tenantId: shut, held: true }),
      };
    });
    const done = await act((tx) => promote(tx, deps, owner));
    expect(done).toMatchObject({ rollout: { stage: '25' }, releasedInvites: 1 });
    const rows = await act((tx) =>
      tx.rows<{ id: string; held: boolean; open: boolean; mails: number; wakes: number }>(
        `select i.id, i.held, i.expires_at > now() + interval '6 days' as open,
           (select count(*)::int from mails where invite_id = i.id) as mails,
           (select count(*)::int from outbox where workflow_id = 'onboarding/' || i.id) as wakes
         from invites as i where i.id = any($1) order by array_position($1::uuid[], i.id)`,
        [[held.near.inviteId, held.far.inviteId, held.shut.inviteId]],
      ),
    );
    expect(rows.map(({ held: still, mails, wakes }) => [still, mails, wakes])).toEqual([
      [false, 1, 1],
      [true, 0, 0],
      [true, 0, 0],
    ]);
    expect(rows[0]?.open).toBe(true);
    const { changes } = await act(readGates);
    expect(changes[0]).toMatchObject({
      action: 'promote',
      from: 'pilot',
      to: '25',
      actor: 'user:owner',
    });
    const entries = await act((tx) =>
      tx.rows(`select action, metadata from audit_trail where action = 'rollout.promoted'`),
    );
    expect(entries.at(-1)).toMatchObject({
      metadata: { from: 'pilot', to: '25', verdict: 'pass' },
    });
  });

  it('is refused on insufficient data and leaves the stage unfrozen', async () => {
    await atStage('25');
    await fiveGood();
    await expect(act((tx) => promote(tx, deps, owner))).rejects.toMatchObject({
      code: 'gate-not-passed',
      context: { extra: { verdict: 'insufficient_data', failing: [] } },
    });
    expect(await act(freezeWhenFailing)).toBe(false);
    expect((await act(readGates)).rollout).toMatchObject({ stage: '25', frozenAt: null });
  });

  it('is refused by a failing gate, which freezes the stage', async () => {
    await atStage('pilot');
    await fiveGood();
    await act((tx) => insertJob(tx, { state: 'rolled_back', acceptedAgo: 90, endedAgo: 5 }));
    await expect(act((tx) => promote(tx, deps, owner))).rejects.toMatchObject({
      code: 'gate-not-passed',
    });
    expect(await act(freezeWhenFailing)).toBe(true);
    const { rollout } = await act(readGates);
    expect(rollout).toMatchObject({ stage: 'pilot', frozenBy: 'gate' });
    expect(rollout.frozenReason).toContain('provision_success_rate');
  });

  it('is refused at the last stage', async () => {
    await atStage('100');
    await expect(act((tx) => promote(tx, deps, owner))).rejects.toMatchObject({
      code: 'stage-final',
    });
  });

  it('is refused for a version that is not the present one', async () => {
    await atStage('pilot');
    await expect(act((tx) => promote(tx, deps, { ...owner, ifMatch: 0 }))).rejects.toMatchObject({
      code: 'version-stale',
    });
  });

  it('opens one stage only when two ask at once with the same version', async () => {
    await atStage('pilot');
    await fiveGood();
    const { version } = (await act(readGates)).rollout;
    const both = await Promise.allSettled(
      [1, 2].map(() => act((tx) => promote(tx, deps, { ...owner, ifMatch: version }))),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await act(readGates)).rollout.stage).toBe('25');
  });
});

describe('a freeze', () => {
  it('by a person holds although every figure passes, until an override', async () => {
    await atStage('pilot');
    await fiveGood();
    await act((tx) => freeze(tx, owner));
    await expect(act((tx) => promote(tx, deps, owner))).rejects.toMatchObject({
      code: 'gate-not-passed',
    });
    expect(await evaluateGates(db, deps)).toMatchObject({ did: null });
    expect((await act(readGates)).rollout.frozenBy).toBe('person');
    await act((tx) => override(tx, deps, owner, 'unfreeze'));
    expect((await act(readGates)).rollout).toMatchObject({ frozenAt: null, stage: 'pilot' });
    expect(await act((tx) => promote(tx, deps, owner))).toMatchObject({ rollout: { stage: '25' } });
  });

  it('by the gate ends when every figure passes again', async () => {
    await atStage('pilot');
    await fiveGood();
    const bad = await act((tx) =>
      insertJob(tx, { state: 'rolled_back', acceptedAgo: 9, endedAgo: 5 }),
    );
    expect(await evaluateGates(db, deps)).toMatchObject({
      did: 'froze',
      failing: ['provision_success_rate', 'manual_intervention_rate'],
    });
    expect(await evaluateGates(db, deps)).toMatchObject({ did: null });
    await act((tx) =>
      tx.run(`update onboardings set ended_at = '2020-01-01' where id = $1`, [bad.id]),
    );
    expect(await evaluateGates(db, deps)).toMatchObject({ did: 'unfroze', verdict: 'pass' });
    expect((await act(readGates)).rollout.frozenAt).toBeNull();
  });

  it('that an owner has lifted does not come back for the same figure, but does for another', async () => {
    await atStage('pilot');
    await fiveGood();
    await act((tx) => insertJob(tx, { state: 'rolled_back', acceptedAgo: 9, endedAgo: 5 }));
    await evaluateGates(db, deps);
    await act((tx) => override(tx, deps, owner, 'unfreeze'));
    expect(await evaluateGates(db, deps)).toMatchObject({ did: null, verdict: 'fail' });
    await act((tx) =>
      tx.run(
        `insert into incidents (id, title, severity, opened_by) values (gen_random_uuid(), 'x', 'critical', 'user:a')`,
      ),
    );
    expect(await evaluateGates(db, deps)).toMatchObject({ did: 'froze' });
  });
});

describe('an override', () => {
  it('opens the next stage against the gate and keeps the reason', async () => {
    await atStage('internal');
    await act((tx) => override(tx, deps, { ...owner, reason: 'customer promised' }, 'promote'));
    const { rollout, changes } = await act(readGates);
    expect(rollout.stage).toBe('pilot');
    expect(changes[0]).toMatchObject({ action: 'override', reason: 'customer promised' });
  });

  it('is refused at the last stage', async () => {
    await atStage('100');
    await expect(act((tx) => override(tx, deps, owner, 'promote'))).rejects.toMatchObject({
      code: 'stage-final',
    });
  });
});

describe('held invites', () => {
  it('are those of tenants outside the stage', async () => {
    await atStage('50');
    expect(await act((tx) => isHeld(tx, { kind: 'customer', bucket: 50 }))).toBe(true);
    expect(await act((tx) => isHeld(tx, { kind: 'customer', bucket: 49 }))).toBe(false);
    expect(await act((tx) => isHeld(tx, { kind: 'pilot', bucket: 99 }))).toBe(false);
  });

  it('are opened in batches, each of them once, however many open at a time', async () => {
    await atStage('internal');
    await act(async (tx) => {
      for (let n = 0; n < 6; n += 1) await insertJob(tx, { held: true });
    });
    await atStage('100');
    const released = await Promise.all(
      [3, 3, 3, 3].map((limit) => withSystem(db, 'schedule', (tx) => releaseHeld(tx, deps, limit))),
    );
    const rest = await withSystem(db, 'schedule', (tx) => releaseHeld(tx, deps, 100));
    const { mails } = await act((tx) =>
      tx.one<{ mails: number }>(
        `select count(*)::int as mails from mails as m join invites as i on i.id = m.invite_id`,
      ),
    );
    const { invites } = await act((tx) =>
      tx.one<{ invites: number }>('select count(distinct invite_id)::int as invites from mails'),
    );
    expect(mails).toBe(invites);
    expect(released.reduce((sum, n) => sum + n, rest)).toBeGreaterThanOrEqual(6);
  });
});
