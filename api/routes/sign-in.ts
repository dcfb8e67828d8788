import type { Surface, identityEndpoints } from '../../src/contracts/identity';
import { DomainError } from '../../src/errors/problems';
import type { Caller, UserCaller } from '../../src/domain/identity/callers';
import { requestLoginLink } from '../../src/domain/identity/login-links';
import type { LoginLinkDeps } from '../../src/domain/identity/login-links';
import { describePerson, membershipRights } from '../../src/domain/identity/me';
import { beginOidc, finishOidc, oidcFlowMinutes } from '../../src/domain/identity/oidc-sign-in';
import type { OidcSignInDeps } from '../../src/domain/identity/oidc-sign-in';
import { changePassword } from '../../src/domain/identity/password-change';
import { permissionsOf } from '../../src/domain/identity/roles.rules';
import { signInWithPassword, signOut } from '../../src/domain/identity/sign-in';
import type { SignInDeps, SignInSource } from '../../src/domain/identity/sign-in';
import type { Handlers } from '../endpoint';
import { isToken, requestSource } from '../middleware/authenticate';
import type { Cookies } from '../middleware/cookies';

/** What the sign-in surface uses. */
export type SignInRoutesDeps = SignInDeps &
  LoginLinkDeps &
  OidcSignInDeps & {
    readonly cookies: Cookies;
    /** Where a browser goes on after signing in. */
    readonly landing: (surface: Surface) => string;
  };

type SignInEndpoint = Exclude<
  (typeof identityEndpoints)[number],
  { tag: 'pages' | 'users' | 'service accounts' }
>;

const accepted = { success: true } as const;

/** Handlers of signing in and out, the own password, and who one is. */
export function createSignInRoutes(deps: SignInRoutesDeps): Handlers<readonly SignInEndpoint[]> {
  const { cookies } = deps;

  return {
    async login(call) {
      const session = await signInWithPassword(deps, call.body, signInSource(call, cookies));
      return {
        status: 200,
        body: {
          ...accepted,
          user_id: session.userId,
          surface: session.surface,
          expires_at: session.expiresAt.toISOString(),
          must_change_password: session.mustChangePassword,
        },
        cookies: [cookies.session.set(session.token, session.expiresAt)],
      };
    },

    async requestLoginLink(call) {
      await requestLoginLink(deps, call.body.email, requestSource(call));
      return { status: 202, body: accepted };
    },

    async logout(call) {
      if (call.caller.kind === 'user') await signOut(deps.db, call.caller, requestSource(call));
      return { status: 204, body: null, cookies: [cookies.session.clear()] };
    },

    async changePassword(call) {
      const caller = requirePerson(call.caller);
      const { current_password: current, new_password: next } = call.body;
      const renewed = await changePassword(deps, caller, { current, next }, requestSource(call));
      return {
        status: 200,
        body: accepted,
        ...(renewed ? { cookies: [cookies.session.set(renewed.token, renewed.expiresAt)] } : {}),
      };
    },

    async startOidc(call) {
      const { return_to: returnTo, invite, step_up: stepUp } = call.query;
      const wish = { returnTo, invite, fresh: stepUp === 'true' };
      const start = await beginOidc(deps, call.params.name, wish, requestSource(call));
      const until = new Date(Date.now() + oidcFlowMinutes * 60_000);
      return {
        status: 302,
        body: null,
        headers: { Location: start.url },
        cookies: [cookies.oidc.set(start.state, until)],
      };
    },

    async finishOidc(call) {
      const answer = {
        params: singleParams(call.query),
        state: call.cookies[cookies.oidc.name],
      };
      const { session, returnTo } = await finishOidc(
        deps,
        call.params.name,
        answer,
        signInSource(call, cookies),
      );
      return {
        status: 302,
        body: null,
        headers: { Location: returnTo ?? deps.landing(session.surface) },
        cookies: [cookies.session.set(session.token, session.expiresAt), cookies.oidc.clear()],
      };
    },

    async getMe(call) {
      const { caller } = call;
      if (caller.kind === 'service') {
        return {
          status: 200,
          body: {
            user: null,
            service_account: { id: caller.serviceAccountId, name: caller.name },
            roles: [],
            permissions: [...caller.permissions].sort(),
            memberships: [],
            partner: null,
            surface: 'operator',
            authenticated_at: null,
            must_change_password: false,
          },
        };
      }
      const me = requirePerson(caller);
      const person = await describePerson(deps.db, me);
      if (!person) throw new DomainError('unauthenticated');
      return {
        status: 200,
        body: {
          user: { id: person.id, email: person.email, name: person.name, locale: person.locale },
          service_account: null,
          roles: rolesOn(me),
          permissions: permissionsOn(me),
          memberships: me.memberships.map(membershipRights).map((held) => ({
            scope: held.scope,
            tenant_id: held.tenantId,
            tenant_slug: held.tenantSlug,
            partner_id: held.partnerId,
            role: held.role,
            permissions: [...held.permissions],
          })),
          partner: person.partner,
          surface: me.surface,
          authenticated_at: me.authenticatedAt?.toISOString() ?? null,
          must_change_password: me.mustChangePassword,
        },
      };
    },
  };
}

function requirePerson(caller: Caller): UserCaller {
  if (caller.kind === 'user') return caller;
  throw caller.kind === 'service'
    ? new DomainError('forbidden', { detail: 'This is for people; a service account has none.' })
    : new DomainError('unauthenticated');
}

/** Where a sign-in comes from, with the session that its browser still carries. */
export function signInSource(
  call: Parameters<typeof requestSource>[0] & {
    readonly cookies: Readonly<Record<string, string | undefined>>;
  },
  cookies: Cookies,
): SignInSource {
  const formerToken = call.cookies[cookies.session.name];
  return { ...requestSource(call), formerToken: isToken(formerToken) ? formerToken : undefined };
}

// A parameter that is given twice is no answer of a provider.
function singleParams(query: Readonly<Record<string, unknown>>): URLSearchParams {
  const entries = Object.entries(query);
  if (entries.some(([, value]) => typeof value !== 'string')) throw new DomainError('oidc-failed');
  return new URLSearchParams(entries as [string, string][]);
}

// Operators go by their roles on the platform, everybody else by those of their memberships.
function rolesOn(me: UserCaller): string[] {
  if (me.surface === 'operator') return [...me.platformRoles];
  return [...new Set(me.memberships.map(({ role }) => role))];
}

function permissionsOn(me: UserCaller): string[] {
  const held =
    me.surface === 'operator'
      ? [...me.permissions]
      : me.memberships.flatMap(({ scope, role }) => permissionsOf(scope, role));
  return [...new Set(held)].sort();
}
