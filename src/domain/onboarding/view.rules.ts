import type { OnboardingState } from '../../contracts/onboardings';
import type { Step } from '../../contracts/connectors';
import { isFinal, provisioningStates, reachedState } from './onboarding.rules';

/** A step of an onboarding as its row says, with what its connector declares. */
export interface StepRow {
  readonly key: string;
  readonly connector: string;
  readonly step: string;
  readonly status: 'pending' | 'parked' | 'done' | 'skipped' | 'undone' | 'left';
  readonly generation: number;
  readonly failures: number;
  readonly series: number;
  readonly inDoubt: boolean;
  readonly begun: boolean;
  /** An attempt row has no end yet: a call is under way, or its sender was lost. */
  readonly open: boolean;
  /** Milliseconds until it may be tried again; 0 when now. */
  readonly retryInMs: number;
  readonly limitedMs: number | null;
  readonly extract: Readonly<Record<string, string | number | boolean>>;
  readonly undoGeneration: number;
  readonly undoFailures: number;
}

/** Everything that decides what happens next to an onboarding. */
export interface OnboardingFacts {
  readonly id: string;
  readonly inviteId: string;
  readonly tenantId: string;
  readonly tenantSlug: string;
  readonly tenantName: string;
  readonly tenantStatus: string;
  readonly userId: string | null;
  readonly kind: 'provision' | 'member' | null;
  readonly state: OnboardingState;
  readonly stoodAt: OnboardingState | null;
  readonly blueprint: string;
  readonly number: number;
  readonly waitingFor: 'customer' | 'order' | null;
  readonly waitingMs: number;
  readonly remindersSent: number;
  readonly undoing: boolean;
  readonly failedStep: string | null;
  readonly requestId: string | null;
  readonly steps: readonly StepRow[];
  readonly spreadsheetId: string | null;
  readonly ownerEmail: string | null;
  readonly wbTokenSecretId: string | null;
  readonly wbTokenFingerprint: Buffer | null;
  readonly queuedOrderId: string | null;
  /** Milliseconds until the next open mail is ripe; negative when it is, null when there is none. */
  readonly mailInMs: number | null;
  readonly invite: {
    readonly email: string;
    readonly locale: string;
    readonly held: boolean;
    readonly expiresInMs: number;
    readonly lifetimeMs: number;
    readonly reminded: boolean;
  };
}

/** The step that an onboarding is at, and whether it may run at once. */
export interface StepAhead {
  readonly key: string;
  readonly connector: string;
  readonly ready: boolean;
}

/** What the workflow sees of an onboarding: ids, states and durations only. */
export interface OnboardingView {
  readonly onboardingId: string;
  readonly state: OnboardingState;
  /** The next step to be done, or waited for. */
  readonly next: StepAhead | null;
  /** The next step to be undone, while the onboarding is rolled back. */
  readonly undo: StepAhead | null;
  readonly readyToActivate: boolean;
  readonly mailDue: boolean;
  /** Nothing is left to do or to wait for: final, and every mail is out. */
  readonly settled: boolean;
  /** Milliseconds after which it is worth another look; at most a day. */
  readonly waitMs: number;
}

/** When reminders are due, in hours. */
export interface Reminders {
  readonly inviteHours: number;
  readonly customerHours: readonly number[];
}

const day = 24 * 3_600_000;

/** Whether a step is behind us. */
export function isBehind(step: Pick<StepRow, 'status'>): boolean {
  return step.status === 'done' || step.status === 'skipped';
}

/** Whether the onboarding is on its way from accept to activation. */
export function isProvisioning(state: OnboardingState): boolean {
  return (provisioningStates as readonly string[]).includes(state);
}

/** The step that an onboarding is at: the first that is not behind. */
export function currentStep(facts: Pick<OnboardingFacts, 'steps'>): StepRow | undefined {
  return facts.steps.find((step) => !isBehind(step));
}

