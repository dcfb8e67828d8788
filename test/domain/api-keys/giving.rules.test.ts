import fc from 'fast-check';
import type { Caller } from '../../../src/domain/identity/callers';
import { userCaller } from '../../../src/domain/identity/callers';
import { permissionsOf, rankOf, roles } from '../../../src/domain/identity/roles.rules';
import { commandLine, issuerOf, mayGiveRole } from '../../../src/domain/api-keys/issuers.rules';
import { readForeignHash } from '../../../src/domain/api-keys/imported-hashes';
import {
  excessOf,
  excessOfKeys,
  limitsUnder,
} from '../../../src/domain/api-keys/plan-limits.rules';
import {
  scopeCatalogue,
  scopeMistakes,
  scopesBeyond,
  sortedScopes,
} from '../../../src/domain/api-keys/scopes.rules';
import { planOf } from '../../../src/domain/tenants/plans.rules';

const tenantId = '0193f4c2-7a10-7c55-9a3e-51d6f0b7c2aa';
const tenantRoles = ['owner', 'admin', 'client'] as const;
const member = (role: string, of = tenantId): Caller =>
  userCaller(
    {
      userId: 'u',
      sessionId: null,
      surface: 'customer',
      authenticatedAt: null,
      mustChangePassword: false,
    },
    [
      {
        scope: 'tenant',
        tenantId: of,
        tenantSlug: 'acme',
        tenantStatus: 'active',
        partnerId: null,
        role,
      },
    ],
  );
const service = (...permissions: string[]): Caller => ({
  kind: 'service',
  actorId: 'service:s',
  serviceAccountId: 's',
  name: 's',
  permissions: new Set(permissions),
});

describe('a role', () => {
  test('is given by one of the tenant’s people exactly up to their own', () => {
    for (const own of tenantRoles)
      for (const given of tenantRoles)
        expect(mayGiveRole(issuerOf(member(own), tenantId), given)).toBe(
          rankOf('tenant', own) >= rankOf('tenant', given),
        );
  });

  test('is not given by somebody of another tenant, nor by a machine that only issues', () => {
    const stranger = issuerOf(member('owner', '0193f4c2-7a10-7c55-9a3e-51d6f0b7c2ab'), tenantId);
    const machine = issuerOf(service('keys:create'), tenantId);
    for (const role of tenantRoles) {
      expect(mayGiveRole(stranger, role)).toBe(false);
      expect(mayGiveRole(machine, role)).toBe(false);
    }
  });

  test('is given by a machine that holds all of it, by staff who invite people, and by the command line', () => {
    const all = issuerOf(service(...permissionsOf('tenant', 'client')), tenantId);
    expect([mayGiveRole(all, 'client'), mayGiveRole(all, 'admin')]).toEqual([true, false]);
    expect(mayGiveRole(issuerOf(service('invites:create'), tenantId), 'owner')).toBe(true);
    expect(mayGiveRole(commandLine, 'owner')).toBe(true);
  });
});

describe('the catalogue of scopes', () => {
  const scopes = Object.keys(scopeCatalogue);

  test('needs permissions that every role with keys:create has, for each scope that is active', () => {
    const active = scopes.filter((scope) => scopeCatalogue[scope]?.status === 'active');
    for (const [scope, table] of Object.entries(roles))
      for (const [role, held] of Object.entries<readonly string[]>(table))
        if (held.includes('keys:create'))
          expect([scope, role, scopesBeyond(active, new Set(held))]).toEqual([scope, role, []]);
  });

  test('knows what is wrong with any list: each scope is unknown, planned, or fine', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...scopes), fc.string(), fc.constant('toString'))),
        (list) => {
          const { unknown, planned } = scopeMistakes(list);
          const fine = list.filter(
            (_, index) => !unknown.includes(index) && !planned.includes(list[index] ?? ''),
          );
          expect(fine.every((scope) => scopeCatalogue[scope]?.status === 'active')).toBe(true);
          expect(unknown.every((index) => !scopes.includes(list[index] ?? ''))).toBe(true);
          expect(new Set(sortedScopes(list))).toEqual(new Set(list));
        },
      ),
    );
  });

  test('gives nothing to who holds nothing, and all to who holds all', () => {
    expect(scopesBeyond(scopes, new Set())).toEqual(scopes.filter((scope) => scope !== 'whoami'));
    expect(scopesBeyond(scopes, 'all')).toEqual([]);
  });
});

describe('the limits of a plan', () => {
  const anyRate = fc.record({
    limit: fc.integer({ min: 1, max: 100_000 }),
    windowSeconds: fc.integer({ min: 1, max: 86_400 }),
  });

  test('are what is set where nothing is asked for, and are never in excess themselves', () => {
    for (const name of ['starter', 'pro', 'constructor', '']) {
      const plan = planOf(name);
      expect(excessOf(plan, limitsUnder(plan, {}))).toBeNull();
    }
  });

  test('bound the rate whatever the window', () => {
    const plan = planOf('starter');
    const most = plan.rateLimit.limit / plan.rateLimit.windowSeconds;
    fc.assert(
      fc.property(anyRate, (rate) => {
        const excess = excessOf(plan, limitsUnder(plan, { rate }));
        expect(excess !== null).toBe(rate.limit / rate.windowSeconds > most + 1e-9);
      }),
    );
  });

  test('bound the number of keys and the usage', () => {
    const plan = planOf('starter');
    expect(excessOfKeys(plan, 4)).toBeNull();
    expect(excessOfKeys(plan, 5)).toEqual({ of: 'keys', limit: 5 });
    expect(excessOf(plan, { rate: plan.rateLimit, usage: null })?.of).toBe('usage_limit');
    expect(excessOf(planOf('pro'), { rate: plan.rateLimit, usage: null })).toBeNull();
  });
});

describe('a foreign hash', () => {
  test('is read as SHA-256 in hexadecimal or argon2id in any base64, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 8, maxLength: 64 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.constantFrom('base64', 'base64url'),
        (salt, digest, coding) => {
          const text = (bytes: Uint8Array) => Buffer.from(bytes).toString(coding);
          const read = readForeignHash(`argon2id|${text(salt)}|${text(digest)}`);
          expect(read).toEqual({
            kind: 'argon2id',
            salt: Buffer.from(salt),
            digest: Buffer.from(digest),
          });
          const hex = Buffer.from(digest).toString('hex');
          expect(readForeignHash(hex)).toEqual({ kind: 'sha256', digest: Buffer.from(digest) });
        },
      ),
    );
  });

  test('of anything else is none', () => {
    const good = `argon2id|${'A'.repeat(22)}|${'A'.repeat(43)}`;
    expect(readForeignHash(good)).toBeDefined();
    for (const text of [
      '',
      'abc',
      'z'.repeat(64),
      `${good}|A`,
      good.replace('argon2id', 'argon2i'),
      good.replace('A'.repeat(43), 'A'.repeat(42)),
      `argon2id|AAAA|${'A'.repeat(43)}`,
      `argon2id|${'A'.repeat(100)}|${'A'.repeat(43)}`,
      `argon2id|${'A'.repeat(21)}*|${'A'.repeat(43)}`,
    ])
      expect(readForeignHash(text)).toBeUndefined();
  });
});
