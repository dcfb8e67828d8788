import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import type { Outbound } from '../../platform/outbound';
import { reveal } from '../secrets/secrets';
import { closePath, releaseSlot, takeSlot } from './backend-rate';
import { judge, judgeVerify } from './connectors-judging.rules';
import type { Verdict, VerifyVerdict } from './connectors-judging.rules';
import { redactAnswer } from './connectors-redaction.rules';
import { referencesOf } from './connectors-templates.rules';
import type { TemplateContext } from './connectors-templates.rules';
import { callOf, hiddenFor, limitOf, renderRequest, stepsOf } from './connectors.rules';
import { noteCall } from './call-notes';
import type { OnboardingDeps } from './deps';
import { readFacts } from './facts';
import { nextCall, retryDelay } from './onboarding.rules';
import { contextOf } from './step-answer';
import type { HeldSlot } from './step-call';
import { declaredStep } from './steps';
import type { Declared } from './steps';
import {
  advanceRotation,
  delayRotation,
  doubtRotation,
  failRotation,
  lockRotation,
  readRotation,
} from './token-rotations';
import type { RotationAttempt, RotationState, TokenRotation } from './token-rotations';

/** What the workflow sees of a rotation. */
export interface RotationView {
  readonly state: RotationState;
  /** Connector of the next call, or null when it has ended. */
  readonly connector: string | null;
  readonly waitMs: number;
}

type Deps = Pick<OnboardingDeps, 'db' | 'ring' | 'connectors' | 'config' | 'metrics'> & {
  readonly outbound: Outbound;
};

/** The steps that carry the new token, in order: from the one that adds it to the last of its connector. */
export function rotationSteps(
  deps: Pick<OnboardingDeps, 'connectors'>,
  blueprint: string,
): Declared[] {
  const found = deps.connectors.blueprints.get(blueprint);
  if (!found) return [];
  return found.connectors.flatMap((connector) => {
    const steps = stepsOf({ connectors: [connector] }).flatMap(
      ({ key }) => declaredStep(deps.connectors, key) ?? [],
    );
    const first = steps.findIndex(({ step }) =>
      referencesOf(step.request).some(({ text }) => text.startsWith('secret.wb_token')),
    );
    return first < 0 ? [] : steps.slice(first);
  });
}

/** Looks at a rotation: which connector is called next, and when. */
export async function viewRotation(deps: Deps, rotationId: string): Promise<RotationView> {
  return withSystem(deps.db, 'activity', async (tx) => {
    const rotation = await lockRotation(tx, rotationId);
    return viewOf(deps, rotation, await blueprintOf(tx, rotation));
  });
}

async function blueprintOf(tx: Tx, rotation: TokenRotation): Promise<string> {
  const row = await tx.one<{ blueprint: string }>(
    'select blueprint from onboardings where id = $1',
    [rotation.onboardingId],
  );
  return row.blueprint;
}

function viewOf(deps: Deps, rotation: TokenRotation, blueprint: string): RotationView {
  const ended = rotation.state === 'done' || rotation.state === 'failed';
  const declared = ended ? undefined : rotationSteps(deps, blueprint)[rotation.atStep];
  return {
    state: rotation.state,
    connector: declared?.connector.name ?? null,
    waitMs: Math.ceil(rotation.retryInMs),
  };
}

interface Begun {
  readonly rotation: TokenRotation;
  readonly declared: Declared;
  readonly part: 'request' | 'verify';
  readonly context: TemplateContext;
  readonly slot: HeldSlot | undefined;
  readonly last: boolean;
}

/** Makes the next call of a rotation; returns what is next, or how long the backend's rate makes it wait. */
export async function runRotation(
  deps: Deps,
  rotationId: string,
): Promise<RotationView | { readonly limitedMs: number }> {
  const begun = await withSystem(deps.db, 'activity', (tx) => begin(tx, deps, rotationId));
  if ('state' in begun || 'limitedMs' in begun) return begun;
  const token = begun.rotation.secretId
    ? await reveal(deps.db, deps.ring, begun.rotation.secretId, {
        who: 'system:workflow',
        why: `rotate ${begun.declared.plan.key}`,
      })
    : null;
  const context = { ...begun.context, secret: { wb_token: token } };
  const { verdict, attempt } = await call(deps, { ...begun, context });
  return withSystem(deps.db, 'activity', async (tx) => {
    const rotation = await lockRotation(tx, rotationId);
    if (begun.slot) await releaseSlot(tx, begun.slot, begun.slot.slot);
    const ended = rotation.state === 'done' || rotation.state === 'failed';
    if (!ended && rotation.atStep === begun.rotation.atStep)
      await record(tx, deps, rotation, begun, verdict, attempt);
    tx.afterCommit(() => {
      const { tenantId, onboardingId } = rotation;
      const { outcome, http_status: httpStatus, problem } = attempt;
      const end = { tenantId, onboardingId, outcome, httpStatus, problem };
      noteCall(deps.metrics, begun.declared, { ...end, phase: `rotate-${begun.part}` });
    });
    return viewOf(deps, await readRotation(tx, rotationId), await blueprintOf(tx, rotation));
  });
}

