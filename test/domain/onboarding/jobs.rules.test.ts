import fc from 'fast-check';
import type { OnboardingState } from '../../../src/contracts/onboardings';
import { OnboardingState as States } from '../../../src/contracts/onboardings';
import {
  currentStep,
  orderKinds,
  orderPermission,
  orderPossible,
  plainProgress,
  plainSteps,
  shownStatus,
} from '../../../src/domain/onboarding/jobs.rules';
import type { OrderFacts, Progress } from '../../../src/domain/onboarding/jobs.rules';

const all = new Set<string>(orderKinds.map(orderPermission));
const at = new Date('2026-01-01');

const parked: OrderFacts = {
  state: 'failed',
  waitingFor: 'order',
  undoing: false,
  kind: 'provision',
  acceptedAt: at,
  failedStepSkippable: true,
};
const running: OrderFacts = { ...parked, state: 'workspace_registered', waitingFor: null };
const waiting: OrderFacts = { ...running, waitingFor: 'customer' };

const taken = (facts: OrderFacts) =>
  orderKinds.filter((order) => orderPossible(facts, order, all).possible);

describe('an onboarding takes', () => {
  it.each([
    ['every order while it is parked', parked, ['retry', 'fix', 'skip', 'rollback', 'cancel']],
    [
      'no skip of a step that is not skippable',
      { ...parked, failedStepSkippable: false },
      ['retry', 'fix', 'rollback', 'cancel'],
    ],
    ['rollback and cancel while it waits for the customer', waiting, ['rollback', 'cancel']],
    ['cancel only while a step runs', running, ['cancel']],
    [
      'retry and cancel while a compensation is parked',
      { ...parked, undoing: true },
      ['retry', 'cancel'],
    ],
    ['no order before accept', { ...running, state: 'invited', acceptedAt: null }, []],
  ] as const)('%s', (_name, facts, orders) => {
    expect(taken(facts)).toEqual(orders);
  });

  it.each(['active', 'revoked', 'declined', 'rolled_back', 'cancelled', 'expired'] as const)(
    'no order when it is %s',
    (state) => {
      const acceptedAt = ['revoked', 'declined', 'expired'].includes(state) ? null : at;
      expect(taken({ ...running, state, acceptedAt })).toEqual([]);
    },
  );
});

describe('a refused order', () => {
  it('says that the tenant is active, before anything else about its state', () => {
    for (const order of orderKinds) {
      const active: OrderFacts = { ...running, state: 'active' };
      expect(orderPossible(active, order, all)).toEqual({
        possible: false,
        whyNot: 'already-active',
      });
    }
  });

  it('says which permission is missing, whatever the state', () => {
    for (const order of orderKinds) {
      const others = new Set(
        [...all].filter((permission) => permission !== orderPermission(order)),
      );
      expect(orderPossible(parked, order, others)).toEqual({
        possible: false,
        whyNot: 'forbidden',
      });
    }
  });

  it('says that the step cannot be skipped', () => {
    expect(orderPossible({ ...parked, failedStepSkippable: false }, 'skip', all)).toEqual({
      possible: false,
      whyNot: 'step-not-skippable',
    });
  });
});

const progress = (given: Partial<Progress>): Progress => ({
  state: 'email_confirmed',
  stoodAt: null,
  waitingFor: null,
  kind: 'provision',
  acceptedAt: at,
  allStepsBehind: false,
  ...given,
});

const line = (given: Partial<Progress>): string =>
  Object.values(plainProgress(progress(given))).join(' ');

describe('the five plain steps', () => {
  it.each([
    [{ state: 'invited', acceptedAt: null, kind: null }, 'waiting pending pending pending pending'],
    [{ state: 'expired', acceptedAt: null, kind: null }, 'pending pending pending pending pending'],
    [{ state: 'email_confirmed' }, 'done current pending pending pending'],
    [
      { state: 'workspace_registered', waitingFor: 'customer' },
      'done done waiting pending pending',
    ],
    [{ state: 'token_added' }, 'done done done current pending'],
    [{ state: 'validated' }, 'done done done current pending'],
    [{ state: 'validated', allStepsBehind: true }, 'done done done done current'],
    [
      { state: 'failed', stoodAt: 'workspace_registered', waitingFor: 'order' },
      'done done parked pending pending',
    ],
    [{ state: 'active', allStepsBehind: true }, 'done done done done done'],
    [{ state: 'active', kind: 'member' }, 'done done done done done'],
    [{ state: 'cancelled', stoodAt: 'token_added' }, 'done done done pending pending'],
    [
      { state: 'rolled_back', stoodAt: 'workspace_registered' },
      'done undone pending pending pending',
    ],
  ] as const)('of %o are %s', (given, expected) => {
    expect(line(given as Partial<Progress>)).toBe(expected);
  });

  it('have at most one that is current, and never a gap', () => {
    const states = fc.constantFrom<OnboardingState>(...States.options);
    const anything = fc.record({
      state: states,
      stoodAt: fc.option(states),
      waitingFor: fc.constantFrom('customer' as const, 'order' as const, null),
      kind: fc.constantFrom('provision' as const, 'member' as const, null),
      acceptedAt: fc.constantFrom(at, null),
      allStepsBehind: fc.boolean(),
    });
    fc.assert(
      fc.property(anything, (given) => {
        const shown = plainSteps.map((step) => plainProgress(given)[step]);
        const rank = shown.map((status) =>
          status === 'done' || status === 'undone' ? 0 : status === 'pending' ? 2 : 1,
        );
        expect(rank).toEqual([...rank].sort());
        expect(rank.filter((n) => n === 1).length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('the steps that operators see', () => {
  const steps = [
    { key: 'sample.register', status: 'done' },
    { key: 'sample.token', status: 'skipped' },
    { key: 'sample.verify', status: 'pending' },
    { key: 'sample.smoke', status: 'pending' },
  ] as const;

  it('stand at the first one that is not behind', () => {
    const one = { state: 'token_added', acceptedAt: at, failedStep: null } as const;
    expect(currentStep(one, steps)).toBe('sample.verify');
    const shown = steps.map((step) =>
      shownStatus(step, { state: 'token_added', waitingFor: null }, 'sample.verify'),
    );
    expect(shown).toEqual(['done', 'skipped', 'current', 'pending']);
  });

  it('stand at the parked one, also while a compensation is parked behind it', () => {
    const one = { state: 'failed', acceptedAt: at, failedStep: 'sample.register' } as const;
    expect(currentStep(one, steps)).toBe('sample.register');
    expect(shownStatus(steps[0], { state: 'failed', waitingFor: 'order' }, 'sample.register')).toBe(
      'parked',
    );
  });

  it('stand nowhere before accept and after the end', () => {
    expect(currentStep({ state: 'invited', acceptedAt: null, failedStep: null }, steps)).toBeNull();
    expect(currentStep({ state: 'cancelled', acceptedAt: at, failedStep: null }, steps)).toBeNull();
  });
});
