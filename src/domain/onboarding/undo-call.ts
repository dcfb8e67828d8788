import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import { withdrawMembershipsOf } from '../identity/memberships';
import { emitEvent } from '../tenants/events';
import { leaveResource } from '../tenants/resources';
import { noteCall } from './call-notes';
import type { OnboardingDeps } from './deps';
import { lockFacts, relockFacts } from './facts';
import { move, note } from './onboardings';
import { provisioningStates, retryDelay } from './onboarding.rules';
import { park } from './park';
import { leaveLines, releaseSlot } from './backend-rate';
import type { JudgedCall } from './step-answer';
import { begin } from './step-call';
import type { Begun, BegunCall } from './step-call';
import { limited } from './step-outcome';
import {
  clearDoubt,
  closeAbandoned,
  closeAttempt,
  completeStep,
  declaredStep,
  delayUndo,
  endUndo,
  refuseUndo,
  stillFlyingMs,
} from './steps';
import type { StepId } from './steps';
import { stepToUndo } from './view.rules';
import type { OnboardingFacts, StepRow } from './view.rules';

type Deps = Pick<OnboardingDeps, 'connectors' | 'ring' | 'config' | 'metrics'>;

/**
 * Begins the undoing of a step. A step that never landed needs none; one in doubt is looked up first, after its own
 * request can no longer be on its way; one without a compensation is left and marked.
 */
export async function beginUndoOf(
  tx: Tx,
  deps: Deps,
  onboardingId: string,
  key: string,
): Promise<Begun> {
  const facts = await lockFacts(tx, onboardingId);
  const row = stepToUndo(facts);
  const stopped = facts.waitingFor !== null || facts.queuedOrderId !== null;
  if (row?.key !== key || stopped || row.retryInMs > 0) return { kind: 'look' };
  const step: StepId = { onboardingId, tenantId: facts.tenantId, key };
  const declared = declaredStep(deps.connectors, key);
  if (!declared) {
    await park(tx, deps, facts, { step: key, problem: 'connector-not-found' });
    return { kind: 'look' };
  }
  const cutOff = row.open ? await closeAbandoned(tx, step) : [];
  const inDoubt = row.inDoubt || cutOff.includes('do');
  if (row.status !== 'done' && !inDoubt) return ended(tx, facts, row, 'undone');
  if (declared.plan.compensation === 'nothing') return ended(tx, facts, row, 'undone');
  if (declared.plan.compensation === 'leave-and-mark') return ended(tx, facts, row, 'left');
  if (row.status === 'done') return begin(tx, facts, row, declared, 'undo');
  const flyingMs = await stillFlyingMs(tx, step, declared.plan.timeoutMs, 'uncertain');
  if (flyingMs > 0) return { kind: 'wait', ms: flyingMs };
  const phase = declared.plan.verifiable ? 'undo-verify' : 'undo';
  return begin(tx, facts, { ...row, inDoubt }, declared, phase);
}

async function ended(
  tx: Tx,
  facts: OnboardingFacts,
  row: StepRow,
  status: 'undone' | 'left',
): Promise<Begun> {
  await recordUndone(tx, facts, row, status);
  return { kind: 'look' };
}

async function recordUndone(
  tx: Tx,
  facts: OnboardingFacts,
  row: StepRow,
  status: 'undone' | 'left',
): Promise<void> {
  await endUndo(tx, { onboardingId: facts.id, tenantId: facts.tenantId, key: row.key }, status);
  await leaveResource(tx, { tenantId: facts.tenantId, connector: row.connector });
  await note(tx, {
    onboardingId: facts.id,
    tenantId: facts.tenantId,
    transitionId: `${row.key}:${status}:${String(row.generation)}`,
    type: `step-${status}`,
    actor: 'system:workflow',
    data: { step: row.key },
  });
  await audit.append(tx, {
    action: `onboarding.step_${status}`,
    crud: 'u',
    actorId: 'system:workflow',
    tenantId: facts.tenantId,
    targets: [{ type: 'onboarding', id: facts.id }],
    metadata: { step: row.key },
    component: 'worker',
  });
}

