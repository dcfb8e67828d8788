import fc from 'fast-check';
import {
  isPermission,
  mayGrant,
  permissions,
  permissionsOf,
  rankOf,
  roles,
  stepUpPermissions,
} from '../../../src/domain/identity/roles.rules';
import type { Grantor } from '../../../src/domain/identity/roles.rules';

const platform = ['owner', 'admin', 'operator', 'support', 'auditor'] as const;
const as = (...held: (typeof platform)[number][]): Grantor => ({
  platformRoles: held,
  permissions: new Set(held.flatMap((role) => permissionsOf('platform', role))),
  memberships: [],
});
const member = (role: string, tenantId = 't1'): Grantor => ({
  platformRoles: [],
  permissions: new Set(),
  memberships: [{ scope: 'tenant', tenantId, partnerId: null, role }],
});
const has = (role: (typeof platform)[number], permission: string) =>
  (permissionsOf('platform', role) as readonly string[]).includes(permission);

describe('the table of roles', () => {
  test('names every permission once, and no other', () => {
    expect(new Set(permissions).size).toBe(permissions.length);
    const named = Object.values(roles).flatMap((table) => Object.values(table).flat());
    expect(named.filter((permission) => !isPermission(permission))).toEqual([]);
    expect([...stepUpPermissions].filter((permission) => !isPermission(permission))).toEqual([]);
  });

  test('gives an owner everything, an admin all but ownership, purge and skip', () => {
    expect(permissionsOf('platform', 'owner')).toEqual(permissions);
    const missing = permissions.filter((permission) => !has('admin', permission));
    expect(missing).toEqual(['onboardings:skip', 'gates:manage', 'tenants:purge']);
  });

  test('lets support read all that operators read, retry, fix and resend, and nothing else', () => {
    const reads = permissionsOf('platform', 'operator').filter((one) => one.endsWith(':read'));
    expect([...permissionsOf('platform', 'support')].sort()).toEqual(
      [...reads, 'onboardings:retry', 'onboardings:fix', 'invites:resend'].sort(),
    );
  });

  test('lets auditors read, export and hold the audit log and have its head signed, and nothing else', () => {
    expect(permissionsOf('platform', 'auditor')).toEqual([
      'audit:read',
      'audit:export',
      'audit:checkpoint',
      'audit:hold',
    ]);
  });

  test('lets nobody but an owner skip, purge or manage gates', () => {
    for (const role of platform.slice(1)) {
      for (const permission of ['onboardings:skip', 'tenants:purge', 'gates:manage']) {
        expect([role, permission, has(role, permission)]).toEqual([role, permission, false]);
      }
    }
  });

  test('gives a role that does not exist nothing', () => {
    fc.assert(
      fc.property(fc.string(), (role) => {
        fc.pre(!(platform as readonly string[]).includes(role));
        expect(permissionsOf('platform', role)).toEqual([]);
        expect(rankOf('platform', role)).toBe(0);
      }),
    );
    expect(permissionsOf('platform', 'constructor')).toEqual([]);
    expect(permissionsOf('platform', '__proto__')).toEqual([]);
  });
});

describe('granting', () => {
  test('reaches up to the own rank and never beyond', () => {
    for (const held of platform) {
      for (const role of platform) {
        const may = mayGrant(as(held), { scope: 'platform', role });
        if (rankOf('platform', role) > rankOf('platform', held)) expect(may).toBe(false);
        if (role === held) expect(may).toBe(true);
      }
    }
  });

  test('never hands out a permission that the grantor lacks', () => {
    fc.assert(
      fc.property(fc.subarray([...platform]), fc.constantFrom(...platform), (held, role) => {
        const grantor = as(...held);
        if (mayGrant(grantor, { scope: 'platform', role })) {
          expect(permissionsOf('platform', role).every((one) => grantor.permissions.has(one))).toBe(
            true,
          );
        }
      }),
    );
  });

  test('by a service account goes by its permissions', () => {
    const service = { permissions: new Set(permissionsOf('platform', 'auditor')) };
    expect(mayGrant(service, { scope: 'platform', role: 'auditor' })).toBe(true);
    expect(mayGrant(service, { scope: 'platform', role: 'support' })).toBe(false);
  });

  test('in a tenant is for who may invite everywhere, or who holds at least that role there', () => {
    const grant = (role: string, tenantId = 't1') => ({ scope: 'tenant', tenantId, role }) as const;
    expect(mayGrant(as('operator'), grant('owner'))).toBe(true);
    expect(mayGrant(as('support'), grant('client'))).toBe(false);
    expect(mayGrant(member('owner'), grant('owner'))).toBe(true);
    expect(mayGrant(member('admin'), grant('owner'))).toBe(false);
    expect(mayGrant(member('admin'), grant('client'))).toBe(true);
    expect(mayGrant(member('client'), grant('client'))).toBe(false);
    expect(mayGrant(member('owner'), grant('client', 't2'))).toBe(false);
    expect(mayGrant(member('owner'), grant('emperor'))).toBe(false);
    expect(mayGrant(member('owner'), { scope: 'platform', role: 'auditor' })).toBe(false);
  });
});
