import { identityEndpoints } from '../../../src/contracts/identity';
import { anonymous, holds, userCaller, widestSurface } from '../../../src/domain/identity/callers';
import type { Caller, CallerMembership, UserCaller } from '../../../src/domain/identity/callers';
import {
  belongsTo,
  belongsToPartner,
  hasConfirmed,
  mayInTenant,
  openBeforePasswordChange,
  refusalOf,
} from '../../../src/domain/identity/permits.rules';

const now = new Date('2026-11-21T12:00:00Z');
const ago = (minutes: number) => new Date(now.getTime() - minutes * 60_000);

const held = (over: Partial<CallerMembership>): CallerMembership => ({
  scope: 'tenant',
  tenantId: null,
  tenantSlug: null,
  tenantStatus: null,
  partnerId: null,
  role: 'client',
  ...over,
});
const platform = (role: string) => held({ scope: 'platform', role });
const tenant = (role = 'client', tenantStatus = 'active') =>
  held({ tenantId: 't1', tenantSlug: 'acme', tenantStatus, role });
const partner = held({ scope: 'partner', partnerId: 'p1', role: 'partner' });

const user = (memberships: CallerMembership[], over: Partial<UserCaller> = {}): UserCaller => ({
  ...userCaller(
    {
      userId: 'u1',
      sessionId: 's1',
      surface: over.surface ?? 'operator',
      authenticatedAt: ago(1),
      mustChangePassword: false,
    },
    memberships,
  ),
  ...over,
});
const service = (...permissions: string[]): Caller => ({
  kind: 'service',
  actorId: 'service:s1',
  serviceAccountId: 's1',
  name: 'robot',
  permissions: new Set(permissions),
});
const customer: Caller = {
  kind: 'onboarding',
  actorId: 'user:u1',
  userId: 'u1',
  onboardingId: 'o1',
  tenantId: 't1',
};
const permit = (access: string, over = {}) =>
  ({ operationId: 'doIt', access, ...over }) as Parameters<typeof refusalOf>[1];
const refusal = (caller: Caller, access: string, over = {}) =>
  refusalOf(caller, permit(access, over), now);

describe('an endpoint', () => {
  test('that is public or for the holder of a token is open to everybody', () => {
    for (const caller of [anonymous, customer, service(), user([])]) {
      expect(refusal(caller, 'public')).toBeUndefined();
      expect(refusal(caller, 'holder')).toBeUndefined();
    }
  });

  test('for people who are signed in is closed to nobody and to an onboarding cookie', () => {
    expect(refusal(anonymous, 'signed-in')).toBe('unauthenticated');
    expect(refusal(customer, 'signed-in')).toBe('unauthenticated');
    expect(refusal(user([]), 'signed-in')).toBeUndefined();
    expect(refusal(service(), 'signed-in')).toBeUndefined();
  });

  test('with a permission is closed to everybody without it', () => {
    expect(refusal(anonymous, 'invites:create')).toBe('unauthenticated');
    expect(refusal(customer, 'invites:create')).toBe('unauthenticated');
    expect(refusal(user([platform('support')]), 'invites:create')).toBe('forbidden');
    expect(refusal(service('invites:read'), 'invites:create')).toBe('forbidden');
    expect(refusal(user([platform('operator')]), 'invites:create')).toBeUndefined();
    expect(refusal(service('invites:create'), 'invites:create')).toBeUndefined();
  });

  test('that customers may use for themselves lets everybody known through to its handler', () => {
    const self = { orSelf: true };
    expect(refusal(anonymous, 'onboardings:read', self)).toBe('unauthenticated');
    expect(refusal(customer, 'onboardings:read', self)).toBeUndefined();
    expect(refusal(user([tenant()]), 'onboardings:read', self)).toBeUndefined();
  });

  test('of operators tells a token for customers that it is the wrong one', () => {
    const token = user([tenant()], { sessionId: null, surface: 'customer' });
    expect(refusal(token, 'invites:create')).toBe('wrong-audience');
    expect(refusal(user([tenant()], { surface: 'customer' }), 'invites:create')).toBe('forbidden');
  });

  test('that is dangerous wants a sign-in of the last 10 minutes', () => {
    const danger = { stepUp: true };
    const admin = (authenticatedAt: Date | null) => user([platform('admin')], { authenticatedAt });
    expect(refusal(admin(ago(9.9)), 'users:grant', danger)).toBeUndefined();
    expect(refusal(admin(ago(10)), 'users:grant', danger)).toBe('step-up-required');
    expect(refusal(admin(null), 'users:grant', danger)).toBe('step-up-required');
    expect(refusal(admin(ago(-5)), 'users:grant', danger)).toBe('step-up-required');
    expect(refusal(service('users:grant'), 'users:grant', danger)).toBeUndefined();
    expect(hasConfirmed(anonymous, now)).toBe(false);
  });

  test('waits until a temporary password is changed, but for what that takes', () => {
    const caller = user([platform('owner')], { mustChangePassword: true });
    expect(refusal(caller, 'invites:read')).toBe('password-change-required');
    expect(refusal(caller, 'signed-in')).toBe('password-change-required');
    const ids = identityEndpoints.map(({ operationId }) => operationId as string);
    for (const operationId of openBeforePasswordChange) {
      expect(ids).toContain(operationId);
      expect(refusal(caller, 'signed-in', { operationId })).toBeUndefined();
    }
  });
});

