import fc from 'fast-check';
import { judge, mayName, undifferentiated } from '../../../src/domain/api-keys/verification.rules';
import type { Asked, KeyFacts } from '../../../src/domain/api-keys/verification.rules';
import { goodKey } from './facts';

const good: KeyFacts = {
  ...goodKey,
  admits: (address) => address.startsWith('10.'),
  product: 'search',
  entitled: ['search'],
  catalogue: ['search'],
};

const all: Asked = {
  tenantId: 'tenant',
  environment: 'live',
  address: '10.0.0.1',
  product: 'search',
  scopes: ['a:b'],
};

/** Every way to fail, in the order in which they are looked at. */
const failures: readonly [code: string, key: Partial<KeyFacts>, asked: Partial<Asked>][] = [
  ['WRONG_ENVIRONMENT', {}, { environment: 'test' }],
  ['NOT_FOUND', {}, { tenantId: 'another' }],
  ['TENANT_INACTIVE', { tenantOpen: false }, {}],
  ['REVOKED', { revoked: true }, {}],
  ['BLOCKED', { blocked: true }, {}],
  ['EXPIRED', { expired: true }, {}],
  ['ROTATED', { ended: true }, {}],
  ['IP_DENIED', {}, { address: '11.0.0.1' }],
  ['PRODUCT_DENIED', { entitled: [] }, {}],
  ['SCOPE_DENIED', {}, { scopes: ['a:b', 'e:f'] }],
];

describe('a key', () => {
  test('that passes every check is VALID, and stays so when less is asked of it', () => {
    fc.assert(
      fc.property(fc.subarray(Object.keys(all) as (keyof Asked)[]), (names) => {
        // The address is what its allow-list needs.
        const asked = Object.fromEntries(
          names.concat('address').map((name) => [name, all[name]]),
        ) as Asked;
        expect(judge(good, asked)).toBe('VALID');
      }),
    );
  });

  test('is answered by the first check that fails, whatever fails after it', () => {
    fc.assert(
      fc.property(fc.subarray([...failures.keys()], { minLength: 1 }), (failing) => {
        const chosen = failing.map((index) => failures[index]!);
        const key = Object.assign({}, good, ...chosen.map(([, facts]) => facts)) as KeyFacts;
        const asked = Object.assign({}, all, ...chosen.map(([, , given]) => given)) as Asked;
        expect(judge(key, asked)).toBe(chosen[0]![0]);
      }),
      { numRuns: 500 },
    );
  });

  test('with an allow-list is refused when nobody knows the address', () => {
    expect(judge(good, { ...all, address: undefined })).toBe('IP_DENIED');
    expect(judge({ ...good, admits: null }, { ...all, address: undefined })).toBe('VALID');
  });

  test('of no product is good for any, where the tenant is entitled to those of the catalogue', () => {
    const free = { ...good, product: null };
    expect(judge(free, { ...all, product: 'search' })).toBe('VALID');
    expect(judge(free, { ...all, product: 'outside' })).toBe('VALID');
    expect(judge({ ...free, entitled: [] }, all)).toBe('PRODUCT_DENIED');
    expect(judge(good, { ...all, product: 'outside' })).toBe('PRODUCT_DENIED');
  });

  test('that nobody knows is NOT_FOUND, whatever is asked', () => {
    fc.assert(
      fc.property(fc.constantFrom({}, all), (asked) => {
        expect(judge(undefined, asked)).toBe('NOT_FOUND');
        expect(mayName(undefined, asked)).toBe(false);
      }),
    );
  });

  test('of another tenant is never named', () => {
    expect(mayName(good, { tenantId: 'another' })).toBe(false);
    expect(mayName(good, { tenantId: 'tenant' })).toBe(true);
    expect(mayName(good, {})).toBe(true);
  });
});

test('the codes that tell whether a key exists share one answer on the GET route', () => {
  expect([...undifferentiated].sort()).toEqual(
    ['EXPIRED', 'MALFORMED', 'NOT_FOUND', 'REVOKED', 'ROTATED', 'WRONG_ENVIRONMENT'].sort(),
  );
});
