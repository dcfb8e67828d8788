import type { PlatformRole, Surface } from '../../contracts/identity';
import { isPlatformRole } from './roles.rules';

/** The part of an issuer's configuration that decides what its people are here. */
export interface IssuerRules {
  readonly name: string;
  readonly issuer: string;
  readonly client_id?: string | undefined;
  readonly audiences: Readonly<Record<string, Surface>>;
  readonly groups_claim: string;
  readonly roles: Readonly<Record<string, string>>;
  readonly authoritative_domains: readonly string[];
}

/** What an issuer says of a person, checked and reduced to what Usher goes by. */
export interface Assertion {
  readonly issuerName: string;
  readonly issuer: string;
  readonly subject: string;
  readonly surface: Surface;
  /** Lower-case; null when the issuer names none. */
  readonly email: string | null;
  /** Whether the issuer has verified the address and is authoritative for its domain. */
  readonly emailProven: boolean;
  readonly name: string | null;
  /** Platform roles by its groups; never `owner`, and none on another surface than the operators'. */
  readonly roles: readonly PlatformRole[];
  readonly issuedAt: Date;
  /** When the person proved to the issuer who they are; null when it does not say. */
  readonly authTime: Date | null;
}

/** The claims of a token whose signature, issuer and times have been checked. */
export type Claims = Readonly<Record<string, unknown>>;

/** The surface that a token is for, by its audiences; undefined when it is for none of ours. */
export function surfaceOf(
  rules: Pick<IssuerRules, 'audiences'>,
  audience: unknown,
): Surface | undefined {
  const named = (Array.isArray(audience) ? audience : [audience]) as unknown[];
  const surfaces = new Set(
    named.flatMap((name) =>
      typeof name === 'string' && Object.hasOwn(rules.audiences, name)
        ? [rules.audiences[name]]
        : [],
    ),
  );
  // A token that is for several surfaces counts for the one that can do least.
  return (['customer', 'partner', 'operator'] as const).find((surface) => surfaces.has(surface));
}

/**
 * The surface of people who sign in here through an issuer: that of its client id, which ID tokens are for. Where the
 * audiences do not name it, the one that they agree on, else the one that can do least.
 */
export function signInSurface(rules: Pick<IssuerRules, 'audiences' | 'client_id'>): Surface {
  const named = surfaceOf(rules, rules.client_id);
  const all = new Set(Object.values(rules.audiences));
  const [only] = all;
  return named ?? (only && all.size === 1 ? only : 'customer');
}

/** What a checked token says of its person. `now` bounds times that lie in the future. */
export function assertionOf(
  rules: IssuerRules,
  surface: Surface,
  claims: Claims,
  now: Date,
): Assertion {
  const email = textOf(claims['email'])?.normalize('NFC').toLowerCase() ?? null;
  return {
    issuerName: rules.name,
    issuer: textOf(claims['iss']) ?? rules.issuer,
    subject: textOf(claims['sub']) ?? '',
    surface,
    email,
    emailProven:
      email !== null && claims['email_verified'] === true && isAuthoritative(rules, email),
    name: textOf(claims['name'])?.slice(0, 200) ?? null,
    roles: surface === 'operator' ? rolesOf(rules, groupsOf(claims, rules.groups_claim)) : [],
    issuedAt: timeOf(claims['iat'], now) ?? now,
    authTime: timeOf(claims['auth_time'], now),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

function timeOf(value: unknown, now: Date): Date | null {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) return null;
  return new Date(Math.min(value * 1000, now.getTime()));
}

/** Whether an issuer speaks for the domain of an address; subdomains have to be named themselves. */
export function isAuthoritative(
  rules: Pick<IssuerRules, 'authoritative_domains'>,
  email: string,
): boolean {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  return rules.authoritative_domains.some((own) => own.toLowerCase() === domain);
}

/** The groups of a person: a list or one text, under the claim's name or along its dotted path. */
export function groupsOf(claims: Claims, claim: string): string[] {
  const value = Object.hasOwn(claims, claim)
    ? claims[claim]
    : claim
        .split('.')
        .reduce<unknown>(
          (at, key) =>
            typeof at === 'object' && at !== null && Object.hasOwn(at, key)
              ? (at as Claims)[key]
              : undefined,
          claims,
        );
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((group): group is string => typeof group === 'string');
}

function rolesOf(rules: IssuerRules, groups: readonly string[]): PlatformRole[] {
  const roles = groups.flatMap((group) => {
    const role = Object.hasOwn(rules.roles, group) ? rules.roles[group] : undefined;
    return role !== undefined && role !== 'owner' && isPlatformRole(role) ? [role] : [];
  });
  return [...new Set(roles)];
}

/** What is known of the account that has the address of an identity which nobody has linked yet. */
export interface LinkCandidate {
  readonly active: boolean;
  /** It holds or held a platform role. */
  readonly staff: boolean;
  /** Some identity is linked to it already. */
  readonly linked: boolean;
}

/**
 * Whether an identity may be linked to the account of its address: once, by a proven address, and never where that
 * would hand out a role on the platform, be it the account's or the identity's.
 */
export function mayLink(assertion: Assertion, account: LinkCandidate): boolean {
  return (
    assertion.emailProven &&
    assertion.roles.length === 0 &&
    account.active &&
    !account.staff &&
    !account.linked
  );
}

/**
 * A path on this site to go back to after signing in, or null: nothing that a browser would read as another host.
 */
export function returnPath(text: string | undefined): string | null {
  if (text === undefined || text.length > 500) return null;
  return /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(text) ? text : null;
}

/** Mistakes in the configured issuers that the shape of the list does not show; for boot. */
export function issuerMistakes(
  issuers: readonly Pick<IssuerRules, 'name' | 'issuer'>[],
  dev: boolean,
): string[] {
  const names = issuers.map(({ name }) => name);
  return issuers.flatMap(({ name, issuer }, index) => [
    ...(names.indexOf(name) === index ? [] : [`OIDC_ISSUERS names ${name} twice`]),
    ...(mayConnect(issuer, dev) ? [] : [`OIDC_ISSUERS: the issuer of ${name} must be https`]),
  ]);
}

/** Whether an issuer's address is secure enough: https, or http in development or to this machine itself. */
export function mayConnect(url: string, dev: boolean): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && (dev || isLoopback(hostname)));
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname);
}
