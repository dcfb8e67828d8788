import fc from 'fast-check';
import {
  admits,
  explain,
  failing,
  freezes,
  judge,
  minimumSample,
  nextStage,
  stages,
  whyNotPromote,
  wilson,
} from '../../../src/domain/onboarding/gates.rules';
import type { GateCounts } from '../../../src/domain/onboarding/gates.rules';

const tenant = fc.record({
  kind: fc.constantFrom('customer', 'internal', 'pilot'),
  bucket: fc.integer({ min: 0, max: 99 }),
});
const stage = fc.constantFrom(...stages);

const good: GateCounts = {
  active: 100,
  rolledBack: 1,
  parkedLong: 1,
  withOrders: 5,
  accepted: 80,
  notAccepted: 20,
  p95Seconds: 300,
  p95WallSeconds: 90_000,
  openCriticalIncidents: 0,
};

const verdictOf = (counts: Partial<GateCounts>, name: string, at: (typeof stages)[number] = '25') =>
  judge(at, { ...good, ...counts }).figures.find((figure) => figure.name === name)?.verdict;

describe('admission', () => {
  it('never takes back at a later stage what an earlier one let in', () => {
    fc.assert(
      fc.property(tenant, stage, (one, at) => {
        const next = nextStage(at);
        fc.pre(next !== null && admits(at, one));
        expect(admits(next, one)).toBe(true);
      }),
    );
  });

  it('lets everybody in at the last stage', () => {
    fc.assert(fc.property(tenant, (one) => expect(admits('100', one)).toBe(true)));
  });

  it('goes by kind at first, then by bucket', () => {
    const customer = { kind: 'customer', bucket: 24 };
    expect(stages.map((at) => admits(at, customer))).toEqual([false, false, true, true, true]);
    expect(stages.map((at) => admits(at, { kind: 'customer', bucket: 25 }))).toEqual([
      false,
      false,
      false,
      true,
      true,
    ]);
    expect(stages.map((at) => admits(at, { kind: 'pilot', bucket: 99 }))).toEqual([
      false,
      true,
      true,
      true,
      true,
    ]);
    expect(admits('internal', { kind: 'internal', bucket: 99 })).toBe(true);
  });
});

describe('the Wilson interval', () => {
  it('holds the share, stays within 0 and 1, and narrows with the sample', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, p) => {
          const hits = Math.round(n * p);
          const { lower, upper } = wilson(hits, n)!;
          expect(lower).toBeGreaterThanOrEqual(0);
          expect(upper).toBeLessThanOrEqual(1);
          expect(lower).toBeLessThanOrEqual(hits / n);
          expect(upper).toBeGreaterThanOrEqual(hits / n);
          const wider = wilson(hits * 10, n * 10)!;
          expect(wider.upper - wider.lower).toBeLessThan(upper - lower);
        },
      ),
    );
  });

  it('agrees with published values and knows nothing without a sample', () => {
    expect(wilson(0, 0)).toBeNull();
    const { lower, upper } = wilson(9, 10)!;
    expect(lower).toBeCloseTo(0.5958, 3);
    expect(upper).toBeCloseTo(0.9821, 3);
  });
});

