import fc from 'fast-check';
import { orderKinds, orderPossible } from '../../../src/domain/onboarding/jobs.rules';
import type { OrderFacts } from '../../../src/domain/onboarding/jobs.rules';
import { isFinal, provisioningStates } from '../../../src/domain/onboarding/onboarding.rules';
import { viewOf } from '../../../src/domain/onboarding/view.rules';
import type { OnboardingFacts } from '../../../src/domain/onboarding/view.rules';
import { anyFacts } from './facts-arbitrary';

const all = new Set(orderKinds.map((kind) => `onboardings:${kind}`));
const reminders = { inviteHours: 48, customerHours: [24] };

const standing = (facts: OnboardingFacts, skippable: boolean): OrderFacts => ({
  state: facts.state,
  waitingFor: facts.waitingFor,
  undoing: facts.undoing,
  kind: facts.kind,
  acceptedAt: facts.userId === null ? null : new Date(0),
  failedStepSkippable: skippable,
});
const possible = (facts: OnboardingFacts, skippable = true): string[] =>
  orderKinds.filter((kind) => orderPossible(standing(facts, skippable), kind, all).possible);

describe('the orders that an onboarding takes', () => {
  test('fit its state: none before the accept and after the end, every one of a parked step, cancel always', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const taken = possible(facts);
        const accepted = facts.userId !== null;
        if (!accepted || isFinal(facts.state)) expect(taken).toEqual([]);
        else {
          expect(taken).toContain('cancel');
          const parked = facts.state === 'failed' && facts.waitingFor === 'order';
          expect(taken.includes('retry')).toBe(parked);
          expect(taken.includes('fix')).toBe(parked && !facts.undoing);
          expect(taken.includes('skip')).toBe(parked && !facts.undoing);
          expect(taken.includes('rollback')).toBe(facts.waitingFor !== null && !facts.undoing);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('leave no stop without a way out: whatever waits for an order takes one', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        if (facts.waitingFor === null) return;
        expect(possible(facts, false).length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });

  test('lead where the workflow goes on: after a retry a step, an activation or an undoing is next', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        if (!possible(facts).includes('retry')) return;
        const retried: OnboardingFacts = {
          ...facts,
          state: facts.stoodAt ?? provisioningStates[0],
          waitingFor: null,
          queuedOrderId: null,
          steps: facts.steps.map((step) => ({
            ...step,
            retryInMs: 0,
            status: step.status === 'parked' ? 'pending' : step.status,
          })),
        };
        const view = viewOf(retried, reminders);
        const goesOn =
          view.next?.ready === true ||
          view.undo?.ready === true ||
          view.readyToActivate ||
          view.waitMs === 0;
        expect(goesOn).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('need the permission of their name, and skipping a step that the connector marks', () => {
    fc.assert(
      fc.property(anyFacts, fc.constantFrom(...orderKinds), (facts, kind) => {
        const others = new Set([...all].filter((name) => name !== `onboardings:${kind}`));
        expect(orderPossible(standing(facts, true), kind, others)).toEqual({
          possible: false,
          whyNot: 'forbidden',
        });
        expect(possible(facts, false)).not.toContain('skip');
      }),
    );
  });

  test('come too late for an active one, which is said so', () => {
    fc.assert(
      fc.property(anyFacts, fc.constantFrom(...orderKinds), (facts, kind) => {
        const active = { ...standing(facts, true), state: 'active' as const };
        expect(orderPossible(active, kind, all).whyNot).toBe('already-active');
      }),
    );
  });
});