async function begin(
  tx: Tx,
  deps: Deps,
  rotationId: string,
): Promise<Begun | RotationView | { readonly limitedMs: number }> {
  const rotation = await lockRotation(tx, rotationId);
  const blueprint = await blueprintOf(tx, rotation);
  const steps = rotationSteps(deps, blueprint);
  const declared = steps[rotation.atStep];
  const view = viewOf(deps, rotation, blueprint);
  if (view.connector === null || !declared || rotation.retryInMs > 0) return view;
  const next = nextCall({ repeat: declared.plan.repeat, inDoubt: rotation.inDoubt });
  if (typeof next === 'object') {
    await failRotation(tx, rotation, next.park, null);
    return { state: 'failed', connector: null, waitMs: 0 };
  }
  const part = next === 'do' ? 'request' : 'verify';
  const request = callOf(declared.step, part)?.request ?? declared.step.request;
  const found = limitOf(declared.connector, request);
  const limit = found && { ...found, connector: declared.connector.name };
  const answer =
    limit &&
    (await takeSlot(
      tx,
      limit,
      `rotation/${rotationId}/${declared.plan.key}`,
      declared.plan.timeoutMs,
    ));
  if (answer && 'dueInMs' in answer) return { limitedMs: answer.dueInMs };
  if (part === 'request') await doubtRotation(tx, rotationId);
  const facts = await readFacts(tx, rotation.onboardingId);
  const context = contextOf(facts, declared.connector.name, null);
  return {
    rotation,
    declared,
    part,
    context: {
      ...context,
      extract: { ...context.extract, ...extractsOf(rotation, declared.connector.name) },
    },
    slot: limit && answer ? { ...limit, slot: answer.slot } : undefined,
    last: rotation.atStep === steps.length - 1,
  };
}

async function call(
  deps: Deps,
  { rotation, declared, part, context }: Begun,
): Promise<{ verdict: Verdict | VerifyVerdict; attempt: RotationAttempt }> {
  const { connector, step } = declared;
  const described = callOf(step, part) ?? step;
  const note = (
    outcome: string,
    problem: string | null,
    status: number | null,
    response: unknown,
  ) => ({
    part: `${declared.plan.key} ${part}`,
    outcome,
    http_status: status,
    problem,
    response,
  });
  try {
    const request = renderRequest({
      connector,
      step,
      part,
      context,
      idempotencyKey: `${rotation.id}:${declared.plan.key}:1`,
    });
    const result = await deps.outbound.send(request);
    const hidden = hiddenFor(connector, context);
    const judging = { context, now: Date.now(), hidden };
    const verdict =
      part === 'verify' && step.verify
        ? judgeVerify(step.verify, result, judging)
        : judge(described, result, judging);
    const problem = 'problem' in verdict ? verdict.problem : null;
    const status = result.kind === 'response' ? result.status : null;
    return {
      verdict,
      attempt: note(verdict.kind, problem, status, redactAnswer(described, result, hidden)),
    };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return {
      verdict: { kind: 'permanent', problem: 'backend-refused' },
      attempt: note('permanent', error.code, null, null),
    };
  }
}

async function record(
  tx: Tx,
  deps: Pick<Deps, 'config'>,
  rotation: TokenRotation,
  begun: Begun,
  verdict: Verdict | VerifyVerdict,
  attempt: RotationAttempt,
): Promise<void> {
  const again = (inMs: number, failures: number, inDoubt: boolean) =>
    delayRotation(tx, rotation, { inMs, failures, inDoubt }, attempt);
  switch (verdict.kind) {
    case 'success':
    case 'landed':
      return advanceRotation(
        tx,
        rotation,
        nextState(begun),
        { ...rotation.extract, [begun.declared.plan.key]: { ...verdict.extract } },
        attempt,
      );
    case 'absent':
      return again(0, rotation.failures, false);
    case 'rate-limited':
      if (begun.slot) await closePath(tx, begun.slot, verdict.retryAfterMs);
      return again(
        verdict.retryAfterMs ?? begun.slot?.windowMs ?? 60_000,
        rotation.failures,
        begun.part === 'verify',
      );
    case 'permanent':
      return failRotation(tx, rotation, verdict.problem, attempt);
    case 'transient':
    case 'uncertain': {
      const failures = rotation.failures + 1;
      const inMs = retryDelay(
        failures,
        verdict.kind === 'transient' ? verdict.retryAfterMs : 0,
        deps.config.RETRY_SECONDS,
      );
      if (inMs === undefined) return failRotation(tx, rotation, verdict.problem, attempt);
      return again(inMs, failures, verdict.kind === 'uncertain' || begun.part === 'verify');
    }
  }
}

// What the rotation's own calls left, for the templates of one connector.
function extractsOf(rotation: TokenRotation, connector: string): TokenRotation['extract'] {
  return Object.fromEntries(
    Object.entries(rotation.extract)
      .filter(([key]) => key.startsWith(`${connector}.`))
      .map(([key, extract]) => [key.slice(connector.length + 1), extract]),
  );
}

function nextState(begun: Begun): 'verifying' | 'smoking' | 'done' {
  if (begun.last) return 'done';
  return begun.declared.step.state === 'validated' ? 'smoking' : 'verifying';
}
