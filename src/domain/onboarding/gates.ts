import type { RolloutStage } from '../../contracts/rollout';
import type { ProblemCode } from '../../errors/problems';
import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from '../identity/callers';
import type { FrozenBy, GateCounts, Judgement } from './gates.rules';
import {
  explain,
  failing,
  freezes,
  judge,
  judgedDays,
  nextStage,
  whyNotPromote,
} from './gates.rules';
import type { HeldInviteDeps } from './held-invites';
import { countHeld, releaseHeld } from './held-invites';
import { countFigures } from './rollout-figures';

/** The roll-out as its one row has it. */
export interface Rollout {
  readonly stage: RolloutStage;
  readonly since: Date;
  readonly frozenAt: Date | null;
  readonly frozenReason: string | null;
  readonly frozenBy: FrozenBy;
  /** From when on decisions count: the stage, at most 30 days. */
  readonly judgedFrom: Date;
  readonly version: number;
}

/** A change of the roll-out. */
export interface RolloutChange {
  readonly id: string;
  readonly action: 'promote' | 'freeze' | 'unfreeze' | 'override';
  readonly from: RolloutStage;
  readonly to: RolloutStage;
  readonly actor: string;
  readonly reason: string | null;
  readonly at: Date;
}

/** The roll-out with what its gate says of it. */
export interface GatesView {
  readonly rollout: Rollout;
  readonly judgement: Judgement;
  readonly whyNot: ProblemCode | null;
  readonly heldInvites: number;
  readonly changes: readonly RolloutChange[];
}

/** Who changes the roll-out, and why. */
export interface ChangeOrder {
  readonly actorId: string;
  readonly reason: string | null;
  /** Version named by If-Match, when it was given. */
  readonly ifMatch?: number | undefined;
  readonly source?: RequestSource;
}

/** How a change ended. */
export interface Changed {
  readonly rollout: Rollout;
  readonly releasedInvites: number;
}

/** Held invites that a change opens in its own transaction; the schedule opens the rest. */
const releasedAtOnce = 200;
const gateActor = 'system:gates';

const selectRollout = `
  select stage, since, frozen_at as "frozenAt", frozen_reason as "frozenReason",
    greatest(since, now() - interval '${judgedDays} days') as "judgedFrom", version,
    case when frozen_at is null then null
      when (select c.actor from rollout_changes as c where c.action = 'freeze' order by c.at desc, c.id desc limit 1)
        like 'system:%' then 'gate'
      else 'person' end as "frozenBy"
  from rollout`;

/** Reads the roll-out, judges it and lists its latest changes. */
export async function readGates(tx: Tx): Promise<GatesView> {
  const rollout = await tx.one<Rollout>(selectRollout);
  const judgement = judge(rollout.stage, await countFigures(tx, rollout.judgedFrom));
  const changes = await tx.rows<RolloutChange>(
    `select id, action, from_stage as "from", to_stage as "to", actor, reason, at from rollout_changes
     order by at desc, id desc limit 20`,
  );
  return {
    rollout,
    judgement,
    whyNot: whyNotPromote(rollout.stage, judgement, rollout.frozenBy),
    heldInvites: await countHeld(tx),
    changes,
  };
}

/**
 * Opens the next stage when every figure passes. Whoever gets `gate-not-passed` calls `freezeWhenFailing` in a
 * transaction of its own: the refusal takes this one back.
 * @throws DomainError `gate-not-passed`, `stage-final`, `version-stale`
 */
export async function promote(tx: Tx, deps: HeldInviteDeps, order: ChangeOrder): Promise<Changed> {
  const { rollout, counts, judgement } = await lockAndJudge(tx, order.ifMatch);
  const whyNot = whyNotPromote(rollout.stage, judgement, rollout.frozenBy);
  if (whyNot !== null) throw refusal(whyNot, rollout, judgement);
  const to = nextStage(rollout.stage) ?? rollout.stage;
  return openStage(tx, deps, { rollout, to, action: 'promote', order, counts, judgement });
}

