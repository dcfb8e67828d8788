import fc from 'fast-check';
import { createLeaseCache } from '../../../src/domain/api-keys/lease-cache';
import { createUsage } from '../../../src/domain/api-keys/usage';
import { goodKey } from './facts';

const soon = () => performance.now() + 60_000;
const usage = createUsage(() => Promise.reject(new Error('not asked')));
const key = (id: string, tenantId = 'tenant') => {
  const facts = { ...goodKey, id, tenantId };
  const known = { cost: 0, windowStart: 0, windowSeconds: 0, windowCost: 0 };
  const charged = usage.charge(facts, { cost: 0, now: 0, known, knownAt: 0, deadline: 0 });
  if (charged instanceof Promise) throw new Error('A key without limits is charged at once');
  return { facts, counter: charged.counter };
};

/** A cache whose lease holds, with three keys of two tenants. */
function filled() {
  const cache = createLeaseCache(100);
  cache.renew(soon());
  for (const [id, tenant] of [
    ['a', 'one'],
    ['b', 'one'],
    ['c', 'two'],
  ] as const)
    cache.keep(id, key(id, tenant), cache.generation(), Infinity);
  const kept = (): string[] =>
    ['a', 'b', 'c'].filter((name) => cache.find(name, performance.now()) !== undefined);
  return { cache, kept };
}

test('nothing is found before a lease, after it or once it is taken back', () => {
  const { cache, kept } = filled();
  expect(kept()).toEqual(['a', 'b', 'c']);
  expect(cache.find('a', soon() + 1)).toBeUndefined();
  cache.renew(-Infinity);
  expect(kept()).toEqual([]);
  const unleased = createLeaseCache(10);
  unleased.keep('a', key('a'), unleased.generation(), Infinity);
  unleased.renew(soon());
  expect(unleased.find('a', performance.now())).toBeUndefined();
});

test('a key is found until what it rests on ends, and not at that moment', () => {
  const { cache } = filled();
  const until = Math.trunc(performance.now()) + 1_000;
  cache.keep('d', key('d'), cache.generation(), until);
  expect(cache.find('d', until - 0.001)?.facts.id).toBe('d');
  expect(cache.find('d', until)).toBeUndefined();
});

test.each([
  [{ keyId: 'a' }, ['b', 'c']],
  [{ tenantId: 'one' }, ['c']],
  [{ keyId: 'unknown' }, ['a', 'b', 'c']],
  ['any' as const, []],
])('a change of %j leaves %j', (change, rest) => {
  const { cache, kept } = filled();
  cache.remove(change);
  expect(kept()).toEqual(rest);
});

test('what a query read is not kept when any change was told while it was under way', () => {
  const { cache, kept } = filled();
  const since = cache.generation();
  cache.remove({ keyId: 'a' });
  cache.keep('a', key('a', 'one'), since, Infinity);
  expect(kept()).toEqual(['b', 'c']);
});

test('however many keys come, no more are kept than were asked for', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.nat({ max: 200 }), { maxLength: 400 }),
      (most, names) => {
        const cache = createLeaseCache(most);
        cache.renew(soon());
        for (const name of names) {
          if (cache.find(String(name), performance.now())) continue;
          cache.keep(String(name), key(String(name)), cache.generation(), Infinity);
        }
        const found = [...new Set(names)].filter((name) =>
          cache.find(String(name), performance.now()),
        );
        // Two generations, each of half of them, rounded up.
        expect(found.length).toBeLessThanOrEqual(2 * Math.ceil(most / 2));
        if (names.length > 0) expect(found).toContain(names.at(-1));
      },
    ),
  );
});
