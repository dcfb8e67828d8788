import { orderKinds, orderPermission } from '../../../src/domain/onboarding/jobs.rules';
import type { OrderFacts } from '../../../src/domain/onboarding/jobs.rules';
import { howItStands } from '../../../src/domain/onboarding/order-refusals.rules';

const all = new Set<string>(orderKinds.map(orderPermission));
const running: OrderFacts = {
  state: 'workspace_registered',
  waitingFor: null,
  undoing: false,
  kind: 'provision',
  acceptedAt: new Date('2026-01-01'),
  failedStepSkippable: false,
};
const parked: OrderFacts = { ...running, state: 'failed', waitingFor: 'order' };

describe('a refused order is told how the onboarding stands, and what it takes', () => {
  it.each<[Partial<OrderFacts>, string]>([
    [{}, 'The onboarding is at work; it takes cancel now.'],
    [parked, 'The onboarding is parked; it takes retry, fix, rollback, cancel now.'],
    [
      { ...parked, undoing: true },
      'The onboarding is parked at an undoing that failed; it takes retry, cancel now.',
    ],
    [
      { waitingFor: 'customer' },
      'The onboarding waits for the customer; it takes rollback, cancel now.',
    ],
    [
      { state: 'invited', acceptedAt: null },
      'The onboarding waits for its invite to be accepted; it takes no order of yours now.',
    ],
    [{ state: 'rolled_back' }, 'The onboarding is rolled_back; it takes no order of yours now.'],
    [
      { state: 'expired', acceptedAt: null },
      'The onboarding is expired; it takes no order of yours now.',
    ],
  ])('%j: %s', (facts, told) => {
    expect(howItStands({ ...running, ...facts }, all)).toBe(told);
  });

  it('and no order is offered that its giver may not give', () => {
    const support = new Set(['onboardings:retry', 'onboardings:fix']);
    expect(howItStands(parked, support)).toBe('The onboarding is parked; it takes retry, fix now.');
  });
});
