import type { OutboundResult } from '../../contracts/connectors';
import type { DomainError, ProblemCode } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import { recordResource } from '../tenants/resources';
import { closePath, joinLine, releaseSlot, takeSlot } from './backend-rate';
import type { PathLimit } from './backend-rate';
import { judge, judgeVerify } from './connectors-judging.rules';
import type { VerifyVerdict, Verdict } from './connectors-judging.rules';
import { redactAnswer } from './connectors-redaction.rules';
import type { Hidden } from './connectors-redaction.rules';
import type { TemplateContext } from './connectors-templates.rules';
import { callOf, externalIdOf, hiddenFor, limitOf } from './connectors.rules';
import type { RenderedRequest, StepPart } from './connectors.rules';
import type { OnboardingDeps } from './deps';
import { lockFacts } from './facts';
import { beginWait, move, note, recordFirstUpdate } from './onboardings';
import {
  laterState,
  nextCall,
  openTenantStatuses,
  provisioningStates,
  retryDelay,
} from './onboarding.rules';
import { park } from './park';
import {
  clearDoubt,
  closeAbandoned,
  closeAttempt,
  completeStep,
  declaredStep,
  delayStep,
  limitStep,
  openAttempt,
  parkStep,
  stillFlyingMs,
} from './steps';
import type { AttemptEnd, Declared, OpenAttempt, Phase, StepId } from './steps';
import { currentStep, isBehind, missingOf, stateOfSteps } from './view.rules';
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

/** How long a path may answer nothing but 429 before its step parks. */
const longestLimitedMs = 30 * 60_000;

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
    await beginWait(tx, { onboardingId, for: 'customer' });
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

/** What an answer means, together with the form of it that may be stored. */
export interface JudgedCall {
  readonly verdict: Verdict | VerifyVerdict;
  readonly end: AttemptEnd;
}

/** Judges the answer to a begun call. */
export function judgeCall(
  begun: BegunCall,
  request: RenderedRequest,
  result: OutboundResult,
  context: TemplateContext,
  now: number,
): JudgedCall {
  const { declared, part } = begun;
  const call = callOf(declared.step, part) ?? declared.step;
  const hidden: Hidden = hiddenFor(declared.connector, context);
  const judging = { context, now, hidden };
  const verdict =
    part === 'verify' && declared.step.verify
      ? judgeVerify(declared.step.verify, result, judging)
      : judge(call, result, judging);
  return {
    verdict,
    end: {
      outcome: verdict.kind === 'landed' ? 'success' : verdict.kind,
      httpStatus: result.kind === 'response' ? result.status : null,
      problem: 'problem' in verdict ? verdict.problem : null,
      request: request.redacted,
      response: redactAnswer(call, result, hidden),
    },
  };
}

/** The outcome of a call that could not even be rendered, since a value is missing. */
export function unrenderable(error: DomainError): JudgedCall {
  return {
    verdict: { kind: 'permanent', problem: 'backend-refused' },
    end: {
      outcome: 'permanent',
      httpStatus: null,
      problem: error.code,
      request: null,
      response: { failure: error.code },
    },
  };
}

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
  const { row, declared, attempt } = begun;
  const facts = await lockFacts(tx, begun.facts.id);
  const step: StepId = { onboardingId: facts.id, tenantId: facts.tenantId, key: row.key };
  if (!(await closeAttempt(tx, attempt.id, judged.end))) return undefined;
  if (begun.slot) await releaseSlot(tx, begun.slot, begun.slot.slot);
  const { verdict } = judged;
  tx.afterCommit(() => {
    count(deps, declared, verdict.kind);
  });
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
      await park(tx, deps, facts, {
        step: row.key,
        problem: judged.end.problem ?? verdict.problem,
      });
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
  await completeStep(tx, step, extract);
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
  if (to === facts.state) await note(tx, { ...event, tenantId: facts.tenantId, type: 'step-done' });
  else await move(tx, { ...event, from: [...provisioningStates], to, type: 'step-done' });
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
  if (externalId !== undefined && (last || !known)) {
    await recordResource(tx, {
      tenantId: facts.tenantId,
      connector: row.connector,
      externalId,
      status: last ? 'ready' : 'pending',
      onboardingId: facts.id,
    });
  }
  if (last) await recordFirstUpdate(tx, facts.id);
  await audit.append(tx, {
    action: 'onboarding.step_done',
    crud: 'u',
    actorId: 'system:workflow',
    tenantId: facts.tenantId,
    targets: [{ type: 'onboarding', id: facts.id }],
    metadata: { step: row.key, attempt: attempt.n, state: to },
    component: 'worker',
  });
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

function count(deps: Deps, declared: Declared, outcome: string): void {
  const { connector, step, key } = declared.plan;
  deps.metrics.connectorCalls.inc({ connector, step, outcome });
  const status = outcome === 'success' || outcome === 'landed' ? 'success' : outcome;
  if (status === 'success') deps.metrics.steps.inc({ step: key, status });
  else if (status !== 'absent' && status !== 'rate-limited')
    deps.metrics.steps.inc({ step: key, status: 'failed' });
}

/** The context that a step's templates refer to; the secret only where it was revealed for this call. */
export function contextOf(
  facts: OnboardingFacts,
  connector: string,
  wbToken: string | null,
): TemplateContext {
  return {
    input: {
      spreadsheet_id: facts.spreadsheetId,
      owner_email: facts.ownerEmail ?? facts.invite.email,
    },
    tenant: { id: facts.tenantId, slug: facts.tenantSlug, name: facts.tenantName },
    onboarding: { id: facts.id },
    secret: { wb_token: wbToken },
    extract: Object.fromEntries(
      facts.steps
        .filter((step) => step.connector === connector)
        .map((step) => [step.step, step.extract]),
    ),
  };
}