/** The step that is undone next: last in, first out, of all that were begun. */
export function stepToUndo(facts: Pick<OnboardingFacts, 'steps' | 'undoing'>): StepRow | undefined {
  if (!facts.undoing) return undefined;
  return facts.steps.findLast(
    (step) => step.begun && !['undone', 'left', 'skipped'].includes(step.status),
  );
}

/** The inputs that a step's declaration needs and nobody has handed over. */
export function missingOf(
  facts: Pick<OnboardingFacts, 'spreadsheetId' | 'wbTokenSecretId'>,
  needs: readonly string[],
): string[] {
  const given: Record<string, boolean> = {
    spreadsheet_id: facts.spreadsheetId !== null,
    wb_token: facts.wbTokenSecretId !== null,
  };
  return needs.filter((need) => given[need] === false);
}

/** Milliseconds until the invite's one reminder is due; undefined when there is none (any more). */
export function inviteReminderInMs(
  facts: OnboardingFacts,
  reminders: Reminders,
): number | undefined {
  const before = reminders.inviteHours * 3_600_000;
  const { invite } = facts;
  // An invite that lives no longer than the reminder's lead would be reminded the moment it is sent.
  if (invite.held || invite.reminded || invite.lifetimeMs <= before) return undefined;
  return invite.expiresInMs - before;
}

/** Milliseconds until the customer is reminded of what is missing; undefined when no reminder is left. */
export function customerReminderInMs(
  facts: OnboardingFacts,
  reminders: Reminders,
): number | undefined {
  if (facts.waitingFor !== 'customer') return undefined;
  const hours = reminders.customerHours[facts.remindersSent];
  return hours === undefined ? undefined : hours * 3_600_000 - facts.waitingMs;
}

/** What the workflow does next, derived from the rows alone. */
export function viewOf(facts: OnboardingFacts, reminders: Reminders): OnboardingView {
  const provisioning = isProvisioning(facts.state);
  const halted = facts.waitingFor !== null || facts.queuedOrderId !== null;
  const undo = stepToUndo(facts);
  const current = facts.kind === 'provision' && !facts.undoing ? currentStep(facts) : undefined;
  const active = provisioning || facts.state === 'failed';
  const ahead = (step: StepRow): StepAhead => ({
    key: step.key,
    connector: step.connector,
    ready: !halted && step.retryInMs <= 0,
  });
  const next = active && current ? ahead(current) : null;
  const readyToActivate =
    provisioning && !facts.undoing && !halted && facts.kind !== null && current === undefined;
  const mailDue = facts.mailInMs !== null && facts.mailInMs <= 0;
  const ended = isFinal(facts.state) || facts.state === 'expired';
  const waits = [
    day,
    facts.mailInMs,
    facts.queuedOrderId === null ? undefined : 0,
    facts.state === 'invited' && !facts.invite.held ? facts.invite.expiresInMs : undefined,
    facts.state === 'invited' ? inviteReminderInMs(facts, reminders) : undefined,
    active ? customerReminderInMs(facts, reminders) : undefined,
    active && !halted ? (undo ?? current)?.retryInMs : undefined,
    // Everything is undone: the next look ends the rollback.
    active && facts.undoing && !halted && !undo ? 0 : undefined,
  ].filter((ms) => ms !== undefined && ms !== null);
  return {
    onboardingId: facts.id,
    state: facts.state,
    next,
    undo: active && undo ? ahead(undo) : null,
    readyToActivate,
    mailDue,
    settled: ended && facts.mailInMs === null,
    waitMs: Math.max(0, Math.ceil(Math.min(...waits))),
  };
}

/** The state that the steps have reached, given what their connectors declare. */
export function stateOfSteps(
  steps: readonly StepRow[],
  declared: (key: string) => Pick<Step, 'state'> | undefined,
): OnboardingState {
  const first = steps[0]?.connector;
  return reachedState(
    steps.map((step) => ({
      state: step.connector === first ? declared(step.key)?.state : undefined,
      behind: isBehind(step),
    })),
  );
}
