import type {
  KeyRotationOrder,
  KeyRotationPolicy,
  KeyRotationReason,
  KeyRotationState,
} from '../../contracts/key-rotations';

const hour = 3_600_000;
const day = 24 * hour;

/** Milliseconds after the old key's end during which a rotation can be rolled back. */
export const rollbackWindow = 72 * hour;

/** Most milliseconds that both keys are good, from the first use of the new one. */
export const mostOverlap = 30 * day;

/** Most milliseconds from the start of a rotation to the end of the old key, extensions included. */
export const mostRotation = 60 * day;

/** What the rows know of a rotation and its two keys; all times are of the database's clock. */
export interface RotationFacts {
  readonly state: KeyRotationState;
  readonly reason: KeyRotationReason;
  readonly policy: KeyRotationPolicy;
  readonly createdAt: Date;
  /** When the successor was minted; null while the rotation is only requested. */
  readonly startedAt: Date | null;
  /** First use of the successor. */
  readonly firstUsedAt: Date | null;
  readonly deadlineAt: Date | null;
  readonly overlapMs: number;
  readonly extendMs: number;
  readonly extensions: number;
  readonly maxExtensions: number;
  /** Idle time of the old key after which the rotation finishes early; null: it does not. */
  readonly quietMs: number | null;
  /** When the end of the old key was last fixed by a person or the policy: the start, or an extension. */
  readonly endFixedAt: Date | null;
  /** The end for which policy and reminders have already spoken, by what they are called. */
  readonly told: Readonly<Record<string, string>>;
  readonly old: OldKey;
  readonly successor: SuccessorKey | null;
}

/** The key that is replaced. */
export interface OldKey {
  readonly expiresAt: Date | null;
  /** The end that it had before the rotation, by a leak report. */
  readonly endsBefore: Date | null;
  /** The end that verification enforces. */
  readonly endsAt: Date | null;
  readonly revokedAt: Date | null;
  readonly blockedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

/** The key that replaces it. */
export interface SuccessorKey {
  readonly revokedAt: Date | null;
  /** Whether it is itself the old key of a rotation that has minted. */
  readonly rotated: boolean;
}

/** The clocks that run against the old key. */
export interface OldKeyClocks {
  readonly expiresAt: Date | null;
  readonly endsBefore: Date | null;
  readonly deadlineAt: Date | null;
  readonly firstUsedAt: Date | null;
  readonly overlapMs: number;
}

/** The earliest of the given times; null when there is none. */
export function earliest(...times: readonly (Date | null)[]): Date | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : new Date(Math.min(...known.map(Number)));
}

/** A time so many milliseconds after another. */
export const later = (time: Date, ms: number): Date => new Date(time.getTime() + ms);

/**
 * When the old key ends: the earliest of its own expiry, an end that it had before, the deadline, and the first use
 * of the new key plus the overlap. Null only while nothing has started.
 */
export function endOfOldKey(clocks: OldKeyClocks): Date | null {
  const { firstUsedAt, overlapMs } = clocks;
  return earliest(
    clocks.expiresAt,
    clocks.endsBefore,
    clocks.deadlineAt,
    firstUsedAt && later(firstUsedAt, overlapMs),
  );
}

const following: Readonly<Record<KeyRotationState, readonly KeyRotationState[]>> = {
  requested: ['pending', 'compromised', 'cancelled'],
  pending: ['overlapping', 'draining', 'completed', 'cancelled', 'compromised'],
  overlapping: ['draining', 'completed', 'rolled_back', 'compromised'],
  draining: ['completed', 'rolled_back', 'compromised'],
  completed: [],
  cancelled: [],
  rolled_back: [],
  compromised: [],
};

/** Whether a rotation may go from one state to another. */
export function mayFollow(from: KeyRotationState, to: KeyRotationState): boolean {
  return following[from].includes(to);
}

/** Whether nothing leads out of a state. */
export function isOver(state: KeyRotationState): boolean {
  return following[state].length === 0;
}

/** Whether the reason forbids to lengthen the old key's life or to bring it back. */
export function isUnsafe(reason: KeyRotationReason): boolean {
  return reason === 'leaked' || reason === 'compromised';
}

