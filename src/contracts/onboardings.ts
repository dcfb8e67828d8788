import { z } from 'zod';

/** States of an onboarding; `active, revoked, declined, rolled_back, cancelled` are final. */
export const OnboardingState = z.enum([
  'invited',
  'email_confirmed',
  'workspace_registered',
  'token_added',
  'validated',
  'active',
  'failed',
  'expired',
  'revoked',
  'declined',
  'rolled_back',
  'cancelled',
]);
export type OnboardingState = z.output<typeof OnboardingState>;

/** Whether an onboarding provisions its tenant or only adds a member to it. */
export const OnboardingKind = z.enum(['provision', 'member']);
export type OnboardingKind = z.output<typeof OnboardingKind>;

/** Input of the workflow `onboardTenant`: an id and nothing personal. */
export interface OnboardTenantInput {
  readonly inviteId: string;
}

/** Input of the workflow `rotateToken`. */
export interface RotateTokenInput {
  readonly rotationId: string;
}
