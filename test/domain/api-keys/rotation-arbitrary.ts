import fc from 'fast-check';
import { endOfOldKey, isUnsafe } from '../../../src/domain/api-keys/rotation.rules';
import type { RotationFacts } from '../../../src/domain/api-keys/rotation.rules';

/** An hour in milliseconds. */
export const hour = 3_600_000;
/** A day in milliseconds. */
export const day = 24 * hour;

/** The moment at which every rotation of these tests starts. */
export const start = new Date('2026-11-26T10:00:00.000Z');

/** So many milliseconds after the start. */
export const at = (ms: number): Date => new Date(start.getTime() + ms);

/** A rotation whose successor was minted at the start and is unused; both clocks as they are by default. */
export function freshFacts(changes: Partial<RotationFacts> = {}): RotationFacts {
  const facts: RotationFacts = {
    state: 'pending',
    reason: 'routine',
    policy: 'expire',
    createdAt: start,
    startedAt: start,
    firstUsedAt: null,
    deadlineAt: at(30 * day),
    overlapMs: day,
    extendMs: day,
    extensions: 0,
    maxExtensions: 3,
    quietMs: null,
    endFixedAt: start,
    told: {},
    old: {
      expiresAt: null,
      endsBefore: null,
      endsAt: null,
      revokedAt: null,
      blockedAt: null,
      lastUsedAt: null,
    },
    successor: { revokedAt: null, rotated: false },
    ...changes,
  };
  return enforced(facts);
}

/** The same with the end of the old key as the statements of the domain store it. */
export function enforced(facts: RotationFacts): RotationFacts {
  const endsAt = endOfOldKey({ ...facts, expiresAt: null, endsBefore: facts.old.endsBefore });
  return { ...facts, old: { ...facts.old, endsAt } };
}

const someTime = (most: number): fc.Arbitrary<Date> => fc.integer({ min: 0, max: most }).map(at);
const maybeTime = (most: number): fc.Arbitrary<Date | null> => fc.option(someTime(most));

/** A moment within or after any rotation. */
export const anyNow: fc.Arbitrary<Date> = fc
  .oneof(fc.integer({ min: 0, max: 3 * hour }), fc.integer({ min: 0, max: 70 * day }))
  .map(at);

/** A minted rotation with clocks of all lengths, in any state that is open. */
export const anyRotation: fc.Arbitrary<RotationFacts> = fc
  .record({
    state: fc.constantFrom('pending', 'overlapping', 'draining'),
    reason: fc.constantFrom('routine', 'scheduled', 'leaked'),
    policy: fc.constantFrom('expire', 'extend'),
    firstUsedAt: maybeTime(40 * day),
    deadline: fc.integer({ min: hour, max: 30 * day }),
    overlap: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 * day })),
    extendMs: fc.integer({ min: hour, max: 7 * day }),
    extensions: fc.integer({ min: 0, max: 4 }),
    maxExtensions: fc.integer({ min: 1, max: 4 }),
    quietMs: fc.option(fc.integer({ min: hour / 4, max: 5 * day })),
    expiresAt: maybeTime(60 * day),
    endsBefore: maybeTime(7 * day),
    revokedAt: fc.option(someTime(10 * day), { freq: 5 }),
    blockedAt: fc.option(someTime(10 * day), { freq: 5 }),
    lastUsedAt: maybeTime(40 * day),
    rotated: fc.boolean(),
  })
  .map((random) => {
    const used =
      random.state === 'overlapping' ? (random.firstUsedAt ?? start) : random.firstUsedAt;
    return freshFacts({
      state: random.state as RotationFacts['state'],
      reason: random.reason as RotationFacts['reason'],
      policy: random.policy,
      firstUsedAt: used,
      deadlineAt: at(Math.floor(random.deadline / 1000) * 1000),
      overlapMs: Math.floor(random.overlap / 1000) * 1000,
      extendMs: random.extendMs,
      extensions: random.extensions,
      maxExtensions: random.maxExtensions,
      quietMs: random.quietMs,
      old: {
        expiresAt: random.expiresAt,
        // Only a leak report gives a key an end before its rotation.
        endsBefore: isUnsafe(random.reason) ? random.endsBefore : null,
        endsAt: null,
        revokedAt: random.revokedAt,
        blockedAt: random.blockedAt,
        lastUsedAt: random.lastUsedAt,
      },
      successor: { revokedAt: null, rotated: random.rotated },
    });
  });
