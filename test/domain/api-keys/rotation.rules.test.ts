import fc from 'fast-check';
import {
  decisionAt,
  decisionLead,
  isOldInUse,
  nextOf,
  reminders,
} from '../../../src/domain/api-keys/rotation-driving.rules';
import {
  endOfOldKey,
  enforcedEnd,
  extended,
  isOver,
  isUnsafe,
  mayFollow,
  mostOverlap,
  mostRotation,
  possibleOrders,
  refusalOfOrder,
  rollbackUntil,
  rollbackWindow,
  stateNow,
} from '../../../src/domain/api-keys/rotation.rules';
import type { RotationFacts } from '../../../src/domain/api-keys/rotation.rules';
import {
  anyNow,
  anyRotation,
  at,
  day,
  enforced,
  freshFacts,
  hour,
  start,
} from './rotation-arbitrary';
import { carriedOut } from './rotation-driver';

const runs = { numRuns: 1000 };
const orderTargets = {
  complete: 'draining',
  extend: null,
  cancel: 'cancelled',
  rollback: 'rolled_back',
} as const;

describe('the end of the old key', () => {
  const maybe = fc.option(fc.integer({ min: 0, max: 100 * day }).map(at));
  const anyClocks = fc.record({
    expiresAt: maybe,
    endsBefore: maybe,
    deadlineAt: maybe,
    firstUsedAt: maybe,
    overlapMs: fc.integer({ min: 0, max: 30 * day }),
  });

  test('is the earliest of its expiry, its earlier end, the deadline, and first use plus overlap', () => {
    fc.assert(
      fc.property(anyClocks, (clocks) => {
        const end = endOfOldKey(clocks);
        const all = [
          clocks.expiresAt,
          clocks.endsBefore,
          clocks.deadlineAt,
          clocks.firstUsedAt && new Date(clocks.firstUsedAt.getTime() + clocks.overlapMs),
        ].filter((time) => time !== null);
        if (all.length === 0) expect(end).toBeNull();
        else expect(end?.getTime()).toBe(Math.min(...all.map(Number)));
      }),
      runs,
    );
  });

  test('never moves back when a clock starts, and never forth when the overlap is shorter', () => {
    fc.assert(
      fc.property(anyClocks, fc.integer({ min: 0, max: 100 * day }), (clocks, use) => {
        const before = endOfOldKey({ ...clocks, firstUsedAt: null });
        const after = endOfOldKey({ ...clocks, firstUsedAt: at(use) });
        if (before) expect(Number(after)).toBeLessThanOrEqual(Number(before));
        const shorter = endOfOldKey({ ...clocks, overlapMs: Math.floor(clocks.overlapMs / 2) });
        expect(Number(shorter)).toBeLessThanOrEqual(Number(endOfOldKey(clocks)));
      }),
      runs,
    );
  });

  test('is not moved by anything that a driver does but an extension by the policy and an early finish', () => {
    fc.assert(
      fc.property(anyRotation, anyNow, (facts, now) => {
        const { deed } = nextOf(facts, now);
        if (deed === 'finish') expect(facts.quietMs).not.toBeNull();
        if (deed === 'decide') expect(facts.policy).toBe('extend');
        // So with the policy `expire` and no early finish no worker is needed, and none can change the end.
        if (facts.policy === 'expire' && facts.quietMs === null) {
          expect(['finish', 'decide']).not.toContain(deed);
        }
      }),
      runs,
    );
  });
});