describe('a person', () => {
  test('works on the widest surface that their memberships open', () => {
    expect(widestSurface([tenant(), partner, platform('auditor')])).toBe('operator');
    expect(widestSurface([tenant(), partner])).toBe('partner');
    expect(widestSurface([tenant()])).toBe('customer');
    expect(widestSurface([])).toBe('customer');
  });

  test('takes to a narrower surface only what holds there', () => {
    const all = [tenant(), partner, platform('owner')];
    expect(user(all).permissions.has('onboardings:skip')).toBe(true);
    const asPartner = user(all, { surface: 'partner' });
    expect(asPartner.platformRoles).toEqual([]);
    expect(belongsToPartner(asPartner, 'p1')).toBe(true);
    const asCustomer = user(all, { surface: 'customer' });
    expect([...asCustomer.permissions]).toEqual([]);
    expect(belongsToPartner(asCustomer, 'p1')).toBe(false);
    expect(belongsTo(asCustomer, 't1')).toBe(true);
  });

  test('has in a tenant what the role there allows, and nothing of it anywhere else', () => {
    const client = user([tenant()], { surface: 'customer' });
    expect(holds(client, 'onboardings:provision')).toBe(false);
    expect(mayInTenant(client, 't1', 'onboardings:provision')).toBe(true);
    expect(mayInTenant(client, 't2', 'onboardings:provision')).toBe(false);
    expect(mayInTenant(client, 't1', 'users:grant')).toBe(false);
    expect(mayInTenant(user([tenant('owner')]), 't1', 'users:grant')).toBe(true);
  });

  test('has nothing in a tenant that is not open', () => {
    for (const status of ['suspended', 'frozen', 'archived', 'deleted', 'purging']) {
      const client = user([tenant('owner', status)]);
      expect(mayInTenant(client, 't1', 'keys:create')).toBe(false);
      expect(belongsTo(client, 't1')).toBe(true);
    }
  });
});

test('operators, services and the customer of an onboarding belong where they belong', () => {
  expect(mayInTenant(user([platform('operator')]), 't9', 'tenants:read')).toBe(true);
  expect(mayInTenant(service('tenants:read'), 't9', 'tenants:read')).toBe(true);
  expect(mayInTenant(customer, 't1', 'tenants:read')).toBe(false);
  expect(belongsTo(customer, 't1')).toBe(true);
  expect(belongsTo(customer, 't2')).toBe(false);
  expect(belongsTo(service('tenants:read'), 't1')).toBe(false);
  expect(belongsTo(anonymous, 't1')).toBe(false);
});
