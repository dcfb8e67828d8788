import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { OnboardTenantInput, OnboardingState } from '../src/contracts/onboarding';
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
  const attempt = async (
    { connector, key }: StepAhead,
    onboardingId: string,
  ): Promise<OnboardingView> => {
    try {
      return await wakeUp.mayCallOff(
        () => backend(connector).runStep({ onboardingId, key }),
        () => database.isCalledOff({ inviteId }),
      );
    } catch (error) {
      if (!isCancellation(error) || CancellationScope.current().consideredCancelled) throw error;
      return look();
    }
  };

  const undo = ({ connector, key }: StepAhead, onboardingId: string): Promise<OnboardingView> =>
    CancellationScope.nonCancellable(() => backend(connector).undoStep({ onboardingId, key }));

  let onboarding = await look();
  while (onboarding.state === 'invited') onboarding = await patience(onboarding);
  while (onboarding.next ?? onboarding.undo ?? onboarding.readyToActivate) {
    if (onboarding.next?.ready)
      onboarding = await attempt(onboarding.next, onboarding.onboardingId);
    else if (onboarding.undo?.ready)
      onboarding = await undo(onboarding.undo, onboarding.onboardingId);
    else if (onboarding.readyToActivate) onboarding = await database.activateTenant({ inviteId });
    else onboarding = await patience(onboarding);
  }
  while (!onboarding.settled) onboarding = await patience(onboarding);
  return onboarding.state;
}
