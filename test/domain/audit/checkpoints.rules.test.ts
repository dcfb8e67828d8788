import { dueReason } from '../../../src/domain/audit/checkpoints.rules';

describe('a checkpoint is due', () => {
  test.each([
    ['nothing is new', { size: 5, covered: 5, age: 9_999, starting: true }, undefined],
    ['the process has just started', { size: 6, covered: 5, age: 1, starting: true }, 'startup'],
    ['there was none', { size: 1, covered: 0, age: null, starting: false }, 'interval'],
    [
      'the last one is 5 minutes old',
      { size: 6, covered: 5, age: 300, starting: false },
      'interval',
    ],
    ['99 entries are new', { size: 104, covered: 5, age: 299, starting: false }, undefined],
    ['100 are new', { size: 105, covered: 5, age: 10, starting: false }, 'threshold'],
    ['100 are new within 10 s', { size: 105, covered: 5, age: 9.9, starting: false }, undefined],
  ])('when %s', (_when, situation, reason) => {
    expect(dueReason(situation)).toBe(reason);
  });
});
