import type { ProblemCode } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import { recordResource } from '../tenants/resources';
import { closePath, joinLine, releaseSlot } from './backend-rate';
import { noteCall } from './call-notes';
import type { TemplateContext } from './connectors-templates.rules';
import { externalIdOf } from './connectors.rules';
import type { OnboardingDeps } from './deps';
import { relockFacts } from './facts';
import { move, note, recordFirstUpdate } from './onboardings';
import { laterState, provisioningStates, retryDelay } from './onboarding.rules';
import { park } from './park';
import type { JudgedCall } from './step-answer';
import { callerName } from './step-call';
import type { BegunCall } from './step-call';
import {
  clearDoubt,
  closeAttempt,
  completeStep,
  declaredStep,
  delayStep,
  limitStep,
  parkStep,
} from './steps';
import type { StepId } from './steps';
import { isBehind, stateOfSteps } from './view.rules';
import type { OnboardingFacts } from './view.rules';

type Deps = Pick<OnboardingDeps, 'connectors' | 'config' | 'metrics' | 'ring'>;

/** How long a path may answer nothing but 429 before its step parks. */
const longestLimitedMs = 30 * 60_000;

/**
 * What recording a call came to: how long the backend's rate makes it wait, or the facts as they are now; undefined
 * when they have to be read again.
 */
export type Finished =
  { readonly waitMs: number } | { readonly facts: OnboardingFacts } | undefined;

/**
 * Records how a call of a step ended and decides what follows: done, another try, or a park. A call whose attempt a
 * later execution has closed changes nothing.
 */
export async function finishStep(
  tx: Tx,
  deps: Deps,
  begun: BegunCall,
  judged: JudgedCall,
  context: TemplateContext,
): Promise<Finished> {
  const { declared, attempt } = begun;
  const facts = await relockFacts(tx, begun.facts, attempt.id);
  if (!facts) return undefined;
  tx.afterCommit(() => {
    const { outcome, httpStatus, problem } = judged.end;
    const end = { tenantId: facts.tenantId, onboardingId: facts.id, outcome, httpStatus, problem };
    noteCall(deps.metrics, declared, { ...end, phase: attempt.phase });
    countStep(deps, declared.plan.key, judged.verdict.kind);
  });
  const [, , finished] = await Promise.all([
    closeAttempt(tx, attempt.id, judged.end),
    begun.slot && releaseSlot(tx, begun.slot, begun.slot.slot),
    follow(tx, deps, facts, begun, judged, context),
  ]);
  return finished;
}

async function follow(
  tx: Tx,
  deps: Deps,
  facts: OnboardingFacts,
  begun: BegunCall,
  { verdict, end }: JudgedCall,
  context: TemplateContext,
): Promise<Finished> {
  const { row, attempt } = begun;
  const step: StepId = { onboardingId: facts.id, tenantId: facts.tenantId, key: row.key };
  switch (verdict.kind) {
    case 'success':
    case 'landed':
      return { facts: await complete(tx, deps, facts, begun, context, verdict.extract) };
    case 'absent':
      await clearDoubt(tx, step);
      return undefined;
    case 'rate-limited':
      return limited(tx, deps, facts, begun, verdict.retryAfterMs);
    case 'permanent':
      // A look-up that is refused says nothing of the call that it asked for.
      await parkStep(tx, step, {
        inDoubt: attempt.phase !== 'do',
        refused: attempt.phase === 'do',
      });
      await park(tx, deps, facts, { step: row.key, problem: end.problem ?? verdict.problem });
      return undefined;
    case 'transient':
    case 'uncertain': {
      const inDoubt = row.inDoubt || (verdict.kind === 'uncertain' && attempt.phase === 'do');
      await retryOrPark(tx, deps, facts, begun, {
        inDoubt,
        problem: verdict.problem,
        retryAfterMs: verdict.kind === 'transient' ? verdict.retryAfterMs : undefined,
      });
      return undefined;
    }
  }
}

