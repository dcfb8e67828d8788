import { hash } from 'node:crypto';
import fc from 'fast-check';
import { createDigestMap } from '../../src/platform/digest-map';
import { createRecentMap } from '../../src/platform/recent-map';

/** Digests of few words, so that many belong into the same slot, and differ in their last bits alone. */
const word = fc.constantFrom('\0\0\0\0', '\x01\0\0\0', '\0\0\0\x80', '\xff\xff\xff\xff');
const digest = fc
  .tuple(word, word, fc.constantFrom('\0', '\x01'))
  .map(([first, second, last]) => first + second + '\0'.repeat(23) + last);
const most = fc.integer({ min: 1, max: 20 });

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ set: digest, value: fc.nat({ max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ without: fc.nat({ max: 9 }) }) },
);

test('a map of digests holds what a Map would, and takes no more than it may', () => {
  fc.assert(
    fc.property(
      most,
      fc.array(step, { maxLength: 80 }),
      fc.array(digest),
      (limit, steps, others) => {
        const map = createDigestMap<{ value: number }>(limit);
        const model = new Map<string, { value: number }>();
        for (const one of steps) {
          if ('set' in one) {
            const entry = { value: one.value };
            const fits = model.has(one.set) || model.size < limit;
            expect(map.set(one.set, entry)).toBe(fits);
            if (fits) model.set(one.set, entry);
          } else {
            map.deleteWhere(({ value }) => value === one.without);
            for (const [name, { value }] of model) if (value === one.without) model.delete(name);
          }
        }
        for (const name of [...model.keys(), ...others])
          expect(map.get(name)).toBe(model.get(name));
      },
    ),
  );
});

test('thousands of digests are found again, and none that is not there', () => {
  const names = Array.from({ length: 10_000 }, (_, n) => hash('sha256', String(n), 'binary'));
  const map = createDigestMap<string>(5_000);
  const there = names.slice(0, 5_000);
  for (const name of there) expect(map.set(name, name)).toBe(true);
  expect(names.filter((name) => map.get(name) === name)).toEqual(there);
  expect(map.set(names.at(-1) ?? '', 'one too many')).toBe(false);
});

test('what was set last is remembered', () => {
  fc.assert(
    fc.property(most, fc.array(digest, { maxLength: 100 }), (limit, names) => {
      const map = createRecentMap<string>(limit);
      for (const [at, name] of names.entries()) {
        map.set(name, name);
        const lately = new Set<string>();
        for (const one of names.slice(0, at + 1).reverse())
          if (lately.size < limit) lately.add(one);
        for (const one of lately) expect(map.get(one)).toBe(one);
      }
    }),
  );
});