function refusal(whyNot: ProblemCode, rollout: Rollout, judgement: Judgement): DomainError {
  if (whyNot !== 'gate-not-passed') return new DomainError(whyNot);
  const frozen =
    rollout.frozenBy === 'person' ? 'The stage is frozen; an override lifts that. ' : '';
  return new DomainError(whyNot, {
    detail: `${frozen}${explain(judgement)}`.trim(),
    extra: { stage: rollout.stage, verdict: judgement.verdict, failing: failing(judgement) },
  });
}

/** Freezes the stage when its gate fails now and it is not frozen; whether it did. */
export async function freezeWhenFailing(tx: Tx): Promise<boolean> {
  const { rollout, counts, judgement } = await lockAndJudge(tx, undefined);
  if (!(await shouldFreeze(tx, rollout, judgement))) return false;
  await freezeByGate(tx, rollout, counts, judgement);
  return true;
}

/**
 * Keeps a stage where it is. A stage that its gate froze becomes frozen by the person.
 * @throws DomainError `version-stale`
 */
export async function freeze(tx: Tx, order: ChangeOrder): Promise<Changed> {
  const { rollout, counts, judgement } = await lockAndJudge(tx, order.ifMatch);
  await tx.run(
    `update rollout set frozen_at = coalesce(frozen_at, now()), frozen_reason = $1, version = version + 1`,
    [order.reason],
  );
  await record(tx, { action: 'freeze', rollout, to: rollout.stage, order, counts, judgement });
  return { rollout: await tx.one<Rollout>(selectRollout), releasedInvites: 0 };
}

/**
 * Opens the next stage, or lifts the freeze, against the gate. Figures that fail now do not freeze this stage again.
 * @throws DomainError `version-stale`, `stage-final`
 */
export async function override(
  tx: Tx,
  deps: HeldInviteDeps,
  order: ChangeOrder,
  action: 'promote' | 'unfreeze',
): Promise<Changed> {
  const { rollout, counts, judgement } = await lockAndJudge(tx, order.ifMatch);
  if (action === 'unfreeze') {
    await thaw(tx, rollout, order, counts, judgement);
    return { rollout: await tx.one<Rollout>(selectRollout), releasedInvites: 0 };
  }
  const to = nextStage(rollout.stage);
  if (to === null) throw new DomainError('stage-final');
  return openStage(tx, deps, { rollout, to, action: 'override', order, counts, judgement });
}

/** What an evaluation found and did. */
export interface Evaluation {
  readonly stage: RolloutStage;
  readonly verdict: Judgement['verdict'];
  readonly failing: readonly string[];
  readonly did: 'froze' | 'unfroze' | null;
  readonly releasedInvites: number;
}

/**
 * Evaluates the gate as its schedule does: a failing gate freezes the stage, a passing one lifts its own freeze,
 * and held invites that the stage admits are opened, so that a long line of them empties batch by batch.
 */
export async function evaluateGates(db: Database, deps: HeldInviteDeps): Promise<Evaluation> {
  return withSystem(db, 'schedule', async (tx) => {
    const { rollout, counts, judgement } = await lockAndJudge(tx, undefined);
    let did: Evaluation['did'] = null;
    if (await shouldFreeze(tx, rollout, judgement)) {
      await freezeByGate(tx, rollout, counts, judgement);
      did = 'froze';
    } else if (rollout.frozenBy === 'gate' && judgement.verdict === 'pass') {
      const order = { actorId: gateActor, reason: 'Every figure passes again.' };
      await thaw(tx, rollout, order, counts, judgement);
      did = 'unfroze';
    }
    return {
      stage: rollout.stage,
      verdict: judgement.verdict,
      failing: failing(judgement),
      did,
      releasedInvites: await releaseHeld(tx, deps, releasedAtOnce),
    };
  });
}

interface Judged {
  readonly rollout: Rollout;
  readonly counts: GateCounts;
  readonly judgement: Judgement;
}

