import type { Tx } from '../../platform/db';
import { queueUp } from './backend-rate';
import { limitOf } from './connectors.rules';
import type { OnboardingDeps } from './deps';
import { readFacts } from './facts';
import { callerName } from './step-call';
import { declaredStep } from './steps';
import { currentStep, missingOf } from './view.rules';

/**
 * Milliseconds until it is worth waking an onboarding that may begin: its first call takes its place in line here, so
 * that a crowd which the backend's rate holds back costs no worker anything before its turn. 0 when the backend has
 * no limit, the call has its turn at once, or something is still missing. Waking earlier does no harm.
 */
export async function waitForTurn(
  tx: Tx,
  deps: Pick<OnboardingDeps, 'connectors'>,
  onboardingId: string,
): Promise<number> {
  if (deps.connectors.limits.length === 0) return 0;
  const facts = await readFacts(tx, onboardingId);
  const row = currentStep(facts);
  const declared = row && declaredStep(deps.connectors, row.key);
  if (!declared || missingOf(facts, declared.plan.needs).length > 0) return 0;
  const limit = limitOf(declared.connector, declared.step.request);
  if (!limit) return 0;
  const caller = callerName({ onboardingId, tenantId: facts.tenantId, key: row.key }, 'do');
  return queueUp(tx, limit, caller);
}
