import type { Tx } from '../../platform/db';
import { takeSlot } from './backend-rate';
import type { PathLimit } from './backend-rate';
import { callOf, limitOf } from './connectors.rules';
import type { StepPart } from './connectors.rules';
import type { OnboardingDeps } from './deps';
import type { ProblemCode } from '../../errors/problems';
import { lockFacts } from './facts';
import { beginWait } from './onboardings';
import { nextCall, openTenantStatuses, provisioningStates } from './onboarding.rules';
import { park } from './park';
import { closeAbandoned, declaredStep, openAttempt, parkStep, stillFlyingMs } from './steps';
import type { Declared, OpenAttempt, Phase, StepId } from './steps';
import { currentStep, missingOf } from './view.rules';
import type { OnboardingFacts, StepRow } from './view.rules';

/** A call that may be sent now: its attempt row is committed. */
export interface BegunCall {
  readonly kind: 'call';
  readonly facts: OnboardingFacts;
  readonly row: StepRow;
  readonly declared: Declared;
  readonly part: StepPart;
  readonly attempt: OpenAttempt;
  readonly slot: HeldSlot | undefined;
}

/** A slot of a path that a call holds until its answer is recorded. */
export interface HeldSlot extends PathLimit {
  readonly slot: number;
}

/** What beginning a call came to: a call, a wait for the backend's rate, or nothing to do for this step now. */
export type Begun =
  BegunCall | { readonly kind: 'wait'; readonly ms: number } | { readonly kind: 'look' };

type Deps = Pick<OnboardingDeps, 'connectors' | 'ring' | 'config' | 'metrics'>;

const partOf: Readonly<Record<Phase, StepPart>> = {
  do: 'request',
  verify: 'verify',
  undo: 'compensate',
  'undo-verify': 'verify',
};

/** Begins the next call of a step, if the rows still want it. */
export async function beginStep(
  tx: Tx,
  deps: Deps,
  onboardingId: string,
  key: string,
): Promise<Begun> {
  const facts = await lockFacts(tx, onboardingId);
  const row = currentStep(facts);
  const stopped = facts.waitingFor !== null || facts.queuedOrderId !== null || facts.undoing;
  if (row?.key !== key || stopped || !isOpen(facts) || row.retryInMs > 0) return { kind: 'look' };
  const step: StepId = { onboardingId, tenantId: facts.tenantId, key };
  const declared = declaredStep(deps.connectors, key);
  if (!declared) return parked(tx, deps, facts, step, 'connector-not-found', false);
  if (!openTenantStatuses.includes(facts.tenantStatus)) {
    return parked(tx, deps, facts, step, 'tenant-suspended', row.inDoubt);
  }
  if (missingOf(facts, declared.plan.needs).length > 0) {
    await beginWait(tx, step);
    return { kind: 'look' };
  }
  const cutOff = row.open ? await closeAbandoned(tx, step) : [];
  const inDoubt = row.inDoubt || cutOff.includes('do');
  const next = nextCall({ repeat: declared.plan.repeat, inDoubt });
  if (typeof next === 'object') return parked(tx, deps, facts, step, next.park, true);
  // A look-up is worth nothing while a call whose sender was lost may still be on its way.
  const { timeoutMs } = declared.plan;
  const flyingMs = next === 'verify' ? await stillFlyingMs(tx, step, timeoutMs, 'cut-off') : 0;
  if (flyingMs > 0) return { kind: 'wait', ms: flyingMs };
  return begin(tx, facts, { ...row, inDoubt }, declared, next);
}

function isOpen(facts: OnboardingFacts): boolean {
  return (provisioningStates as readonly string[]).includes(facts.state);
}

async function parked(
  tx: Tx,
  deps: Deps,
  facts: OnboardingFacts,
  step: StepId,
  problem: ProblemCode,
  inDoubt: boolean,
): Promise<Begun> {
  await parkStep(tx, step, { inDoubt, refused: false });
  await park(tx, deps, facts, { step: step.key, problem });
  return { kind: 'look' };
}

/** Takes a slot of the backend's rate and writes the attempt row, or a place in the path's line. */
export async function begin(
  tx: Tx,
  facts: OnboardingFacts,
  row: StepRow,
  declared: Declared,
  phase: Phase,
): Promise<Begun> {
  const call = callOf(declared.step, partOf[phase]);
  if (!call) return { kind: 'look' };
  const declaredLimit = limitOf(declared.connector, call.request);
  const limit = declaredLimit && { ...declaredLimit, connector: declared.connector.name };
  const step: StepId = { onboardingId: facts.id, tenantId: facts.tenantId, key: row.key };
  const answer = limit && (await takeSlot(tx, limit, callerName(step, phase), call.timeout_ms));
  if (answer && 'dueInMs' in answer) return { kind: 'wait', ms: answer.dueInMs };
  const generation = phase === 'undo' ? row.undoGeneration : row.generation;
  const slot = limit && answer ? { ...limit, slot: answer.slot } : undefined;
  const attempt = await openAttempt(
    tx,
    { ...step, generation, series: row.series },
    phase,
    slot?.slot ?? null,
  );
  return { kind: 'call', facts, row, declared, part: partOf[phase], attempt, slot };
}

/** Names a waiting call in the line of its path. */
export function callerName(step: StepId, phase: Phase): string {
  return `${step.onboardingId}/${step.key}/${phase}`;
}