async function lockAndJudge(tx: Tx, ifMatch: number | undefined): Promise<Judged> {
  // Locked by a statement of its own: the next one sees what was committed while this one waited.
  await tx.run('select 1 from rollout for no key update');
  const rollout = await tx.one<Rollout>(selectRollout);
  if (ifMatch !== undefined && ifMatch !== rollout.version) {
    throw new DomainError('version-stale', {
      extra: { current_etag: `"v${String(rollout.version)}"` },
    });
  }
  const counts = await countFigures(tx, rollout.judgedFrom);
  return { rollout, counts, judgement: judge(rollout.stage, counts) };
}

async function shouldFreeze(tx: Tx, rollout: Rollout, judgement: Judgement): Promise<boolean> {
  if (judgement.verdict !== 'fail' || rollout.frozenAt !== null) return false;
  // An owner who lifted the freeze of this stage has accepted the figures that failed then.
  const accepted = await tx.maybe<{ failing: string[] }>(
    `select array(select jsonb_array_elements_text(figures -> 'failing')) as failing from rollout_changes
     where action = 'unfreeze' and actor not like 'system:%' and to_stage = $1 and at >= $2
     order by at desc, id desc limit 1`,
    [rollout.stage, rollout.since],
  );
  return freezes(judgement, false, accepted?.failing ?? []);
}

async function freezeByGate(
  tx: Tx,
  rollout: Rollout,
  counts: GateCounts,
  judgement: Judgement,
): Promise<void> {
  const reason = `The gate fails: ${failing(judgement).join(', ')}.`;
  await tx.run('update rollout set frozen_at = now(), frozen_reason = $1, version = version + 1', [
    reason,
  ]);
  const order = { actorId: gateActor, reason };
  await record(tx, { action: 'freeze', rollout, to: rollout.stage, order, counts, judgement });
}

async function thaw(
  tx: Tx,
  rollout: Rollout,
  order: ChangeOrder,
  counts: GateCounts,
  judgement: Judgement,
): Promise<void> {
  await tx.run('update rollout set frozen_at = null, frozen_reason = null, version = version + 1');
  await record(tx, { action: 'unfreeze', rollout, to: rollout.stage, order, counts, judgement });
}

async function openStage(
  tx: Tx,
  deps: HeldInviteDeps,
  change: Judged & {
    readonly to: RolloutStage;
    readonly action: 'promote' | 'override';
    readonly order: ChangeOrder;
  },
): Promise<Changed> {
  await tx.run(
    `update rollout set stage = $1, since = now(), frozen_at = null, frozen_reason = null, version = version + 1`,
    [change.to],
  );
  await record(tx, change);
  const releasedInvites = await releaseHeld(tx, deps, releasedAtOnce);
  return { rollout: await tx.one<Rollout>(selectRollout), releasedInvites };
}

const pastTense = {
  promote: 'promoted',
  freeze: 'frozen',
  unfreeze: 'unfrozen',
  override: 'overridden',
} as const;

async function record(
  tx: Tx,
  change: Judged & {
    readonly action: RolloutChange['action'];
    readonly to: RolloutStage;
    readonly order: ChangeOrder;
  },
): Promise<void> {
  const { action, rollout, to, order, counts, judgement } = change;
  await tx.run(
    `insert into rollout_changes (id, action, from_stage, to_stage, actor, reason, figures)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [
      newId(),
      action,
      rollout.stage,
      to,
      order.actorId,
      order.reason,
      JSON.stringify({ verdict: judgement.verdict, failing: failing(judgement), counts }),
    ],
  );
  await audit.append(tx, {
    action: `rollout.${pastTense[action]}`,
    crud: 'u',
    actorId: order.actorId,
    targets: [{ type: 'rollout', id: 'rollout' }],
    component: order.actorId.startsWith('system:') ? 'worker' : 'api',
    sourceIp: order.source?.ip ?? null,
    userAgent: order.source?.userAgent ?? null,
    ...(order.reason === null ? {} : { description: order.reason }),
    metadata: { from: rollout.stage, to, verdict: judgement.verdict },
  });
}
