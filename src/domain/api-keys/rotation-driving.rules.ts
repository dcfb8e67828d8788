import {
  earliest,
  enforcedEnd,
  hasPassed,
  isOver,
  isUnsafe,
  later,
  rollbackUntil,
  stateNow,
} from './rotation.rules';
import type { RotationFacts } from './rotation.rules';

const hour = 3_600_000;
const day = 24 * hour;

/** Whether somebody still depends on the old key: used within a day, and since the new one has been in use. */
export function isOldInUse(facts: RotationFacts, now: Date): boolean {
  const used = facts.old.lastUsedAt;
  const since = facts.firstUsedAt ?? facts.startedAt;
  return used !== null && since !== null && used > since && used > later(now, -day);
}

/** Reminders by name: how long before the old key's end each is due. */
export const reminders = { 'T-7d': 7 * day, 'T-1d': day, 'T-1h': hour } as const;

/** The name of a reminder before the end. */
export type ReminderName = keyof typeof reminders;

/** A mail that is due: before the end, because the new key was never used, or because a request waits. */
export type Reminder = ReminderName | 'never-used' | 'still-requested';

/** Milliseconds after the start, at most, without a use of the new key until its owner is told. */
export const unusedPatience = 3 * day;

/** Milliseconds before the old key's end at which the policy decides. */
export const decisionLead = hour;

/** What the driver of a rotation does next. */
export type RotationDeed =
  /** Nothing until the time is over or a wake-up comes. */
  | 'wait'
  /** Tell the owners. */
  | 'remind'
  /** Let the policy decide whether the old key gets more time. */
  | 'decide'
  /** Write down that the new key is in use: from now on both are good for the overlap. */
  | 'overlap'
  /** End the old key early: it is idle and the new one is used. */
  | 'finish'
  /** Write down that the old key has ended. */
  | 'drain'
  /** Write down that nothing can be taken back any more. */
  | 'complete'
  /** Give a request up whose key is gone. */
  | 'cancel';

/** What comes next, and for how many milliseconds nothing does. */
export interface RotationNext {
  readonly deed: RotationDeed;
  readonly reminder: Reminder | null;
  readonly waitMs: number;
  /** Nothing more will happen by itself. */
  readonly settled: boolean;
}

const doing = (deed: RotationDeed, reminder: Reminder | null = null): RotationNext => ({
  deed,
  reminder,
  waitMs: 0,
  settled: false,
});

/** Waits until the earliest of some times, at least a millisecond and at most a day. */
function waiting(now: Date, ...until: readonly (Date | null)[]): RotationNext {
  const next = earliest(...until);
  const ms = next ? next.getTime() - now.getTime() : day;
  return { deed: 'wait', reminder: null, waitMs: Math.min(day, Math.max(1, ms)), settled: false };
}

const settled: RotationNext = { deed: 'wait', reminder: null, waitMs: day, settled: true };

/**
 * What a rotation needs now. Pure: the same rows at the same time always say the same, so that a driver may look as
 * often as it likes, die and be replaced.
 */
export function nextOf(facts: RotationFacts, now: Date): RotationNext {
  const unusedAt = dueOnce(facts, 'never-used', neverUsedAt(facts));
  const unusedDue = hasPassed(unusedAt, now);
  if (isOver(facts.state)) {
    if (facts.state !== 'compromised' || unusedAt === null) return settled;
    return unusedDue ? doing('remind', 'never-used') : waiting(now, unusedAt);
  }
  if (facts.state === 'requested') return nextOfRequest(facts, now);
  const truth = stateNow(facts, now);
  if (truth === 'completed') return doing('complete');
  if (truth === 'draining') {
    if (facts.state !== 'draining') return doing('drain');
    return unusedDue
      ? doing('remind', 'never-used')
      : waiting(now, rollbackUntil(facts), facts.old.expiresAt, unusedAt);
  }
  if (truth === 'overlapping' && facts.state === 'pending') return doing('overlap');
  const finishAt = earlyFinishAt(facts);
  if (hasPassed(finishAt, now)) return doing('finish');
  const decideAt = decisionAt(facts);
  if (hasPassed(decideAt, now)) return doing('decide');
  if (unusedDue) return doing('remind', 'never-used');
  const upcoming = reminderTimes(facts);
  const due = upcoming.filter(({ at }) => at <= now).at(-1);
  if (due) return doing('remind', due.name);
  const nextReminder = upcoming[0]?.at ?? null;
  return waiting(now, enforcedEnd(facts), finishAt, decideAt, unusedAt, nextReminder);
}