/** Records how a compensation (or the look-up before it) ended. Nothing is swallowed: a failing one parks. */
export async function finishUndo(
  tx: Tx,
  deps: Deps,
  begun: BegunCall,
  judged: JudgedCall,
): Promise<{ waitMs: number } | undefined> {
  const { row, attempt } = begun;
  const facts = await relockFacts(tx, begun.facts, attempt.id);
  if (!facts) return undefined;
  const step: StepId = { onboardingId: facts.id, tenantId: facts.tenantId, key: row.key };
  await closeAttempt(tx, attempt.id, judged.end);
  tx.afterCommit(() => {
    const { outcome, httpStatus, problem } = judged.end;
    const end = { tenantId: facts.tenantId, onboardingId: facts.id, outcome, httpStatus, problem };
    noteCall(deps.metrics, begun.declared, { ...end, phase: attempt.phase });
  });
  if (begun.slot) await releaseSlot(tx, begun.slot, begun.slot.slot);
  const { verdict } = judged;
  switch (verdict.kind) {
    case 'landed':
      // It did happen: the row becomes a done step, whose compensation comes next.
      await completeStep(tx, step, verdict.extract);
      return undefined;
    case 'absent':
      await clearDoubt(tx, step);
      await recordUndone(tx, facts, row, 'undone');
      return undefined;
    case 'success':
      await recordUndone(tx, facts, row, 'undone');
      return undefined;
    case 'rate-limited':
      return limited(tx, deps, facts, begun, verdict.retryAfterMs);
    case 'permanent':
      if (attempt.phase === 'undo') await refuseUndo(tx, step);
      await park(tx, deps, facts, { step: row.key, problem: verdict.problem });
      return undefined;
    case 'transient':
    case 'uncertain': {
      const failures = row.undoFailures + 1;
      const inMs = retryDelay(
        failures,
        verdict.kind === 'transient' ? verdict.retryAfterMs : 0,
        deps.config.RETRY_SECONDS,
      );
      if (inMs === undefined)
        await park(tx, deps, facts, { step: row.key, problem: verdict.problem });
      else await delayUndo(tx, step, { failures, inMs });
      return undefined;
    }
  }
}

/** Ends a rollback whose steps are all undone or left: the membership that it created is withdrawn. */
export async function endRollback(tx: Tx, facts: OnboardingFacts): Promise<void> {
  await closeOnboarding(tx, facts, 'rolled_back', 'system:workflow');
}

/** Ends an onboarding on an order; what stands outside is marked and left. */
export async function cancelOnboarding(
  tx: Tx,
  facts: OnboardingFacts,
  actor: string,
): Promise<void> {
  const connectors = new Set(
    facts.steps.filter((step) => step.begun).map((step) => step.connector),
  );
  for (const connector of connectors) {
    await leaveResource(tx, { tenantId: facts.tenantId, connector });
  }
  await closeOnboarding(tx, facts, 'cancelled', actor);
}

async function closeOnboarding(
  tx: Tx,
  facts: OnboardingFacts,
  to: 'rolled_back' | 'cancelled',
  actor: string,
): Promise<void> {
  await move(tx, {
    onboardingId: facts.id,
    from: [...provisioningStates, 'failed'],
    to,
    transitionId: to,
    type: to === 'cancelled' ? 'cancelled' : 'rolled-back',
    actor,
    set: {
      sql: `stood_at = case when onboardings.state = 'failed' then stood_at else onboardings.state end,
        ended_at = now(), undoing = false, waiting_for = null, waiting_since = null`,
    },
  });
  // An execution that Temporal has lost sight of may still wait for an answer: nothing shall come of it.
  for (const { key } of facts.steps.filter((step) => step.begun)) {
    await closeAbandoned(tx, { onboardingId: facts.id, tenantId: facts.tenantId, key });
  }
  await leaveLines(tx, facts.id);
  await withdrawMembershipsOf(tx, facts.id);
  await audit.append(tx, {
    action: `onboarding.${to}`,
    crud: 'u',
    actorId: actor,
    tenantId: facts.tenantId,
    targets: [{ type: 'onboarding', id: facts.id }],
    component: 'worker',
  });
  await emitEvent(tx, {
    type: `onboarding.${to}.v1`,
    tenantId: facts.tenantId,
    data: { onboarding_id: facts.id },
  });
}
