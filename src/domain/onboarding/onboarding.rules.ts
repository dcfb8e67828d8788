import type { OnboardingState } from '../../contracts/onboardings';
import type { ProblemCode } from '../../errors/problems';

/** States that nothing leaves any more. */
export const finalStates = ['active', 'revoked', 'declined', 'rolled_back', 'cancelled'] as const;

/** States in which provisioning goes on, in their order. */
export const provisioningStates = [
  'email_confirmed',
  'workspace_registered',
  'token_added',
  'validated',
] as const satisfies readonly OnboardingState[];

/** Tenant statuses in which people may be invited and provisioned. */
export const openTenantStatuses: readonly string[] = ['pending', 'trial', 'active'];

/** Whether a state is final. */
export function isFinal(state: OnboardingState): boolean {
  return (finalStates as readonly string[]).includes(state);
}

/**
 * Milliseconds until a step that failed `failures` times is tried again, or undefined when it parks. The backend's
 * Retry-After can lengthen a wait, never shorten it.
 * @param retrySeconds the wait before the first retry, the second, …: one call and as many retries in all
 */
export function retryDelay(
  failures: number,
  retryAfterMs = 0,
  retrySeconds: readonly number[] = [2, 5, 10, 20, 40],
): number | undefined {
  const seconds = retrySeconds[failures - 1];
  return seconds === undefined ? undefined : Math.max(seconds * 1000, retryAfterMs);
}

/** What the rules need to know of a step: its own state and whether it is behind us. */
export interface StepProgress {
  readonly state: string | undefined;
  readonly behind: boolean;
}

/**
 * The state that a line of steps has reached: that of the last step that names one while it and all before it are
 * done or skipped.
 */
export function reachedState(steps: readonly StepProgress[]): OnboardingState {
  let reached: OnboardingState = 'email_confirmed';
  for (const { state, behind } of steps) {
    if (!behind) break;
    if (state) reached = state as OnboardingState;
  }
  return reached;
}

/** The later one of two provisioning states: a state never moves back. */
export function laterState(a: OnboardingState, b: OnboardingState): OnboardingState {
  const order: readonly string[] = provisioningStates;
  return order.indexOf(b) > order.indexOf(a) ? b : a;
}

/** What the next call of a step is, from what is known of the calls before. */
export function nextCall(step: {
  readonly repeat: 'safe' | 'verify' | 'never';
  /** Nobody knows whether the last call of this generation took effect. */
  readonly inDoubt: boolean;
}): 'do' | 'verify' | { readonly park: ProblemCode } {
  if (!step.inDoubt || step.repeat === 'safe') return 'do';
  if (step.repeat === 'verify') return 'verify';
  return { park: 'outcome-unknown' };
}

/** The kind of the first accept for a tenant that is to be provisioned, and of every other one. */
export function onboardingKind(tenant: {
  readonly status: string;
  readonly hasReadyResources: boolean;
  readonly hasOpenProvisioning: boolean;
  readonly role: string;
}): 'provision' | 'member' {
  const wanting =
    tenant.status === 'pending' || (tenant.status === 'trial' && !tenant.hasReadyResources);
  return wanting && !tenant.hasOpenProvisioning && tenant.role !== 'partner'
    ? 'provision'
    : 'member';
}

// Providers whose domains say nothing of the company of those who write from them.
const mailProviders = new Set(
  [
    'aol.com bk.ru fastmail.com gmail.com gmx.at gmx.ch gmx.de gmx.net googlemail.com hotmail.com hotmail.de',
    'icloud.com inbox.ru list.ru live.com mac.com mail.com mail.ru me.com msn.com outlook.com outlook.de posteo.de',
    'proton.me protonmail.com rambler.ru t-online.de web.de ya.ru yahoo.com yahoo.de yandex.com yandex.ru zoho.com',
  ].flatMap((line) => line.split(' ')),
);

/**
 * What a tenant that nobody described is called: the domain of the invited address, which its people know; for the
 * address of a mail provider the person's name. Undefined without either.
 */
export function madeUpTenantName(email: string, name: string | undefined): string | undefined {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  return mailProviders.has(domain) ? name : domain;
}

/** An e-mail address for people who must recognise but not learn it: `a•••@e•••.com`. */
export function maskEmail(email: string): string {
  const at = email.lastIndexOf('@');
  const domain = email.slice(at + 1);
  const dot = domain.lastIndexOf('.');
  return `${email.slice(0, 1)}•••@${domain.slice(0, 1)}•••${dot < 0 ? '' : domain.slice(dot)}`;
}
