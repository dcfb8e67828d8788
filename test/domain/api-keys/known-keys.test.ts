import fc from 'fast-check';
import { createKnownKeys } from '../../../src/domain/api-keys/known-keys';
import { createUsage } from '../../../src/domain/api-keys/usage';
import { goodKey, nameOf } from './facts';

const usage = createUsage(() => Promise.reject(new Error('not asked')));
const key = (id: string, tenantId = 'tenant') => {
  const facts = { ...goodKey, id, tenantId };
  const known = { cost: 0, windowStart: 0, windowSeconds: 0, windowCost: 0 };
  const charged = usage.charge(facts, { cost: 0, now: 0, known, knownAt: 0, deadline: 0 });
  if (charged instanceof Promise) throw new Error('A key without limits is charged at once');
  return { facts, counter: charged.counter };
};

/** Three keys of two tenants. */
function filled() {
  const keys = createKnownKeys(100);
  for (const [id, tenant] of [
    ['a', 'one'],
    ['b', 'one'],
    ['c', 'two'],
  ] as const)
    keys.keep(nameOf(id), key(id, tenant), keys.generation());
  const kept = (): string[] =>
    ['a', 'b', 'c'].filter((name) => keys.find(nameOf(name)) !== undefined);
  return { keys, kept };
}

test.each([
  [{ keyId: 'a' }, ['b', 'c']],
  [{ tenantId: 'one' }, ['c']],
  [{ keyId: 'unknown' }, ['a', 'b', 'c']],
  ['any' as const, []],
])('a change of %j leaves %j', (change, rest) => {
  const { keys, kept } = filled();
  keys.remove(change);
  expect(kept()).toEqual(rest);
});

test('what a query read is not kept when any change was told while it was under way', () => {
  const { keys, kept } = filled();
  const since = keys.generation();
  keys.remove({ keyId: 'a' });
  keys.keep(nameOf('a'), key('a', 'one'), since);
  expect(kept()).toEqual(['b', 'c']);
  keys.keep(nameOf('a'), key('a', 'one'), keys.generation());
  expect(kept()).toEqual(['a', 'b', 'c']);
});

test('however many changes come, of the keys that are known those are gone that they are about', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const tenantOf = (id: string): string => (id < 'c' ? 'one' : 'two');
  const steps = fc.array(
    fc.oneof(
      { weight: 4, arbitrary: name.map((id) => ({ keep: id })) },
      { weight: 4, arbitrary: name.map((id) => ({ keyId: id })) },
      { weight: 1, arbitrary: fc.constantFrom('one', 'two').map((id) => ({ tenantId: id })) },
      { weight: 1, arbitrary: fc.constant('any' as const) },
      // Of others, so many that the changes are gone through.
      { weight: 1, arbitrary: fc.constant('many' as const) },
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const keys = createKnownKeys(100);
      const expected = new Set<string>();
      for (const step of all) {
        if (step === 'many')
          for (let n = 0; n < 1_100; n += 1) keys.remove({ keyId: `other-${String(n)}` });
        else if (step !== 'any' && 'keep' in step) {
          keys.keep(nameOf(step.keep), key(step.keep, tenantOf(step.keep)), keys.generation());
          expected.add(step.keep);
        } else {
          keys.remove(step);
          for (const id of [...expected])
            if (
              step === 'any' ||
              ('keyId' in step ? step.keyId === id : step.tenantId === tenantOf(id))
            )
              expected.delete(id);
        }
        const found = ['a', 'b', 'c', 'd', 'e'].filter((id) => keys.find(nameOf(id)) !== undefined);
        expect(found).toEqual([...expected].sort());
      }
    }),
  );
});

test('facts that were read again stay the ones that are there, unless time has made others of them', () => {
  const keys = createKnownKeys(10);
  const [first, second] = [key('a'), key('a')];
  keys.keep(nameOf('a'), first, keys.generation());
  keys.keep(nameOf('a'), second, keys.generation());
  expect(keys.find(nameOf('a'))?.facts).toBe(first.facts);
  expect(keys.find(nameOf('a'))?.counter).toBe(second.counter);
  const later = { ...second, facts: { ...second.facts, holdsUntil: 5 } };
  keys.keep(nameOf('a'), later, keys.generation());
  expect(keys.find(nameOf('a'))?.facts).toBe(later.facts);
  keys.remove({ keyId: 'a' });
  keys.keep(nameOf('a'), first, keys.generation());
  expect(keys.find(nameOf('a'))?.facts).toBe(first.facts);
});

test('a memory of none keeps none', () => {
  const keys = createKnownKeys(0);
  keys.keep(nameOf('a'), key('a'), keys.generation());
  expect(keys.find(nameOf('a'))).toBeUndefined();
});

test('however many keys come, no more are kept than were asked for', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.nat({ max: 200 }), { maxLength: 400 }),
      (most, names) => {
        const keys = createKnownKeys(most);
        for (const name of names) {
          if (keys.find(nameOf(String(name)))) continue;
          keys.keep(nameOf(String(name)), key(String(name)), keys.generation());
        }
        const found = [...new Set(names)].filter((name) => keys.find(nameOf(String(name))));
        // Two generations, each of half of them, rounded up.
        expect(found.length).toBeLessThanOrEqual(2 * Math.ceil(most / 2));
        if (names.length > 0) expect(found).toContain(names.at(-1));
      },
    ),
  );
});