/** Whether a time is there and not ahead any more. */
export const hasPassed = (time: Date | null, now: Date): boolean => time !== null && time <= now;

/** The old key's end as verification judges it. */
export function enforcedEnd({ old }: Pick<RotationFacts, 'old'>): Date | null {
  return earliest(old.expiresAt, old.endsAt);
}

/** Until when a rotation can be rolled back: 72 hours after the old key's end; null before anything has ended. */
export function rollbackUntil(facts: RotationFacts): Date | null {
  const end = enforcedEnd(facts);
  return end && facts.startedAt ? later(end, rollbackWindow) : null;
}

/**
 * The state that is true now, whatever a worker has written down so far: clocks move a rotation on by themselves.
 */
export function stateNow(facts: RotationFacts, now: Date): KeyRotationState {
  const { state, old } = facts;
  if (isOver(state) || state === 'requested') return state;
  if (old.revokedAt) return 'completed';
  if (!hasPassed(enforcedEnd(facts), now)) {
    return state === 'pending' && facts.firstUsedAt ? 'overlapping' : state;
  }
  const gone = isUnsafe(facts.reason) || hasPassed(old.expiresAt, now);
  return gone || hasPassed(rollbackUntil(facts), now) ? 'completed' : 'draining';
}

/** Why an order is refused, or null when it can be carried out now. */
export function refusalOfOrder(
  facts: RotationFacts,
  order: KeyRotationOrder,
  now: Date,
): string | null {
  const state = stateNow(facts, now);
  const { old } = facts;
  switch (order) {
    case 'complete':
      return state === 'pending' || state === 'overlapping'
        ? null
        : 'Only a rotation whose old key has not ended can be completed.';
    case 'extend':
      if (state !== 'pending' && state !== 'overlapping') return 'The old key has ended already.';
      if (isUnsafe(facts.reason)) return 'The life of a key that leaked is never lengthened.';
      return null;
    case 'cancel':
      return state === 'requested' || state === 'pending'
        ? null
        : 'The new key has been used already; roll the rotation back instead.';
    case 'rollback':
      if (state !== 'overlapping' && state !== 'draining') {
        return state === 'pending'
          ? 'The new key was never used; cancel the rotation instead.'
          : 'It can be rolled back from the first use of the new key until 72 hours after the end of the old one.';
      }
      if (isUnsafe(facts.reason)) return 'A key that leaked never comes back.';
      if (old.blockedAt) return 'The old key has been blocked since; unblock it first.';
      if (facts.successor?.rotated) return 'The new key has itself been rotated since.';
      return null;
  }
}

/** The orders that a rotation takes now. */
export function possibleOrders(facts: RotationFacts, now: Date): KeyRotationOrder[] {
  const all: readonly KeyRotationOrder[] = ['complete', 'extend', 'cancel', 'rollback'];
  return all.filter((order) => refusalOfOrder(facts, order, now) === null);
}

/** The two clocks after an extension. */
export interface Extension {
  readonly deadlineAt: Date;
  readonly overlapMs: number;
}

/**
 * The clocks that give the old key more time from its present end, within 30 days of the first use of the new key
 * and 60 days of the start; null when there is nothing left to give. Its own expiry stays what it is.
 */
export function extended(facts: RotationFacts, byMs: number): Extension | null {
  const { startedAt, firstUsedAt, deadlineAt, overlapMs } = facts;
  const end = endOfOldKey({ ...facts, ...facts.old });
  if (!startedAt || !deadlineAt || !end) return null;
  const to = earliest(
    later(end, byMs),
    facts.old.expiresAt,
    facts.old.endsBefore,
    later(startedAt, mostRotation),
    firstUsedAt && later(firstUsedAt, mostOverlap),
  );
  // Whole seconds, as the row holds them; rounded down, so that no bound is passed.
  const wanted = to ? Math.floor(to.getTime() / 1000) * 1000 : 0;
  if (wanted - end.getTime() < 1000) return null;
  return {
    deadlineAt: new Date(Math.max(wanted, deadlineAt.getTime())),
    overlapMs: firstUsedAt
      ? Math.max(overlapMs, Math.floor((wanted - firstUsedAt.getTime()) / 1000) * 1000)
      : overlapMs,
  };
}
