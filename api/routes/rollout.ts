import type { rolloutEndpoints } from '../../src/contracts/rollout';
import { readFunnel } from '../../src/domain/onboarding/funnel';
import type { Duration, FunnelView } from '../../src/domain/onboarding/funnel';
import {
  freeze,
  freezeWhenFailing,
  override,
  promote,
  readGates,
} from '../../src/domain/onboarding/gates';
import type { Changed, GatesView, Rollout } from '../../src/domain/onboarding/gates';
import { nextStage } from '../../src/domain/onboarding/gates.rules';
import type { HeldInviteDeps } from '../../src/domain/onboarding/held-invites';
import { DomainError } from '../../src/errors/problems';
import { withOperator } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import type { Handlers } from '../endpoint';
import { once } from '../middleware/idempotency';

/** What funnel and gates use: a promotion opens held invites, which writes mails and wake-ups. */
export interface RolloutRouteDeps extends HeldInviteDeps {
  readonly db: Database;
}

type RolloutHandlers = Pick<
  Handlers<typeof rolloutEndpoints>,
  'getFunnel' | 'getGates' | 'promoteGates' | 'freezeGates' | 'overrideGates'
>;

const snapshot = { readOnly: true, isolation: 'repeatable read' } as const;

/** The funnel and the roll-out gates. */
export function createRolloutRoutes(deps: RolloutRouteDeps): RolloutHandlers {
  const { db } = deps;
  return {
    async getFunnel({ caller, query }) {
      const filter = {
        createdAfter: query.created_after === undefined ? undefined : new Date(query.created_after),
        createdBefore:
          query.created_before === undefined ? undefined : new Date(query.created_before),
        partner: query.partner,
        plan: query.plan,
      };
      const funnel = await withOperator(
        db,
        caller.actorId,
        (tx) => readFunnel(tx, filter),
        snapshot,
      );
      return { status: 200, body: toFunnel(funnel) };
    },

    async getGates({ caller }) {
      const gates = await withOperator(db, caller.actorId, readGates, snapshot);
      return { status: 200, body: toGates(gates), version: gates.rollout.version };
    },

    async promoteGates({ caller, body, ifMatch, idempotency, ip, userAgent }) {
      const { actorId } = caller;
      const order = { actorId, reason: body.reason ?? null, ifMatch, source: { ip, userAgent } };
      try {
        return await withOperator(db, actorId, (tx) =>
          once(idempotency, tx, async () => toReply(await promote(tx, deps, order))),
        );
      } catch (error) {
        if (error instanceof DomainError && error.code === 'gate-not-passed') {
          await withOperator(db, actorId, freezeWhenFailing);
        }
        throw error;
      }
    },

    async freezeGates({ caller, body, ifMatch, idempotency, ip, userAgent }) {
      const { actorId } = caller;
      const order = { actorId, reason: body.reason, ifMatch, source: { ip, userAgent } };
      return withOperator(db, actorId, (tx) =>
        once(idempotency, tx, async () => toReply(await freeze(tx, order))),
      );
    },

    async overrideGates({ caller, body, ifMatch, idempotency, ip, userAgent }) {
      const { actorId } = caller;
      const order = { actorId, reason: body.reason, ifMatch, source: { ip, userAgent } };
      return withOperator(db, actorId, (tx) =>
        once(idempotency, tx, async () => toReply(await override(tx, deps, order, body.action))),
      );
    },
  };
}

function toReply({ rollout, releasedInvites }: Changed) {
  return {
    status: 200 as const,
    body: {
      success: true as const,
      stage: rollout.stage,
      next_stage: nextStage(rollout.stage),
      frozen: rollout.frozenAt !== null,
      frozen_reason: rollout.frozenReason,
      released_invites: releasedInvites,
      version: rollout.version,
    },
    version: rollout.version,
  };
}

const time = (date: Date | null): string | null => date?.toISOString() ?? null;

function toGates({ rollout, judgement, whyNot, heldInvites, changes }: GatesView) {
  return {
    ...stageOf(rollout),
    verdict: judgement.verdict,
    figures: judgement.figures.map((figure) => ({
      name: figure.name,
      value: figure.value,
      threshold: figure.threshold,
      comparison: figure.comparison,
      sample: figure.sample,
      minimum_sample: figure.minimumSample,
      interval: figure.interval,
      wall_value: figure.wallValue,
      verdict: figure.verdict,
    })),
    promotable: whyNot === null,
    why_not: whyNot,
    held_invites: heldInvites,
    changes: changes.map((change) => ({
      id: change.id,
      action: change.action,
      from: change.from,
      to: change.to,
      actor: change.actor,
      reason: change.reason,
      at: change.at.toISOString(),
    })),
    version: rollout.version,
  };
}

function stageOf(rollout: Rollout) {
  return {
    stage: rollout.stage,
    next_stage: nextStage(rollout.stage),
    since: rollout.since.toISOString(),
    judged_from: rollout.judgedFrom.toISOString(),
    frozen: rollout.frozenAt !== null,
    frozen_at: time(rollout.frozenAt),
    frozen_reason: rollout.frozenReason,
  };
}

function toFunnel(funnel: FunnelView) {
  return {
    created_after: funnel.createdAfter.toISOString(),
    created_before: funnel.createdBefore.toISOString(),
    stations: funnel.stations.map((station) => ({
      state: station.state,
      reached: station.reached,
      share: station.share,
      went_on: station.wentOn,
      here: station.here,
      waiting_for_customer: station.waitingForCustomer,
      parked: station.parked,
      dropped: station.dropped,
      drop_off: station.dropOff,
    })),
    endings: funnel.endings,
    members: funnel.members,
    held: funnel.held,
    business: {
      acceptance_rate: funnel.acceptanceRate,
      without_manual_intervention: funnel.withoutManualIntervention,
      time_to_first_update: toDuration(funnel.timeToFirstUpdate),
      time_to_active: toDuration(funnel.timeToActive),
      time_to_active_wall: toDuration(funnel.timeToActiveWall),
    },
  };
}

function toDuration({ p50, p95, sample }: Duration) {
  return { p50_seconds: p50, p95_seconds: p95, sample };
}