async function complete(
  tx: Tx,
  deps: Deps,
  facts: OnboardingFacts,
  { row, declared, attempt }: BegunCall,
  context: TemplateContext,
  extract: Readonly<Record<string, string | number | boolean>>,
): Promise<OnboardingFacts> {
  const step: StepId = { onboardingId: facts.id, tenantId: facts.tenantId, key: row.key };
  const steps = facts.steps.map((one) =>
    one.key === row.key
      ? { ...one, status: 'done' as const, extract, inDoubt: false, open: false, retryInMs: 0 }
      : one,
  );
  const reached = stateOfSteps(steps, (key) => declaredStep(deps.connectors, key)?.step);
  const to = laterState(facts.state, reached);
  const event = {
    onboardingId: facts.id,
    transitionId: `${row.key}:${String(row.generation)}:${String(attempt.n)}`,
    actor: 'system:workflow',
    data: { step: row.key, attempt: attempt.n, adopted: attempt.phase === 'verify' },
  };
  const externalId = externalIdOf(declared.connector, {
    ...context,
    extract: { ...context.extract, [declared.step.name]: extract },
  });
  const last = !steps.some(
    (one) => one.connector === row.connector && one.status !== 'done' && one.status !== 'skipped',
  );
  const known =
    externalIdOf(declared.connector, context) === externalId &&
    facts.steps.some((one) => one.connector === row.connector && isBehind(one));
  await Promise.all([
    completeStep(tx, step, extract),
    to === facts.state
      ? note(tx, { ...event, tenantId: facts.tenantId, type: 'step-done' })
      : move(tx, { ...event, from: [...provisioningStates], to, type: 'step-done' }),
    externalId !== undefined &&
      (last || !known) &&
      recordResource(tx, {
        tenantId: facts.tenantId,
        connector: row.connector,
        externalId,
        status: last ? 'ready' : 'pending',
        onboardingId: facts.id,
      }),
    last && recordFirstUpdate(tx, facts.id),
    audit.append(tx, {
      action: 'onboarding.step_done',
      crud: 'u',
      actorId: 'system:workflow',
      tenantId: facts.tenantId,
      targets: [{ type: 'onboarding', id: facts.id }],
      metadata: { step: row.key, attempt: attempt.n, state: to },
      component: 'worker',
    }),
  ]);
  return { ...facts, state: to, steps };
}

/** Records a 429 and returns how long to wait; after 30 minutes of nothing else the step parks. */
export async function limited(
  tx: Tx,
  deps: Deps,
  facts: OnboardingFacts,
  begun: BegunCall,
  retryAfterMs: number | undefined,
): Promise<{ waitMs: number } | undefined> {
  const { row, slot, attempt } = begun;
  const step: StepId = { onboardingId: facts.id, tenantId: facts.tenantId, key: row.key };
  const limitedMs = await limitStep(tx, step);
  if (limitedMs > longestLimitedMs) {
    await parkStep(tx, step, { inDoubt: row.inDoubt, refused: false });
    await park(tx, deps, facts, { step: row.key, problem: 'backend-rate-limited' });
    return undefined;
  }
  if (!slot) return { waitMs: retryAfterMs ?? 60_000 };
  await closePath(tx, slot, retryAfterMs);
  return { waitMs: await joinLine(tx, slot, callerName(step, attempt.phase)) };
}

async function retryOrPark(
  tx: Tx,
  deps: Deps,
  facts: OnboardingFacts,
  { row, declared }: BegunCall,
  failure: { inDoubt: boolean; problem: ProblemCode; retryAfterMs: number | undefined },
): Promise<void> {
  const step: StepId = { onboardingId: facts.id, tenantId: facts.tenantId, key: row.key };
  const failures = row.failures + 1;
  const inMs = retryDelay(failures, failure.retryAfterMs, deps.config.RETRY_SECONDS);
  const unknown = failure.inDoubt && declared.plan.repeat === 'never';
  if (inMs !== undefined && !unknown) {
    await delayStep(tx, step, { failures, inMs, inDoubt: failure.inDoubt });
    return;
  }
  await parkStep(tx, step, { inDoubt: failure.inDoubt, refused: false });
  await park(tx, deps, facts, {
    step: row.key,
    problem: unknown ? 'outcome-unknown' : failure.problem,
  });
}

function countStep(deps: Deps, key: string, outcome: string): void {
  const status = outcome === 'success' || outcome === 'landed' ? 'success' : outcome;
  if (status === 'success') deps.metrics.steps.inc({ step: key, status });
  else if (status !== 'absent' && status !== 'rate-limited')
    deps.metrics.steps.inc({ step: key, status: 'failed' });
}