describe('an extension', () => {
  test('lengthens, but never beyond 30 days of use, 60 days of rotation, or the key’s own end', () => {
    fc.assert(
      fc.property(anyRotation, fc.integer({ min: hour, max: 30 * day }), (facts, by) => {
        const extension = extended(facts, by);
        if (!extension) return;
        const before = endOfOldKey({ ...facts, ...facts.old });
        const after = endOfOldKey({ ...facts, ...facts.old, ...extension });
        expect(Number(after)).toBeGreaterThan(Number(before));
        expect(Number(after)).toBeLessThanOrEqual(Number(before) + by);
        expect(Number(after)).toBeLessThanOrEqual(start.getTime() + mostRotation);
        if (facts.firstUsedAt) {
          expect(Number(after)).toBeLessThanOrEqual(facts.firstUsedAt.getTime() + mostOverlap);
        }
        for (const bound of [facts.old.expiresAt, facts.old.endsBefore]) {
          if (bound) expect(Number(after)).toBeLessThanOrEqual(bound.getTime());
        }
      }),
      runs,
    );
  });

  test('is decided once for each end, an hour before it or half-way, and never after it', () => {
    fc.assert(
      fc.property(anyRotation, anyNow, (facts, now) => {
        const end = enforcedEnd(facts);
        const decide = decisionAt(facts);
        if (decide && end) {
          expect(Number(decide)).toBeLessThanOrEqual(Number(end));
          expect(Number(end) - Number(decide)).toBeLessThanOrEqual(decisionLead);
          const told = { ...facts.told, decision: end.toISOString() };
          expect(decisionAt({ ...facts, told })).toBeNull();
        }
        if (nextOf(facts, now).deed === 'decide') expect(Number(end)).toBeGreaterThan(Number(now));
      }),
      runs,
    );
  });

  test('is never given to a key that leaked or to one whose extensions are used up', () => {
    fc.assert(
      fc.property(anyRotation, anyNow, (facts, now) => {
        if (!isUnsafe(facts.reason) && facts.extensions < facts.maxExtensions) return;
        expect(nextOf(facts, now).deed).not.toBe('decide');
        if (isUnsafe(facts.reason)) expect(refusalOfOrder(facts, 'extend', now)).not.toBeNull();
      }),
      runs,
    );
  });

  test('depends on a use of the old key within a day, and after the new one was first used', () => {
    const facts = freshFacts({ state: 'overlapping', firstUsedAt: at(hour) });
    const usedAt = (ms: number | null): RotationFacts => ({
      ...facts,
      old: { ...facts.old, lastUsedAt: ms === null ? null : at(ms) },
    });
    expect(isOldInUse(usedAt(null), at(2 * hour))).toBe(false);
    expect(isOldInUse(usedAt(hour / 2), at(2 * hour))).toBe(false);
    expect(isOldInUse(usedAt(1.5 * hour), at(2 * hour))).toBe(true);
    expect(isOldInUse(usedAt(1.5 * hour), at(26 * hour))).toBe(false);
  });
});

describe('the state of a rotation', () => {
  test('is what the clocks say, with or without a worker that writes it down', () => {
    fc.assert(
      fc.property(anyRotation, anyNow, (facts, now) => {
        const state = stateNow(facts, now);
        const end = enforcedEnd(facts);
        const alive = !facts.old.revokedAt && (!end || end > now);
        expect(state === 'pending' || state === 'overlapping' || facts.state === 'draining').toBe(
          alive || facts.state === 'draining',
        );
        if (alive && facts.state !== 'draining') {
          expect(state).toBe(facts.firstUsedAt ? 'overlapping' : facts.state);
        }
        if (state !== facts.state) expect(reachable(facts.state, state)).toBe(true);
      }),
      runs,
    );
  });

  test('only ever goes on with time: over stays over, and draining is not followed by an overlap', () => {
    const rank = { requested: 0, pending: 1, overlapping: 2, draining: 3, completed: 4 } as const;
    fc.assert(
      fc.property(anyRotation, anyNow, fc.nat(40 * day), (facts, now, passed) => {
        const before = stateNow(facts, now) as keyof typeof rank;
        const after = stateNow(facts, new Date(now.getTime() + passed)) as keyof typeof rank;
        expect(rank[after]).toBeGreaterThanOrEqual(rank[before]);
      }),
      runs,
    );
  });

  test('has no way out once it is over', () => {
    for (const over of ['completed', 'cancelled', 'rolled_back', 'compromised'] as const) {
      expect(isOver(over)).toBe(true);
      const facts = freshFacts({ state: over, firstUsedAt: start });
      expect(possibleOrders(facts, at(hour))).toEqual([]);
      expect(nextOf(facts, at(hour))).toMatchObject({ deed: 'wait', settled: true });
    }
  });

  const reachable = (from: RotationFacts['state'], to: RotationFacts['state']): boolean =>
    mayFollow(from, to) ||
    (['overlapping', 'draining'] as const).some(
      (between) => mayFollow(from, between) && mayFollow(between, to),
    );
});

