import * as fc from 'fast-check';
import {
  exportRetryMinutes,
  lifecycleView,
  noticeOf,
  trialWarningInMs,
  trialWarningMs,
} from '../../../src/domain/tenants/lifecycle.rules';
import type { LifecycleFacts } from '../../../src/domain/tenants/lifecycle.rules';
import { tenantStatuses } from '../../../src/domain/tenants/tenants.rules';

const day = 86_400_000;
const ms = fc.option(fc.double({ min: -400 * day, max: 400 * day, noNaN: true }), { nil: null });
const anyFacts: fc.Arbitrary<LifecycleFacts> = fc.record({
  status: fc.constantFrom(...tenantStatuses),
  toldStatus: fc.option(fc.constantFrom(...tenantStatuses), { nil: null }),
  frozenReason: fc.constantFrom('cancelled', 'trial-ended'),
  trialEndsInMs: ms,
  trialLastsMs: ms,
  trialWarned: fc.boolean(),
  purgeInMs: ms,
  exported: fc.boolean(),
  exportInMs: ms,
  purged: fc.boolean(),
});

describe('what is next for a tenant', () => {
  test('is never a wait of more than a day, nor a negative one', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const { waitMs } = lifecycleView(facts);
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(day);
      }),
    );
  });

  test('is a purge only after an export, and either only while it is being purged', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const { next, settled } = lifecycleView(facts);
        if (next !== 'wait') {
          expect([facts.status, facts.purged, settled]).toEqual(['purging', false, false]);
        }
        expect(next === 'purge').toBe(
          facts.status === 'purging' && !facts.purged && facts.exported,
        );
      }),
    );
  });

  test('is settled just where time brings nothing', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const timed =
          ['trial', 'deleted'].includes(facts.status) ||
          (facts.status === 'purging' && !facts.purged);
        expect(lifecycleView(facts).settled).toBe(!timed);
      }),
    );
  });

  test('waits for the warning, then for the end of a trial', () => {
    const trial: LifecycleFacts = {
      status: 'trial',
      toldStatus: 'trial',
      frozenReason: null,
      trialEndsInMs: 3.5 * day,
      trialLastsMs: 14 * day,
      trialWarned: false,
      purgeInMs: null,
      exported: false,
      exportInMs: null,
      purged: false,
    };
    expect(lifecycleView(trial).waitMs).toBe(0.5 * day);
    const warned = { ...trial, trialWarned: true, trialEndsInMs: 0.25 * day };
    expect(lifecycleView(warned).waitMs).toBe(0.25 * day);
  });
});

describe('the warning before the end of a trial', () => {
  test.each([
    ['comes three days before', { endsInMs: 5 * day, lastsMs: 14 * day, warned: false }, 2 * day],
    ['is late rather than left out', { endsInMs: day, lastsMs: 14 * day, warned: false }, -2 * day],
    ['comes once', { endsInMs: day, lastsMs: 14 * day, warned: true }, undefined],
    ['does not come after the end', { endsInMs: 0, lastsMs: 14 * day, warned: false }, undefined],
    [
      'is left out of a trial that is no longer than its lead',
      { endsInMs: day, lastsMs: trialWarningMs, warned: false },
      undefined,
    ],
    ['needs an end', { endsInMs: null, lastsMs: null, warned: false }, undefined],
  ])('%s', (_name, trial, expected) => {
    expect(trialWarningInMs(trial)).toBe(expected);
  });
});

describe('what a tenant’s people are told', () => {
  const told = (toldStatus: LifecycleFacts['toldStatus'], status: LifecycleFacts['status']) =>
    noticeOf({ toldStatus, status, frozenReason: status === 'frozen' ? 'cancelled' : null });

  test.each([
    [null, 'pending', undefined],
    [null, 'trial', undefined],
    ['pending', 'active', undefined],
    ['trial', 'active', 'activated'],
    [null, 'suspended', 'suspended'],
    ['suspended', 'active', 'resumed'],
    ['suspended', 'trial', 'resumed'],
    ['active', 'frozen', 'cancelled'],
    ['frozen', 'archived', 'archived'],
    ['archived', 'active', 'restored'],
    ['active', 'deleted', 'deleted'],
    ['deleted', 'active', 'restored'],
    ['deleted', 'frozen', 'restored'],
    ['deleted', 'suspended', 'suspended'],
    ['deleted', 'purging', undefined],
    ['active', 'active', undefined],
  ] as const)('of %s that became %s is %s', (from, to, expected) => {
    expect(told(from, to)).toBe(expected);
  });

  test('of a trial that ended is not that it was cancelled', () => {
    expect(noticeOf({ toldStatus: 'trial', status: 'frozen', frozenReason: 'trial-ended' })).toBe(
      'trial-ended',
    );
  });
});

test('a failed export is tried again after 1, 5 and 15 minutes, then every hour', () => {
  expect([1, 2, 3, 4, 50].map(exportRetryMinutes)).toEqual([1, 5, 15, 60, 60]);
});
