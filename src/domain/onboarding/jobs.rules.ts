import type { OnboardingKind, OnboardingState } from '../../contracts/onboardings';
import type { OrderKind } from '../../contracts/orders';
import type { ProblemCode } from '../../errors/problems';
import { isFinal, provisioningStates } from './onboarding.rules';

/** All orders, in the order in which they are offered. */
export const orderKinds = [
  'retry',
  'fix',
  'skip',
  'rollback',
  'cancel',
] as const satisfies readonly OrderKind[];

/** What decides which orders an onboarding takes. */
export interface OrderFacts {
  readonly state: OnboardingState;
  readonly waitingFor: 'customer' | 'order' | null;
  /** A rollback is under way; what is parked then is a compensation. */
  readonly undoing: boolean;
  readonly kind: OnboardingKind | null;
  readonly acceptedAt: Date | null;
  /** Whether the connector marks the parked step as one that may be left out. */
  readonly failedStepSkippable: boolean;
}

/** Whether an order can be given, and otherwise the problem that it would be answered with. */
export interface OrderPossibility {
  readonly possible: boolean;
  readonly whyNot?: ProblemCode;
}

/** The permission that an order needs. */
export function orderPermission(order: OrderKind): string {
  return `onboardings:${order}`;
}

/**
 * Whether an onboarding takes an order now. Retry, fix and skip answer a parked step; a parked compensation can
 * only be retried. Rollback answers a stop of any kind before activation; cancel is taken from accept to the end.
 */
export function orderPossible(
  facts: OrderFacts,
  order: OrderKind,
  permissions: ReadonlySet<string>,
): OrderPossibility {
  const whyNot = refusal(facts, order, permissions);
  return whyNot === null ? { possible: true } : { possible: false, whyNot };
}

function refusal(
  facts: OrderFacts,
  order: OrderKind,
  permissions: ReadonlySet<string>,
): ProblemCode | null {
  if (!permissions.has(orderPermission(order))) return 'forbidden';
  if (facts.state === 'active') return 'already-active';
  if (isFinal(facts.state) || facts.acceptedAt === null) return 'order-not-possible';
  const parked = facts.state === 'failed' && facts.waitingFor === 'order';
  switch (order) {
    case 'retry':
      return parked ? null : 'order-not-possible';
    case 'fix':
      return parked && !facts.undoing ? null : 'order-not-possible';
    case 'skip':
      if (!parked || facts.undoing) return 'order-not-possible';
      return facts.failedStepSkippable ? null : 'step-not-skippable';
    case 'rollback':
      return facts.waitingFor !== null && !facts.undoing ? null : 'order-not-possible';
    case 'cancel':
      return null;
  }
}

/** The five steps that a customer sees, in order. */
export const plainSteps = ['accepted', 'workspace', 'token', 'checking', 'ready'] as const;

/** One of the five steps that a customer sees. */
export type PlainStep = (typeof plainSteps)[number];

/** How a step stands, for customers and operators alike. */
export type ShownStatus =
  'done' | 'current' | 'waiting' | 'parked' | 'pending' | 'skipped' | 'undone';

/** The plain labels in English; the customer pages have them in every language. */
export const plainLabels: Readonly<Record<PlainStep, string>> = {
  accepted: 'Invite accepted',
  workspace: 'Workspace set up',
  token: 'Marketplace token stored',
  checking: 'Connection checked',
  ready: 'Ready to use',
};

/** What the five steps are derived from. */
export interface Progress {
  readonly state: OnboardingState;
  /** The state that a failed, cancelled or rolled back onboarding had reached. */
  readonly stoodAt: OnboardingState | null;
  readonly waitingFor: 'customer' | 'order' | null;
  readonly kind: OnboardingKind | null;
  readonly acceptedAt: Date | null;
  /** Every step of every connector is done or skipped. */
  readonly allStepsBehind: boolean;
}

function plainDone(progress: Progress): number {
  if (progress.state === 'active') return plainSteps.length;
  if (progress.acceptedAt === null) return 0;
  if (progress.kind === 'member') return plainSteps.length - 1;
  const order: readonly string[] = provisioningStates;
  const rank = Math.max(order.indexOf(progress.state), order.indexOf(progress.stoodAt ?? ''), 0);
  // The connection is checked once every connector is through, not only the first one's validation.
  const checked = rank === order.length - 1 && !progress.allStepsBehind ? rank - 1 : rank;
  return checked + 1;
}

/** The five plain steps of an onboarding; at most one of them is current, waiting or parked. */
export function plainProgress(progress: Progress): Readonly<Record<PlainStep, ShownStatus>> {
  const done = plainDone(progress);
  const ended = isFinal(progress.state) || progress.state === 'expired';
  const rolledBack = progress.state === 'rolled_back';
  const statusAt = (index: number): ShownStatus => {
    if (index < done) return rolledBack && index > 0 ? 'undone' : 'done';
    if (index > done || ended) return 'pending';
    if (progress.acceptedAt === null) return 'waiting';
    return stopStatus(progress);
  };
  const entries = plainSteps.map((step, index) => [step, statusAt(index)] as const);
  return Object.fromEntries(entries) as Record<PlainStep, ShownStatus>;
}

function stopStatus(stop: Pick<Progress, 'state' | 'waitingFor'>): ShownStatus {
  if (stop.state === 'failed') return 'parked';
  return stop.waitingFor === 'customer' ? 'waiting' : 'current';
}

/** A step as its row says it stands. */
export interface StepRow {
  readonly key: string;
  readonly status: 'pending' | 'parked' | 'done' | 'skipped' | 'undone' | 'left';
}

/** The step an onboarding is at: the parked one, else the first that is not behind it; null when none is left. */
export function currentStep(
  onboarding: Pick<Progress, 'state' | 'acceptedAt'> & { readonly failedStep: string | null },
  steps: readonly StepRow[],
): string | null {
  if (onboarding.acceptedAt === null || isFinal(onboarding.state)) return null;
  if (onboarding.state === 'failed') return onboarding.failedStep;
  return steps.find(({ status }) => status === 'pending' || status === 'parked')?.key ?? null;
}

/** How operators see one step of a connector. */
export function shownStatus(
  step: StepRow,
  onboarding: Pick<Progress, 'state' | 'waitingFor'>,
  current: string | null,
): ShownStatus {
  if (step.key === current) return stopStatus(onboarding);
  switch (step.status) {
    case 'done':
    case 'skipped':
    case 'undone':
      return step.status;
    case 'left':
      return 'done';
    case 'parked':
      return 'parked';
    case 'pending':
      return 'pending';
  }
}
