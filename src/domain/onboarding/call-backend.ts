import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import type { Outbound } from '../../platform/outbound';
import { reveal } from '../secrets/secrets';
import { renderRequest } from './connectors.rules';
import type { OnboardingDeps } from './deps';
import { remindersOf } from './drive';
import { readFacts } from './facts';
import { contextOf, judgeCall, unrenderable } from './step-answer';
import type { JudgedCall } from './step-answer';
import { beginStep } from './step-call';
import type { Begun, BegunCall } from './step-call';
import { finishStep } from './step-outcome';
import type { Finished } from './step-outcome';
import { beginUndoOf, finishUndo } from './undo-call';
import { showsToken } from './steps';
import { viewOf } from './view.rules';
import type { OnboardingView } from './view.rules';
import type { TemplateContext } from './connectors-templates.rules';

/** A step ran as far as it could: what is next, or how long the backend's rate makes it wait. */
export type StepRun = { readonly view: OnboardingView } | { readonly waitMs: number };

type Deps = OnboardingDeps & { readonly outbound: Outbound };

/**
 * Makes the next call of a step: the attempt row is committed, then the request goes out, then its outcome is
 * committed with what follows from it. Returns what is next for the onboarding.
 */
export function runStep(deps: Deps, onboardingId: string, key: string): Promise<StepRun> {
  return run(deps, onboardingId, {
    begin: (tx) => beginStep(tx, deps, onboardingId, key),
    finish: (tx, begun, judged, context) => finishStep(tx, deps, begun, judged, context),
  });
}

/** Makes the next call of a compensation, in the same way. */
export function undoStep(deps: Deps, onboardingId: string, key: string): Promise<StepRun> {
  return run(deps, onboardingId, {
    begin: (tx) => beginUndoOf(tx, deps, onboardingId, key),
    finish: (tx, begun, judged) => finishUndo(tx, deps, begun, judged),
  });
}

interface Course {
  begin(tx: Tx): Promise<Begun>;
  finish(tx: Tx, begun: BegunCall, judged: JudgedCall, context: TemplateContext): Promise<Finished>;
}

async function run(deps: Deps, onboardingId: string, course: Course): Promise<StepRun> {
  const look = async (tx: Tx): Promise<StepRun> => ({
    view: viewOf(await readFacts(tx, onboardingId), remindersOf(deps)),
  });
  const begun = await withSystem(deps.db, 'activity', async (tx) => {
    const beginning = await course.begin(tx);
    return beginning.kind === 'look' ? { ...beginning, run: await look(tx) } : beginning;
  });
  if (begun.kind === 'look') return begun.run;
  if (begun.kind === 'wait') return { waitMs: begun.ms };
  const { context, judged } = await call(deps, begun);
  return withSystem(deps.db, 'activity', async (tx) => {
    const finished = await course.finish(tx, begun, judged, context);
    if (!finished) return look(tx);
    return 'facts' in finished ? { view: viewOf(finished.facts, remindersOf(deps)) } : finished;
  });
}

// Opened only for a call that shows it: each opening leaves an entry in the access log.
async function openToken(deps: Deps, begun: BegunCall): Promise<string | null> {
  const secretId = begun.facts.wbTokenSecretId;
  if (secretId === null || !showsToken(begun.declared, begun.part)) return null;
  return reveal(deps.db, deps.ring, secretId, {
    who: 'system:workflow',
    why: `${begun.row.key} ${begun.attempt.phase}`,
  });
}

async function call(
  deps: Deps,
  begun: BegunCall,
): Promise<{ context: TemplateContext; judged: JudgedCall }> {
  const { declared, part, row, facts } = begun;
  const generation = begun.attempt.phase === 'undo' ? row.undoGeneration : row.generation;
  let context = contextOf(facts, declared.connector.name, null);
  try {
    context = { ...context, secret: { wb_token: await openToken(deps, begun) } };
    const request = renderRequest({
      connector: declared.connector,
      step: declared.step,
      part,
      context,
      idempotencyKey: `${facts.id}:${row.key}:${String(generation)}`,
    });
    const result = await deps.outbound.send(request);
    return { context, judged: judgeCall(begun, request, result, context, Date.now()) };
  } catch (error) {
    // A value is missing, or the sealed one was erased: nothing was sent.
    if (error instanceof DomainError) return { context, judged: unrenderable(error) };
    throw error;
  }
}
