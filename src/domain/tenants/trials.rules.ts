import { trialWarningInMs } from './lifecycle.rules';

/** Everything that decides what happens next to the trial of a product; times in milliseconds from now. */
export interface TrialFacts {
  readonly ended: boolean;
  /** Of its entitlement, as the row has it. */
  readonly status: 'trial' | 'active' | 'expired';
  readonly endsInMs: number | null;
  readonly lastsMs: number | null;
  readonly warned: boolean;
}

/** What is due for a trial: its end, the warning before it, or nothing yet. */
export type TrialDue = 'end' | 'warn' | 'nothing';

/** What is due now. A trial that became something else is over without anybody's doing. */
export function trialDue(facts: TrialFacts): TrialDue {
  if (facts.ended) return 'nothing';
  if (facts.status !== 'trial' || (facts.endsInMs ?? 0) <= 0) return 'end';
  const warning = trialWarningInMs(facts);
  return warning !== undefined && warning <= 0 ? 'warn' : 'nothing';
}

/** What the workflow sees of a trial. */
export interface TrialView {
  readonly settled: boolean;
  /** Milliseconds after which it is worth another look; at most a day. */
  readonly waitMs: number;
}

const day = 24 * 3_600_000;

/** What the workflow does next, derived from the rows alone. */
export function trialView(facts: TrialFacts): TrialView {
  const waits = [day, facts.endsInMs, trialWarningInMs(facts)].filter(
    (ms) => ms !== undefined && ms !== null,
  );
  return { settled: facts.ended, waitMs: Math.max(0, Math.ceil(Math.min(...waits))) };
}

/**
 * Whether an end extends a trial, which an operator may do once: a later one than it runs to does, and any end does
 * once it is over (`runsUntil` is null), whatever ended it, since the end that it had is not kept.
 */
export function extendsTrial(runsUntil: Date | null, end: Date): boolean {
  return runsUntil === null || end.getTime() > runsUntil.getTime();
}