describe('an order', () => {
  test('is possible exactly where the state that it leads to may follow', () => {
    fc.assert(
      fc.property(anyRotation, anyNow, (facts, now) => {
        const state = stateNow(facts, now);
        for (const order of possibleOrders(facts, now)) {
          const to = orderTargets[order];
          if (to) expect(mayFollow(state, to)).toBe(true);
          else expect(['pending', 'overlapping']).toContain(state);
        }
      }),
      runs,
    );
  });

  test('cancels before the first use only, and rolls back only after it', () => {
    fc.assert(
      fc.property(anyRotation, anyNow, (facts, now) => {
        const orders = possibleOrders(facts, now);
        expect(orders.includes('cancel') && orders.includes('rollback')).toBe(false);
        if (orders.includes('cancel')) expect(facts.firstUsedAt).toBeNull();
      }),
      runs,
    );
  });

  test('of a rollback is refused once the old key leaked, was revoked, blocked or expired, or 72 hours went by', () => {
    fc.assert(
      fc.property(anyRotation, anyNow, (facts, now) => {
        if (!possibleOrders(facts, now).includes('rollback')) return;
        const { old } = facts;
        expect(old.revokedAt).toBeNull();
        expect(old.blockedAt).toBeNull();
        expect(old.expiresAt === null || old.expiresAt > now).toBe(true);
        expect(isUnsafe(facts.reason)).toBe(false);
        expect(facts.successor?.rotated).toBe(false);
        expect(Number(rollbackUntil(facts))).toBeGreaterThan(Number(now));
      }),
      runs,
    );
    const drained = freshFacts({ state: 'draining', firstUsedAt: start, overlapMs: 0 });
    expect(refusalOfOrder(drained, 'rollback', at(rollbackWindow - 1))).toBeNull();
    expect(refusalOfOrder(drained, 'rollback', at(rollbackWindow))).not.toBeNull();
  });

  test('says in a sentence why it is refused', () => {
    fc.assert(
      fc.property(
        anyRotation,
        anyNow,
        fc.constantFrom('complete', 'extend', 'cancel', 'rollback'),
        (facts, now, order) => {
          expect(refusalOfOrder(facts, order, now) ?? 'It is fine.').toMatch(/^[A-Z].*\.$/);
        },
      ),
    );
  });
});

