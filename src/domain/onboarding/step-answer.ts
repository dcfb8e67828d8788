import type { OutboundResult } from '../../contracts/connectors';
import type { DomainError } from '../../errors/problems';
import { judge, judgeVerify } from './connectors-judging.rules';
import type { VerifyVerdict, Verdict } from './connectors-judging.rules';
import { redactAnswer } from './connectors-redaction.rules';
import type { Hidden } from './connectors-redaction.rules';
import type { TemplateContext } from './connectors-templates.rules';
import { callOf, hiddenFor } from './connectors.rules';
import type { RenderedRequest } from './connectors.rules';
import type { BegunCall } from './step-call';
import type { AttemptEnd } from './steps';
import type { OnboardingFacts } from './view.rules';

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
