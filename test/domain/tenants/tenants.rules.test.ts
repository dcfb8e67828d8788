import * as fc from 'fast-check';
import { TenantStatus } from '../../../src/contracts/registry';
import { aimOf, targetOf, tenantStatuses } from '../../../src/domain/tenants/tenants.rules';
import type { Standing, TenantAction } from '../../../src/domain/tenants/tenants.rules';

/** The transitions as the product's specification words them, written down a second time on purpose. */
const possible: readonly (readonly [TenantAction, readonly string[], string])[] = [
  ['provision', ['pending', 'active'], 'active'],
  ['provision', ['trial'], 'trial'],
  ['activate', ['trial'], 'active'],
  ['cancel', ['active'], 'frozen'],
  ['end-trial', ['trial'], 'frozen'],
  ['suspend', ['pending', 'trial', 'active'], 'suspended'],
  ['resume', ['suspended'], 'former'],
  ['archive', ['frozen'], 'archived'],
  [
    'delete',
    ['pending', 'trial', 'active', 'suspended', 'frozen', 'archived', 'deleted'],
    'deleted',
  ],
  ['restore', ['frozen', 'archived'], 'active'],
  ['restore', ['deleted'], 'deleted-from'],
  ['purge', ['deleted'], 'purging'],
];
const actions = [...new Set(possible.map(([action]) => action))];

const standings: fc.Arbitrary<Standing> = fc.record({
  status: fc.constantFrom(...tenantStatuses),
  formerStatus: fc.constantFrom('pending', 'trial', 'active'),
  deletedFrom: fc.constantFrom(...tenantStatuses),
});

test('a tenant has the statuses of its contract, in the order of its life', () => {
  expect(tenantStatuses).toEqual(TenantStatus.options);
});

test('an action leads where the specification says, and nowhere from any other status', () => {
  fc.assert(
    fc.property(standings, fc.constantFrom(...actions), (standing, action) => {
      const row = possible.find(
        ([name, from]) => name === action && from.includes(standing.status),
      );
      const expected =
        row?.[2] === 'former'
          ? standing.formerStatus
          : row?.[2] === 'deleted-from'
            ? standing.deletedFrom
            : row?.[2];
      expect(targetOf(standing, action)).toBe(expected);
      expect(tenantStatuses).toContain(aimOf(standing, action));
    }),
    { numRuns: 2000 },
  );
});

test('nothing leads out of purging, whatever is done', () => {
  for (const action of actions) {
    const standing = { status: 'purging', formerStatus: 'active', deletedFrom: 'active' } as const;
    expect(targetOf(standing, action)).toBeUndefined();
  }
});

test('what nothing remembers cannot be returned to', () => {
  const blank = { formerStatus: null, deletedFrom: null } as const;
  expect(targetOf({ status: 'suspended', ...blank }, 'resume')).toBeUndefined();
  expect(targetOf({ status: 'deleted', ...blank }, 'restore')).toBeUndefined();
});