function nextOfRequest(facts: RotationFacts, now: Date): RotationNext {
  const { old, reason } = facts;
  // After a leak the successor is wanted the more; but it inherits the key's own expiry.
  const isLeak = reason === 'leaked';
  const end = isLeak ? old.expiresAt : enforcedEnd(facts);
  if (hasPassed(end, now) || (!isLeak && old.revokedAt !== null)) return doing('cancel');
  const remindAt = dueOnce(facts, 'still-requested', later(facts.createdAt, 7 * day));
  if (hasPassed(remindAt, now)) return doing('remind', 'still-requested');
  return waiting(now, end, remindAt);
}

/** A time at which something is due that happens once in a rotation; null when it has happened. */
function dueOnce(facts: RotationFacts, name: string, at: Date | null): Date | null {
  return facts.told[name] === undefined ? at : null;
}

// Half of the way to the end at the latest; at once when the old key is dead already, since then nothing works.
function neverUsedAt(facts: RotationFacts): Date | null {
  const { startedAt, firstUsedAt, successor, state } = facts;
  if (!startedAt || firstUsedAt || !successor || successor.revokedAt) return null;
  if (state === 'compromised') return later(startedAt, hour);
  const end = enforcedEnd(facts);
  if (!end) return later(startedAt, unusedPatience);
  const half = (end.getTime() - startedAt.getTime()) / 2;
  return later(startedAt, Math.min(unusedPatience, Math.max(0, half)));
}

function earlyFinishAt(facts: RotationFacts): Date | null {
  const { firstUsedAt, quietMs, old } = facts;
  if (firstUsedAt === null || quietMs === null) return null;
  const idleSince = old.lastUsedAt && old.lastUsedAt > firstUsedAt ? old.lastUsedAt : firstUsedAt;
  return later(idleSince, quietMs);
}

// The first use of the new key fixes the end anew.
function fixedAt({ endFixedAt, firstUsedAt }: RotationFacts): Date | null {
  return firstUsedAt && endFixedAt && firstUsedAt > endFixedAt ? firstUsedAt : endFixedAt;
}

/**
 * When the policy decides about the present end: an hour before it, or half-way where it was fixed less than two
 * hours before; null when there is nothing to decide.
 */
export function decisionAt(facts: RotationFacts): Date | null {
  const end = enforcedEnd(facts);
  const fixed = fixedAt(facts);
  const { policy, extensions, maxExtensions } = facts;
  if (!end || !fixed || policy !== 'extend' || isUnsafe(facts.reason)) return null;
  if (extensions >= maxExtensions || facts.told['decision'] === end.toISOString()) return null;
  const half = Math.max(0, (end.getTime() - fixed.getTime()) / 2);
  return later(end, -Math.min(decisionLead, half));
}

/**
 * Reminders of the present end that are still to come or due, in their order. One whose time had passed before the
 * end was fixed is not made up for.
 */
function reminderTimes(facts: RotationFacts): { name: ReminderName; at: Date }[] {
  const end = enforcedEnd(facts);
  const fixed = fixedAt(facts);
  if (!end || !fixed) return [];
  const names = Object.keys(reminders) as ReminderName[];
  const lastTold = names.findLastIndex((name) => facts.told[name] === end.toISOString());
  return names
    .slice(lastTold + 1)
    .map((name) => ({ name, at: later(end, -reminders[name]) }))
    .filter(({ at }) => at.getTime() >= fixed.getTime() - 1000);
}
