import { problems } from '../../errors/problems';
import type { ProblemCode } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { noteSubject, noteWork } from '../../platform/request-context';
import * as audit from '../audit/audit-entries';
import { enqueueMail } from '../mails/mails';
import { emitEvent } from '../tenants/events';
import type { OnboardingDeps } from './deps';
import { leaveLines } from './backend-rate';
import { move } from './onboardings';
import { provisioningStates } from './onboarding.rules';
import type { OnboardingFacts } from './view.rules';

/** Why an onboarding stops and waits for a person. */
export interface Parking {
  /** Key of the step, or `activation`. */
  readonly step: string;
  readonly problem: ProblemCode;
}

/**
 * Parks an onboarding: state `failed` with what failed and where it stood, a number that an order can answer, an
 * audit entry, and a mail to the operators.
 */
export async function park(
  tx: Tx,
  deps: Pick<OnboardingDeps, 'ring' | 'config' | 'metrics'>,
  facts: OnboardingFacts,
  parking: Parking,
): Promise<void> {
  const number = facts.number + 1;
  await move(tx, {
    onboardingId: facts.id,
    from: [...provisioningStates, 'failed'],
    to: 'failed',
    transitionId: `${parking.step}:parked:${String(number)}`,
    type: 'parked',
    actor: 'system:workflow',
    data: { step: parking.step, problem: parking.problem, number, undoing: facts.undoing },
    set: {
      sql: `stood_at = case when onboardings.state = 'failed' then stood_at else onboardings.state end,
        failed_step = $9, problem = $10, parked_at = now(), waiting_for = 'order', waiting_since = now(),
        number = number + 1`,
      params: [parking.step, parking.problem],
    },
  });
  await leaveLines(tx, facts.id);
  noteSubject({ tenantId: facts.tenantId, onboardingId: facts.id });
  noteWork({ step: parking.step, problem: parking.problem, number });
  await audit.append(tx, {
    action: 'onboarding.parked',
    crud: 'u',
    outcome: 'failure',
    actorId: 'system:workflow',
    tenantId: facts.tenantId,
    targets: [{ type: 'onboarding', id: facts.id }],
    metadata: { step: parking.step, problem: parking.problem, number },
    component: 'worker',
  });
  await emitEvent(tx, {
    type: 'onboarding.parked.v1',
    tenantId: facts.tenantId,
    data: { onboarding_id: facts.id, step: parking.step, problem: parking.problem },
  });
  await tellOperators(tx, deps, facts, parking);
  tx.afterCommit(() => {
    deps.metrics.failures.inc({ reason: parking.problem });
    deps.metrics.steps.inc({ step: parking.step, status: 'parked' });
  });
}

// A backend that is down parks many at once: one mail per step and problem in ten minutes tells it.
async function tellOperators(
  tx: Tx,
  deps: Pick<OnboardingDeps, 'ring' | 'config'>,
  facts: OnboardingFacts,
  { step, problem }: Parking,
): Promise<void> {
  const told = await tx.maybe(
    `select 1 from mails where kind = 'operator-parked' and created_at > now() - interval '10 minutes'
       and data->>'step' = $1 and data->>'problem' = $2 limit 1`,
    [step, problem],
  );
  if (told) return;
  for (const address of deps.config.OPERATORS_MAIL) {
    await enqueueMail(tx, deps.ring, {
      kind: 'operator-parked',
      owner: 'relay',
      tenantId: facts.tenantId,
      inviteId: facts.inviteId,
      onboardingId: facts.id,
      toEmail: address,
      locale: 'en',
      data: {
        step,
        problem,
        problem_title: problems[problem].title,
        problem_next: problems[problem].next,
        tenant_name: facts.tenantName,
        tenant_slug: facts.tenantSlug,
        job_id: facts.id,
        parked_at: new Date().toISOString(),
      },
    });
  }
}
