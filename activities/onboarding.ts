import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { withSystem } from '../src/platform/db';
import { deliverNextMailOf } from '../src/domain/mails/mails';
import type { MailSender } from '../src/domain/mails/mails';
import { runStep, undoStep } from '../src/domain/onboarding/call-backend';
import type { StepRun } from '../src/domain/onboarding/call-backend';
import { runRotation, viewRotation } from '../src/domain/onboarding/call-rotation';
import type { RotationView } from '../src/domain/onboarding/call-rotation';
import type { OnboardingDeps } from '../src/domain/onboarding/deps';
import { activateOnboarding, openOnboarding, remindersOf } from '../src/domain/onboarding/drive';
import { lockFactsOfInvite } from '../src/domain/onboarding/facts';
import { hasQueuedOrder } from '../src/domain/onboarding/orders';
import { viewOf } from '../src/domain/onboarding/view.rules';
import type { OnboardingView } from '../src/domain/onboarding/view.rules';
import type { Outbound } from '../src/platform/outbound';
import { beating } from './heartbeat';
import { reportedApart } from './work-log';

/** Names an onboarding by its invite. */
export interface InviteId {
  readonly inviteId: string;
}

/** Names a step of an onboarding. */
export interface StepOf {
  readonly onboardingId: string;
  readonly key: string;
}

/** Names a token rotation. */
export interface RotationId {
  readonly rotationId: string;
}

/** The side effects of `onboardTenant`, one each and idempotent. */
export function createOnboardingActivities(
  deps: OnboardingDeps & { readonly outbound: Outbound; readonly mailSender: MailSender },
) {
  return {
    /** Looks at the rows again and says what is next. */
    openOnboarding: ({ inviteId }: InviteId) => openOnboarding(deps, inviteId),

    /** Whether an order waits, so that a call that is not running yet need not be made. Changes nothing. */
    isCalledOff: ({ inviteId }: InviteId): Promise<boolean> =>
      withSystem(deps.db, 'activity', (tx) => hasQueuedOrder(tx, inviteId)),

    /** Makes tenant and onboarding active. */
    activateTenant: ({ inviteId }: InviteId) => activateOnboarding(deps, { inviteId }),

    /** Sends the oldest mail of an invite that is due; a further one is due still. */
    deliverDue: ({ inviteId }: InviteId): Promise<OnboardingView> =>
      beating(() =>
        deliverNextMailOf(deps.mailSender, inviteId, async (tx) =>
          viewOf(await lockFactsOfInvite(tx, inviteId), remindersOf(deps)),
        ),
      ),

    /** Makes the next call of a step. Behind the last one it activates as well, which saves the workflow a turn. */
    runStep: ({ onboardingId, key }: StepOf): Promise<OnboardingView> =>
      beating(async () => {
        const next = unlessLimited(await runStep(deps, onboardingId, key));
        if (!next.readyToActivate) return next;
        return reportedApart(deps.log, () => activateOnboarding(deps, { onboardingId }));
      }),

    /** Makes the next call of a compensation. */
    undoStep: ({ onboardingId, key }: StepOf): Promise<OnboardingView> =>
      beating(async () => unlessLimited(await undoStep(deps, onboardingId, key))),

    /** Looks at a token rotation and says what is next. */
    openRotation: ({ rotationId }: RotationId) => viewRotation(deps, rotationId),

    /** Makes the next call of a token rotation. */
    runRotation: ({ rotationId }: RotationId): Promise<RotationView> =>
      beating(async () => {
        const run = await runRotation(deps, rotationId);
        if ('limitedMs' in run) throw limited(run.limitedMs);
        return run;
      }),
  };
}

// A wait for the backend's rate is no attempt: Temporal calls again when the place in line is due, and no worker
// slot is held meanwhile.
function unlessLimited(run: StepRun): OnboardingView {
  if ('view' in run) return run.view;
  throw limited(run.waitMs);
}

function limited(ms: number): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'backend-rate-limited',
    message: 'Waits for its place in the line of the backend',
    nextRetryDelay: Math.max(1, Math.round(ms)),
    category: ApplicationFailureCategory.BENIGN,
  });
}
