import fc from 'fast-check';
import {
  isFinal,
  laterState,
  nextCall,
  provisioningStates,
  reachedState,
  retryDelay,
} from '../../../src/domain/onboarding/onboarding.rules';
import {
  currentStep,
  isBehind,
  isProvisioning,
  stateOfSteps,
  stepToUndo,
  viewOf,
} from '../../../src/domain/onboarding/view.rules';
import type { OnboardingFacts, OnboardingView } from '../../../src/domain/onboarding/view.rules';
import { anyFacts } from './facts-arbitrary';

const reminders = { inviteHours: 48, customerHours: [24, 72, 168] };
const day = 24 * 3_600_000;
const look = (facts: OnboardingFacts): OnboardingView => viewOf(facts, reminders);
const runs = 500;

const isRunnable = (view: OnboardingView): boolean =>
  view.next?.ready === true || view.undo?.ready === true || view.readyToActivate;

describe('what the workflow sees of an onboarding', () => {
  test('is always something to do, something to wait for, or the end; never a state in which nothing follows', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const view = look(facts);
        if (view.settled) {
          expect(isRunnable(view)).toBe(false);
          expect(view.mailDue).toBe(false);
          return;
        }
        expect(view.waitMs).toBeGreaterThanOrEqual(0);
        expect(view.waitMs).toBeLessThanOrEqual(day);
      }),
      { numRuns: runs },
    );
  });

  test('is the end only where nothing leaves the state by itself and no mail is open', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const view = look(facts);
        const ended = isFinal(facts.state) || facts.state === 'expired';
        expect(view.settled).toBe(ended && facts.mailInMs === null);
      }),
      { numRuns: runs },
    );
  });

  test('runs nothing while somebody is waited for or an order is to be applied, and an order is looked at at once', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const view = look(facts);
        if (facts.waitingFor !== null || facts.queuedOrderId !== null) {
          expect(isRunnable(view)).toBe(false);
        }
        if (facts.queuedOrderId !== null) expect(view.waitMs).toBe(0);
      }),
      { numRuns: runs },
    );
  });

  test('does at most one thing at a time, and never both does and undoes', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const view = look(facts);
        const things = [view.next?.ready, view.undo?.ready, view.readyToActivate];
        expect(things.filter(Boolean).length).toBeLessThanOrEqual(1);
        if (facts.undoing) expect(view.next).toBeNull();
        else expect(view.undo).toBeNull();
      }),
      { numRuns: runs },
    );
  });

  test('activates exactly when every step is behind, nothing halts it and nothing is undone', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const expected =
          isProvisioning(facts.state) &&
          facts.steps.every(isBehind) &&
          !facts.undoing &&
          facts.waitingFor === null &&
          facts.queuedOrderId === null;
        expect(look(facts).readyToActivate).toBe(expected);
      }),
      { numRuns: runs },
    );
  });

  test('looks again no later than its next mail, retry, reminder or expiry', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const { waitMs, settled } = look(facts);
        if (settled) return;
        if (facts.mailInMs !== null)
          expect(waitMs).toBeLessThanOrEqual(Math.max(0, facts.mailInMs));
        if (facts.state === 'invited' && !facts.invite.held) {
          expect(waitMs).toBeLessThanOrEqual(Math.max(0, facts.invite.expiresInMs));
        }
        const step = facts.undoing ? stepToUndo(facts) : currentStep(facts);
        const active = isProvisioning(facts.state) || facts.state === 'failed';
        if (active && step && facts.waitingFor === null && facts.queuedOrderId === null) {
          expect(waitMs).toBeLessThanOrEqual(step.retryInMs);
        }
      }),
      { numRuns: runs },
    );
  });
});

describe('a rollback', () => {
  test('undoes exactly the steps that were begun, the last one first, and then ends at once', () => {
    fc.assert(
      fc.property(anyFacts, (random) => {
        if (random.steps.length === 0) return;
        let facts: OnboardingFacts = {
          ...random,
          state: 'failed',
          undoing: true,
          waitingFor: null,
          queuedOrderId: null,
        };
        const wanted = facts.steps
          .filter((step) => step.begun && !['undone', 'left', 'skipped'].includes(step.status))
          .map(({ key }) => key)
          .reverse();
        const undone: string[] = [];
        for (let step = stepToUndo(facts); step; step = stepToUndo(facts)) {
          const { key } = step;
          undone.push(key);
          facts = {
            ...facts,
            steps: facts.steps.map((one) =>
              one.key === key ? { ...one, status: 'undone' as const } : one,
            ),
          };
        }
        expect(undone).toEqual(wanted);
        expect(look({ ...facts, mailInMs: null }).waitMs).toBe(0);
      }),
      { numRuns: runs },
    );
  });
});

describe('the state', () => {
  const names = [...provisioningStates];

  test('is reached when its step and all before it are done or skipped, and never moves back', () => {
    const declared: Readonly<Record<string, string>> = {
      'sample.register': 'workspace_registered',
      'sample.add-token': 'token_added',
      'sample.verify': 'validated',
    };
    fc.assert(
      fc.property(anyFacts, fc.constantFrom(...names), (facts, before) => {
        const reached = stateOfSteps(
          facts.steps,
          (key) => ({ state: declared[key] }) as ReturnType<Parameters<typeof stateOfSteps>[1]>,
        );
        const open = facts.steps.findIndex((step) => !isBehind(step));
        const behind = open < 0 ? facts.steps : facts.steps.slice(0, open);
        const last = behind.findLast(({ key }) => declared[key])?.key ?? '';
        expect(reached).toBe(declared[last] ?? 'email_confirmed');
        const later = laterState(before, reached);
        expect(names.indexOf(later as never)).toBe(
          Math.max(names.indexOf(before), names.indexOf(reached as never)),
        );
      }),
      { numRuns: runs },
    );
  });

  test('of a line without steps is where the accept left it', () => {
    expect(reachedState([])).toBe('email_confirmed');
  });
});

describe('a retry', () => {
  test('comes after 2, 5, 10, 20 and 40 seconds, and then never', () => {
    expect([1, 2, 3, 4, 5, 6, 7].map((failures) => retryDelay(failures))).toEqual([
      2_000,
      5_000,
      10_000,
      20_000,
      40_000,
      undefined,
      undefined,
    ]);
  });

  test('is put off by Retry-After and never brought forward', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.nat(1_800_000), (failures, wish) => {
        const usual = retryDelay(failures) ?? 0;
        expect(retryDelay(failures, wish)).toBe(Math.max(usual, wish));
      }),
    );
  });

  test('of a call in doubt is sent again only where that is safe', () => {
    expect(nextCall({ repeat: 'safe', inDoubt: true })).toBe('do');
    expect(nextCall({ repeat: 'verify', inDoubt: true })).toBe('verify');
    expect(nextCall({ repeat: 'never', inDoubt: true })).toEqual({ park: 'outcome-unknown' });
    for (const repeat of ['safe', 'verify', 'never'] as const) {
      expect(nextCall({ repeat, inDoubt: false })).toBe('do');
    }
  });
});
