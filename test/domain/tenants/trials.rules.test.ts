import * as fc from 'fast-check';
import { extendsTrial, trialDue, trialView } from '../../../src/domain/tenants/trials.rules';
import type { TrialFacts } from '../../../src/domain/tenants/trials.rules';

const day = 86_400_000;
const trial = (over: Partial<TrialFacts> = {}): TrialFacts => ({
  ended: false,
  status: 'trial',
  endsInMs: 10 * day,
  lastsMs: 14 * day,
  warned: false,
  ...over,
});

test.each([
  ['nothing before the warning', trial(), 'nothing'],
  ['the warning three days before', trial({ endsInMs: 3 * day }), 'warn'],
  ['the warning later, where nobody looked in time', trial({ endsInMs: 1 }), 'warn'],
  ['nothing between warning and end', trial({ endsInMs: day, warned: true }), 'nothing'],
  ['the end, warned or not', trial({ endsInMs: 0 }), 'end'],
  ['the end of one that became something else', trial({ status: 'active' }), 'end'],
  ['nothing once it has ended', trial({ ended: true, endsInMs: -day }), 'nothing'],
] as const)('due is %s', (_name, facts, due) => {
  expect(trialDue(facts)).toBe(due);
});

test('a trial is looked at again in time for what comes next, at the latest in a day', () => {
  expect(trialView(trial()).waitMs).toBe(day);
  expect(trialView(trial({ endsInMs: 3.5 * day })).waitMs).toBe(0.5 * day);
  expect(trialView(trial({ endsInMs: 1000, warned: true })).waitMs).toBe(1000);
});

test('a later end extends, an earlier or the same one does not; once it is over any does', () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true }), fc.date({ noInvalidDate: true }), (a, b) => {
      expect(extendsTrial(a, b)).toBe(b > a);
      expect(extendsTrial(null, b)).toBe(true);
    }),
  );
});
