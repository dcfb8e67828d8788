import fc from 'fast-check';
import {
  assertionOf,
  groupsOf,
  isAuthoritative,
  issuerMistakes,
  mayConnect,
  returnPath,
  signInSurface,
  surfaceOf,
} from '../../../src/domain/identity/oidc.rules';
import { createIssuers } from '../../../src/domain/identity/oidc-issuers';
import type { IssuerRules } from '../../../src/domain/identity/oidc.rules';

const rules: IssuerRules = {
  name: 'corp',
  issuer: 'https://id.corp.example',
  client_id: 'console',
  audiences: { console: 'operator', portal: 'customer', resale: 'partner' },
  groups_claim: 'groups',
  roles: { ops: 'operator', chiefs: 'owner', odd: 'emperor' },
  authoritative_domains: ['Corp.example'],
};
const now = new Date('2026-11-21T12:00:00Z');
const said = (claims: Record<string, unknown>, surface: 'operator' | 'customer' = 'operator') =>
  assertionOf(rules, surface, { iss: rules.issuer, sub: 's', ...claims }, now);

test.each([
  ['console', 'operator'],
  [['other', 'portal'], 'customer'],
  [['console', 'resale', 'portal'], 'customer'],
  [['console', 'resale'], 'partner'],
  ['other', undefined],
  ['constructor', undefined],
  [undefined, undefined],
  [[1, null], undefined],
])('the audience %j is the surface %s', (audience, surface) => {
  expect(surfaceOf(rules, audience)).toBe(surface);
});

test.each([
  [{ groups: ['ops', 'x', 'ops'] }, 'groups', ['ops', 'x', 'ops']],
  [{ groups: 'ops' }, 'groups', ['ops']],
  [{ realm: { roles: ['ops', 7, null] } }, 'realm.roles', ['ops']],
  [{ 'https://x/roles.v1': ['ops'] }, 'https://x/roles.v1', ['ops']],
  [{ groups: { ops: true } }, 'groups', []],
  [{}, 'constructor.name', []],
  [{ a: null }, 'a.b.c', []],
])('of %j the claim %s names the groups %j', (claims, claim, groups) => {
  expect(groupsOf(claims, claim)).toEqual(groups);
});

describe('what a token says', () => {
  test('gives roles that exist, never an owner’s, and only to operators', () => {
    const groups = ['ops', 'chiefs', 'odd', 'constructor'];
    expect(said({ groups }).roles).toEqual(['operator']);
    expect(said({ groups }, 'customer').roles).toEqual([]);
  });

  test('proves an address only when it is verified and of an authoritative domain', () => {
    const proven = (email: unknown, email_verified: unknown) =>
      said({ email, email_verified }).emailProven;
    expect(proven('Mila@CORP.example', true)).toBe(true);
    expect(proven('mila@corp.example', 'true')).toBe(false);
    expect(proven('mila@corp.example', undefined)).toBe(false);
    expect(proven('mila@corp.example.evil.example', true)).toBe(false);
    expect(proven('mila@evil.example@corp.example', true)).toBe(true);
    expect(proven('mila@sub.corp.example', true)).toBe(false);
    expect(proven(42, true)).toBe(false);
    expect(said({ email: 'Mila@CORP.example' }).email).toBe('mila@corp.example');
  });

  test('of the future counts as now', () => {
    const far = Date.parse('2030-01-01') / 1000;
    expect(said({ iat: far, auth_time: far })).toMatchObject({ issuedAt: now, authTime: now });
    expect(said({}).authTime).toBeNull();
    expect(said({ auth_time: 'yesterday' }).authTime).toBeNull();
  });
});

test('an issuer speaks for its own domains, not for those that end like them', () => {
  expect(isAuthoritative(rules, 'a@corp.example')).toBe(true);
  expect(isAuthoritative(rules, 'a@notcorp.example')).toBe(false);
});

describe('the path to go back to', () => {
  test.each(['/', '/console', '/invite/abc?lang=de#top', '/a//b'])('may be %s', (path) => {
    expect(returnPath(path)).toBe(path);
  });

  test('never leads a browser to another site', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.stringMatching(/^\/[/\\@:.\t\nA-z]{0,12}$/),
          fc.webUrl(),
        ),
        (text) => {
          const path = returnPath(text);
          if (path !== null) {
            expect(new URL(path, 'https://usher.example').origin).toBe('https://usher.example');
          }
        },
      ),
      { numRuns: 3_000 },
    );
    for (const text of [
      '//evil.example',
      '/\\evil.example',
      '/\t/evil.example',
      '\\\\evil',
      undefined,
    ]) {
      expect(returnPath(text)).toBeNull();
    }
  });
});

describe('the configuration of issuers', () => {
  test.each([
    ['https://id.example', false, true],
    ['http://id.example', false, false],
    ['http://id.example', true, true],
    ['http://127.0.0.1:9999', false, true],
    ['http://localhost:9999', false, true],
    ['http://[::1]:9999', false, true],
    ['http://127.0.0.1.evil.example', false, false],
    ['ftp://id.example', true, false],
  ])('%s in development %s: %s', (url, dev, may) => {
    expect(mayConnect(url, dev)).toBe(may);
  });

  test('is told all its mistakes', () => {
    const mistaken = [rules, { ...rules, issuer: 'http://id.example' }];
    expect(issuerMistakes(mistaken, false)).toEqual([
      'OIDC_ISSUERS names corp twice',
      'OIDC_ISSUERS: the issuer of corp must be https',
    ]);
    expect(() => createIssuers({ issuers: mistaken, dev: false })).toThrow('2 mistake(s)');
    expect(issuerMistakes([rules], false)).toEqual([]);
  });

  test.each([
    [{ console: 'operator', portal: 'customer' }, 'operator'],
    [{ portal: 'partner' }, 'partner'],
    [{ a: 'operator', b: 'customer' }, 'customer'],
    [{}, 'customer'],
  ] as const)('with the audiences %j signs people in on the surface %s', (audiences, surface) => {
    expect(signInSurface({ client_id: 'console', audiences })).toBe(surface);
  });
});
