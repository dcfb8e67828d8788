import type { Wake } from '../../platform/outbox';

/** The wake-up of the workflow that drives an invite's onboarding. */
export function wakeOnboarding(inviteId: string): Wake {
  return {
    workflowType: 'onboardTenant',
    workflowId: `onboarding/${inviteId}`,
    input: { inviteId },
  };
}

/** The wake-up of the workflow that drives a token rotation. */
export function wakeRotation(rotationId: string): Wake {
  return {
    workflowType: 'rotateToken',
    workflowId: `token-rotation/${rotationId}`,
    input: { rotationId },
  };
}
