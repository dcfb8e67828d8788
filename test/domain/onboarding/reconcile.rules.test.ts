import fc from 'fast-check';
import { conclude, sightOf } from '../../../src/domain/onboarding/reconcile.rules';
import type { Sight } from '../../../src/domain/onboarding/reconcile.rules';

const landed: Sight = { found: 'landed', problem: null };
const changed: Sight = { found: 'changed', problem: null };
const missing: Sight = { found: 'missing', problem: null };
const unknown: Sight = { found: 'unknown', problem: 'backend-timeout' };

describe('a look-up', () => {
  it.each([
    [{ kind: 'landed', extract: { sid: 's1' } }, 200, { sid: 's1' }, landed],
    [{ kind: 'landed', extract: { sid: 's2' } }, 200, { sid: 's1' }, changed],
    [{ kind: 'landed', extract: {} }, 200, { sid: 's1' }, landed],
    [{ kind: 'absent' }, 404, {}, missing],
    [{ kind: 'absent' }, 200, {}, changed],
    [
      { kind: 'permanent', problem: 'workspace-not-registered' },
      403,
      {},
      { found: 'missing', problem: 'workspace-not-registered' },
    ],
    [
      { kind: 'permanent', problem: 'backend-unauthorized' },
      401,
      {},
      { found: 'unknown', problem: 'backend-unauthorized' },
    ],
    [{ kind: 'transient', problem: 'backend-timeout' }, null, {}, unknown],
    [{ kind: 'rate-limited' }, 429, {}, { found: 'unknown', problem: 'backend-rate-limited' }],
  ] as const)('that says %o with %s means %o left: %o', (looked, status, left, sight) => {
    expect(sightOf(looked, status, left)).toEqual(sight);
  });
});

describe('the conclusion', () => {
  it.each([
    [[], { known: true, drift: null, problem: null }],
    [[landed, landed], { known: true, drift: null, problem: null }],
    [[missing], { known: true, drift: 'missing', problem: null }],
    [[landed, missing], { known: true, drift: 'changed', problem: null }],
    [[landed, changed], { known: true, drift: 'changed', problem: null }],
    [[unknown], { known: false, problem: 'backend-timeout' }],
    [[landed, unknown], { known: false, problem: 'backend-timeout' }],
  ])('of %j is %j', (sights, conclusion) => {
    expect(conclude(sights)).toEqual(conclusion);
  });

  it('never calls a resource missing or changed because the backend could not be asked', () => {
    const sight = fc.constantFrom(landed, changed, missing, unknown);
    fc.assert(
      fc.property(fc.array(sight), (sights) => {
        const first = sights.find(({ found }) => found !== 'landed');
        expect(conclude(sights).known).toBe(first?.found !== 'unknown');
      }),
    );
  });
});
