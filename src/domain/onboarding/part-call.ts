import type { OutboundResult } from '../../contracts/connectors';
import { DomainError } from '../../errors/problems';
import type { ProblemCode } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import type { Outbound } from '../../platform/outbound';
import { reveal } from '../secrets/secrets';
import { closePath, releaseSlot, takeSlot } from './backend-rate';
import { judge, judgeVerify } from './connectors-judging.rules';
import type { Verdict, VerifyVerdict } from './connectors-judging.rules';
import { redactAnswer } from './connectors-redaction.rules';
import { referencesOf } from './connectors-templates.rules';
import type { TemplateContext } from './connectors-templates.rules';
import { callOf, hiddenFor, limitOf, renderRequest } from './connectors.rules';
import type { OnboardingDeps } from './deps';
import type { HeldSlot } from './step-call';
import type { Declared } from './steps';

/** Which request of a step is sent, outside of an onboarding's own line of attempts. */
export interface PartCall {
  readonly declared: Declared;
  readonly part: 'request' | 'verify';
  readonly context: TemplateContext;
  readonly idempotencyKey?: string;
}

/** What an answer means, in the form in which it may be stored. */
export interface PartAnswer {
  readonly verdict: Verdict | VerifyVerdict;
  readonly httpStatus: number | null;
  readonly problem: ProblemCode | null;
  /** Redacted. */
  readonly response: unknown;
}

/** A turn at the backend: with the slot that is held, if the path has a limit; or how long to wait for it. */
export type Turn = { readonly slot: HeldSlot | undefined } | { readonly limitedMs: number };

/** Takes a slot of the path that a part calls, or a place in its line under the caller's name. */
export async function takeTurn(
  tx: Tx,
  { declared, part }: Pick<PartCall, 'declared' | 'part'>,
  caller: string,
): Promise<Turn> {
  const call = callOf(declared.step, part) ?? declared.step;
  const limit = limitOf(declared.connector, call.request);
  if (!limit) return { slot: undefined };
  const answer = await takeSlot(tx, limit, caller, call.timeout_ms);
  if ('dueInMs' in answer) return { limitedMs: answer.dueInMs };
  return { slot: { ...limit, slot: answer.slot } };
}

/**
 * Gives the slot back. A 429 closes the path for everybody; returns for how long, in milliseconds, or undefined when
 * the backend did answer.
 */
export async function endTurn(
  tx: Tx,
  slot: HeldSlot | undefined,
  { verdict }: PartAnswer,
): Promise<number | undefined> {
  if (slot) await releaseSlot(tx, slot, slot.slot);
  if (verdict.kind !== 'rate-limited') return undefined;
  if (slot) await closePath(tx, slot, verdict.retryAfterMs);
  return verdict.retryAfterMs ?? slot?.windowMs ?? 60_000;
}

/** The token that a part shows or is judged by, opened for it; null when it needs none. */
export async function openTokenFor(
  deps: Pick<OnboardingDeps, 'db' | 'ring'>,
  { declared, part }: Pick<PartCall, 'declared' | 'part'>,
  secretId: string | null,
  why: string,
): Promise<string | null> {
  const { step } = declared;
  const needed = referencesOf([callOf(step, part), step.extract]).some(({ text }) =>
    text.startsWith('secret.wb_token'),
  );
  if (!needed || secretId === null) return null;
  return reveal(deps.db, deps.ring, secretId, { who: 'system:workflow', why });
}

/** Sends one part of a step and judges the answer. Changes no row. */
export async function callPart(outbound: Outbound, call: PartCall): Promise<PartAnswer> {
  const { declared, part, context, idempotencyKey } = call;
  const { connector, step } = declared;
  try {
    const request = renderRequest({ connector, step, part, context, idempotencyKey });
    return answerOf(call, await outbound.send(request));
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return {
      verdict: { kind: 'permanent', problem: 'backend-refused' },
      httpStatus: null,
      problem: error.code,
      response: null,
    };
  }
}

function answerOf({ declared, part, context }: PartCall, result: OutboundResult): PartAnswer {
  const { connector, step } = declared;
  const call = callOf(step, part) ?? step;
  const hidden = hiddenFor(connector, context);
  const judging = { context, now: Date.now(), hidden };
  const verdict =
    part === 'verify' && step.verify
      ? judgeVerify(step.verify, result, judging)
      : judge(call, result, judging);
  return {
    verdict,
    httpStatus: result.kind === 'response' ? result.status : null,
    problem: 'problem' in verdict ? verdict.problem : null,
    response: redactAnswer(call, result, hidden),
  };
}