describe('what a driver does next', () => {
  test('is a deed, the end, or a wait of at most a day', () => {
    fc.assert(
      fc.property(anyRotation, anyNow, (facts, now) => {
        const next = nextOf(facts, now);
        if (next.settled) expect(isOver(facts.state)).toBe(true);
        else if (next.deed === 'wait') {
          expect(next.waitMs).toBeGreaterThanOrEqual(1);
          expect(next.waitMs).toBeLessThanOrEqual(day);
        } else expect(next.waitMs).toBe(0);
        expect(next.deed === 'remind').toBe(next.reminder !== null);
      }),
      runs,
    );
  });

  test('comes to an end however often it looks, and tells of nothing twice', () => {
    fc.assert(
      fc.property(anyRotation, fc.array(fc.integer({ min: 1, max: 10 * day })), (given, uses) => {
        let facts: RotationFacts = { ...given, state: given.firstUsedAt ? given.state : 'pending' };
        let now = start;
        const told: string[] = [];
        const ends: number[] = [Number(enforcedEnd(facts))];
        for (let look = 0; look < 400; look += 1) {
          const next = nextOf(facts, now);
          if (next.settled) break;
          if (next.deed === 'wait') now = new Date(now.getTime() + next.waitMs);
          else {
            const end = enforcedEnd(facts)?.toISOString() ?? '';
            if (next.deed === 'remind')
              told.push(`${next.reminder ?? ''} ${next.reminder === 'never-used' ? '' : end}`);
            const passed = uses[look % Math.max(1, uses.length)] ?? null;
            const before = facts;
            facts = carriedOut(facts, next, now, passed === null ? null : at(passed));
            if (facts.state !== before.state) {
              expect(mayFollow(before.state, facts.state)).toBe(true);
            }
            ends.push(Number(enforcedEnd(facts)));
          }
        }
        expect(isOver(facts.state)).toBe(true);
        expect(told).toEqual([...new Set(told)]);
        // Only extensions move the end on, each by what the policy says, and never more of them than it allows.
        const longer = ends.filter((end, index) => index > 0 && end > (ends[index - 1] ?? 0));
        expect(longer.length).toBeLessThanOrEqual(
          Math.max(0, given.maxExtensions - given.extensions),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('reminds seven days, a day and an hour before the end, and not of times that had passed when it was fixed', () => {
    const told = (facts: RotationFacts): string[] => {
      const names: string[] = [];
      let now = start;
      let rotation = facts;
      for (let look = 0; look < 300 && !isOver(rotation.state); look += 1) {
        const next = nextOf(rotation, now);
        if (next.deed === 'wait') now = new Date(now.getTime() + next.waitMs);
        else {
          if (next.reminder)
            names.push(`${next.reminder} @${String((Number(now) - Number(start)) / hour)}h`);
          rotation = carriedOut(rotation, next, now, null);
        }
      }
      return names;
    };
    expect(told(freshFacts())).toEqual([
      'never-used @72h',
      'T-7d @552h',
      'T-1d @696h',
      'T-1h @719h',
    ]);
    expect(told(freshFacts({ firstUsedAt: at(hour) }))).toEqual(['T-1d @1h', 'T-1h @24h']);
    expect(told(freshFacts({ firstUsedAt: at(hour), overlapMs: 2 * hour }))).toEqual(['T-1h @2h']);
    expect(told(freshFacts({ firstUsedAt: at(hour), overlapMs: 0 }))).toEqual([]);
    expect(Object.keys(reminders)).toEqual(['T-7d', 'T-1d', 'T-1h']);
  });

  test('finishes early only once the new key is used and the old one was idle for as long as was asked', () => {
    const facts = enforced(
      freshFacts({
        state: 'overlapping',
        firstUsedAt: at(hour),
        overlapMs: 10 * day,
        quietMs: day,
      }),
    );
    const usedAt = (ms: number): RotationFacts => ({
      ...facts,
      old: { ...facts.old, lastUsedAt: at(ms) },
    });
    expect(nextOf(facts, at(25 * hour - 1)).deed).not.toBe('finish');
    expect(nextOf(facts, at(25 * hour)).deed).toBe('finish');
    expect(nextOf(usedAt(3 * hour), at(25 * hour)).deed).not.toBe('finish');
    expect(nextOf(usedAt(3 * hour), at(27 * hour)).deed).toBe('finish');
    expect(nextOf({ ...facts, firstUsedAt: null, state: 'pending' }, at(9 * day)).deed).not.toBe(
      'finish',
    );
  });

  test('gives up a request whose key is gone, but not one of a leak, which ends the key itself', () => {
    const request = freshFacts({
      state: 'requested',
      startedAt: null,
      deadlineAt: null,
      endFixedAt: null,
      successor: null,
      reason: 'scheduled',
    });
    expect(nextOf(request, at(hour)).deed).toBe('wait');
    const revoked = { ...request, old: { ...request.old, revokedAt: start } };
    expect(nextOf(revoked, at(hour)).deed).toBe('cancel');
    expect(nextOf({ ...revoked, reason: 'leaked' }, at(hour)).deed).toBe('wait');
    expect(nextOf(request, at(7 * day)).reminder).toBe('still-requested');
    // A successor would inherit an expiry that has passed.
    const leaked = { ...revoked, reason: 'leaked' } as const;
    const expiring = { ...leaked, old: { ...leaked.old, expiresAt: at(2 * day) } };
    expect(nextOf(expiring, at(day))).toMatchObject({ deed: 'wait', waitMs: day });
    expect(nextOf(expiring, at(2 * day)).deed).toBe('cancel');
  });
});
