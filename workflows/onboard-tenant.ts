import { CancellationScope } from '@temporalio/workflow';
import type { OnboardTenantInput, OnboardingState } from '../src/contracts/onboardings';
import type { OnboardingView, StepAhead } from '../src/domain/onboarding/view.rules';
import { backend, database, mail } from './activities';
import { onWakeUp } from './lib/wake-up';

/**
 * Carries one tenant from invited to active. Id `onboarding/<inviteId>`; the rows decide, so a run resumes from them
 * at any point, and lost, doubled or late wake-ups do no harm.
 */
export async function onboardTenant({ inviteId }: OnboardTenantInput): Promise<OnboardingState> {
  const wakeUp = onWakeUp();
  const look = () => database.openOnboarding({ inviteId });

  /** Sends what mail is due, else waits for a wake-up or for what the rows say comes next. */
  const patience = async (onboarding: OnboardingView): Promise<OnboardingView> => {
    if (onboarding.mailDue) return mail.deliverDue({ inviteId });
    await wakeUp.orAfter(onboarding.waitMs);
    return look();
  };

  /** One call of the step. It commits its attempt before it calls; an order may call off the wait for its turn. */
  const attempt = ({ connector, key }: StepAhead, onboardingId: string): Promise<OnboardingView> =>
    wakeUp.mayCallOff(() => backend(connector).runStep({ onboardingId, key }), {
      isCalledOff: () => database.isCalledOff({ inviteId }),
      otherwise: look,
    });

  const undo = ({ connector, key }: StepAhead, onboardingId: string): Promise<OnboardingView> =>
    CancellationScope.nonCancellable(() => backend(connector).undoStep({ onboardingId, key }));

  let onboarding = await look();
  // A wake-up that came in meanwhile may have opened it again, so that it is looked at once more before the end.
  while (!onboarding.settled || wakeUp.isPending()) {
    const { next, undo: last, readyToActivate, onboardingId } = onboarding;
    if (next?.ready) onboarding = await attempt(next, onboardingId);
    else if (last?.ready) onboarding = await undo(last, onboardingId);
    else if (readyToActivate) onboarding = await database.activateTenant({ inviteId });
    else onboarding = await patience(onboarding);
  }
  return onboarding.state;
}