describe('a gate', () => {
  it('passes when every point value does, whatever the interval says', () => {
    const judgement = judge('25', good);
    expect(judgement.verdict).toBe('pass');
    const success = judgement.figures[0]!;
    expect(success.value).toBeGreaterThanOrEqual(0.98);
    expect(success.interval!.lower).toBeLessThan(0.98);
  });

  it.each([
    ['provision_success_rate', { active: 98, rolledBack: 1, parkedLong: 1 }, 'pass'],
    ['provision_success_rate', { active: 97, rolledBack: 2, parkedLong: 1 }, 'fail'],
    ['time_to_active_p95_seconds', { p95Seconds: 1200 }, 'pass'],
    ['time_to_active_p95_seconds', { p95Seconds: 1200.5 }, 'fail'],
    [
      'manual_intervention_rate',
      { active: 98, rolledBack: 1, parkedLong: 1, withOrders: 10 },
      'pass',
    ],
    [
      'manual_intervention_rate',
      { active: 98, rolledBack: 1, parkedLong: 1, withOrders: 11 },
      'fail',
    ],
    ['accept_rate', { accepted: 60, notAccepted: 40 }, 'pass'],
    ['accept_rate', { accepted: 59, notAccepted: 41 }, 'fail'],
    ['open_critical_incidents', { openCriticalIncidents: 1 }, 'fail'],
  ] as const)('judges %s of %o: %s', (name, counts, verdict) => {
    expect(verdictOf(counts, name)).toBe(verdict);
  });

  it('asks for 5 samples at internal and pilot, for 50 from 25 % on', () => {
    expect(stages.map(minimumSample)).toEqual([5, 5, 50, 50, 50]);
    const few = { active: 5, rolledBack: 0, parkedLong: 0, withOrders: 0 };
    expect(verdictOf(few, 'provision_success_rate', 'pilot')).toBe('pass');
    expect(verdictOf({ ...few, active: 4 }, 'provision_success_rate', 'pilot')).toBe(
      'insufficient_data',
    );
    expect(verdictOf({ ...few, active: 49 }, 'provision_success_rate')).toBe('insufficient_data');
    expect(verdictOf({ ...few, active: 50 }, 'provision_success_rate')).toBe('pass');
  });

  it('never promotes on insufficient data, and never fails or freezes on it alone', () => {
    const counts = fc.record({
      active: fc.nat(4),
      rolledBack: fc.constant(0),
      parkedLong: fc.constant(0),
      withOrders: fc.constant(0),
      accepted: fc.nat(4),
      notAccepted: fc.constant(0),
      p95Seconds: fc.double({ min: 0, max: 9e4, noNaN: true }),
      p95WallSeconds: fc.constant(null),
      openCriticalIncidents: fc.constant(0),
    });
    fc.assert(
      fc.property(stage, counts, (at, one) => {
        const judgement = judge(at, one);
        expect(judgement.verdict).toBe('insufficient_data');
        expect(whyNotPromote(at, judgement, null)).not.toBeNull();
        expect(freezes(judgement, false, [])).toBe(false);
      }),
    );
  });

  it('names what keeps it from passing', () => {
    const judgement = judge('25', {
      ...good,
      active: 60,
      rolledBack: 30,
      accepted: 4,
      notAccepted: 0,
    });
    expect(failing(judgement)).toEqual(['provision_success_rate']);
    expect(explain(judgement)).toContain(
      'provision_success_rate is 0.659, at least 0.98 is needed.',
    );
    expect(explain(judgement)).toContain('accept_rate has 4 of 50 samples.');
  });
});

describe('a promotion', () => {
  it('is refused at the last stage, by a failing gate and by a freeze of a person', () => {
    const passing = judge('25', good);
    expect(whyNotPromote('25', passing, null)).toBeNull();
    expect(whyNotPromote('25', passing, 'gate')).toBeNull();
    expect(whyNotPromote('25', passing, 'person')).toBe('gate-not-passed');
    expect(whyNotPromote('100', passing, null)).toBe('stage-final');
    const bad = judge('25', { ...good, openCriticalIncidents: 1 });
    expect(whyNotPromote('25', bad, null)).toBe('gate-not-passed');
  });
});

describe('a failing gate', () => {
  it('freezes, but not again for figures that an owner has accepted', () => {
    const bad = judge('25', { ...good, openCriticalIncidents: 1 });
    expect(freezes(bad, false, [])).toBe(true);
    expect(freezes(bad, true, [])).toBe(false);
    expect(freezes(bad, false, ['open_critical_incidents'])).toBe(false);
    expect(freezes(bad, false, ['accept_rate'])).toBe(true);
  });
});
