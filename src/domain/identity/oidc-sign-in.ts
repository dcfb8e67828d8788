import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  randomNonce,
  randomPKCECodeVerifier,
} from 'openid-client';
import type { IDToken } from 'openid-client';
import { DomainError } from '../../errors/problems';
import { sourceOf } from '../../platform/client-addresses';
import type { OidcIssuer } from '../../platform/config-values';
import type { KeyRing } from '../../platform/crypto/sealing';
import { hashToken, newToken, sameDigest } from '../../platform/crypto/tokens';
import { withSystem } from '../../platform/db';
import type { Database } from '../../platform/db';
import { newId } from '../../platform/ids';
import type { RateLimits } from '../../platform/rate-limits';
import * as audit from '../audit/audit-entries';
import { erase, reveal, seal } from '../secrets/secrets';
import { widestSurface } from './callers';
import { settlePerson } from './identities';
import { membershipsOf } from './memberships';
import { beginFlow, endFlow } from './oidc-flows';
import type { Issuers } from './oidc-issuers';
import { assertionOf, returnPath, signInSurface } from './oidc.rules';
import type { OpenedSession, SessionLives } from './sessions';
import { startSession } from './sign-in';
import type { SignInSource } from './sign-in';

/** What signing in at an identity provider uses. */
export interface OidcSignInDeps {
  readonly db: Database;
  readonly ring: KeyRing;
  readonly issuers: Issuers;
  readonly limits: RateLimits;
  readonly lives: SessionLives;
  /** `PUBLIC_URL` */
  readonly publicUrl: string;
  /** The address of an open invite by the hash of its token; undefined when there is none. */
  readonly findInvitedEmail: (tokenHash: Buffer) => Promise<string | undefined>;
}

/** Where the browser goes, and what it has to bring back in a cookie. */
export interface OidcStart {
  readonly url: string;
  readonly state: string;
}

/** Minutes that somebody may take at the identity provider. */
export const oidcFlowMinutes = 10;

/** Seconds since the sign-in at the provider that it may be old when a fresh one is asked for. */
const freshSeconds = 300;

interface FlowSecret {
  readonly verifier: string;
  readonly nonce: string;
  readonly fresh: boolean;
  readonly invite: string | null;
}

const callbackOf = (deps: OidcSignInDeps, name: string): string =>
  `${deps.publicUrl}/auth/oidc/${name}/callback`;

/**
 * Begins a sign-in: code flow with state, nonce and PKCE. What has to stay secret is sealed until the browser is back.
 * @throws DomainError `oidc-issuer-unknown`, `unavailable`, `rate-limited`
 */
export async function beginOidc(
  deps: OidcSignInDeps,
  name: string,
  wish: {
    readonly returnTo?: string | undefined;
    /** The token of the invite that is to be accepted afterwards. */
    readonly invite?: string | undefined;
    /** For step-up: the provider must have seen the person within minutes. */
    readonly fresh?: boolean;
  },
  source: SignInSource,
): Promise<OidcStart> {
  const issuer = deps.issuers.byName(name);
  if (issuer.client_id === undefined) throw new DomainError('oidc-issuer-unknown');
  await deps.limits.consume('login-source', sourceOf(source.ip ?? undefined));
  const configuration = await deps.issuers.discover(issuer);

  const state = newToken();
  const secret: FlowSecret = {
    verifier: randomPKCECodeVerifier(),
    nonce: randomNonce(),
    fresh: wish.fresh ?? false,
    invite: wish.invite ?? null,
  };
  await withSystem(deps.db, 'identity', async (tx) => {
    const secretId = await seal(tx, deps.ring, {
      ownerTable: 'oidc_flows',
      ownerId: newId(),
      field: 'flow',
      tenantId: null,
      plaintext: JSON.stringify(secret),
    });
    await beginFlow(tx, {
      stateHash: hashToken(state),
      issuer: name,
      secretId,
      inviteHash: wish.invite === undefined ? null : hashToken(wish.invite),
      returnTo: returnPath(wish.returnTo),
      minutes: oidcFlowMinutes,
    });
  });
  const url = buildAuthorizationUrl(configuration, {
    redirect_uri: callbackOf(deps, name),
    scope: 'openid email profile',
    response_type: 'code',
    state,
    nonce: secret.nonce,
    code_challenge: await calculatePKCECodeChallenge(secret.verifier),
    code_challenge_method: 'S256',
    ...(secret.fresh ? { max_age: String(freshSeconds) } : {}),
  });
  return { url: url.href, state };
}

/** A finished sign-in. */
export interface OidcSignIn {
  readonly session: OpenedSession;
  /** Path to go on at, when the sign-in began with a wish. */
  readonly returnTo: string | null;
}

/**
 * Finishes a sign-in with what the provider sent back. A state works once, and only in the browser that began.
 * @param state what the browser carries in its cookie
 * @throws DomainError `oidc-failed`, `oidc-issuer-unknown`, `account-link-refused`, `user-deactivated`, `forbidden`,
 *   `unavailable`
 */
export async function finishOidc(
  deps: OidcSignInDeps,
  name: string,
  answer: { readonly params: URLSearchParams; readonly state: string | undefined },
  source: SignInSource,
): Promise<OidcSignIn> {
  const issuer = deps.issuers.byName(name);
  try {
    const flow = await takeFlow(deps, name, answer);
    const claims = await exchange(deps, issuer, answer, flow.secret);
    const surface = signInSurface(issuer);
    const assertion = assertionOf(issuer, surface, claims, new Date());
    const invitedEmail = flow.inviteHash && (await deps.findInvitedEmail(flow.inviteHash));
    const session = await withSystem(deps.db, 'identity', async (tx) => {
      const userId = await settlePerson(tx, assertion, source, invitedEmail ?? undefined);
      return startSession(tx, deps.lives, userId, `oidc:${name}`, source, {
        surface: narrower(surface, widestSurface(await membershipsOf(tx, userId))),
        // A provider that does not say when it saw the person has not seen them lately.
        authenticatedAt: assertion.authTime ?? new Date(0),
      });
    });
    const { invite } = flow.secret;
    const returnTo = invite === null ? flow.returnTo : `/invite/${encodeURIComponent(invite)}`;
    return { session, returnTo };
  } catch (error) {
    if (error instanceof DomainError) await recordRefusal(deps.db, name, error, source);
    throw error;
  }
}

async function takeFlow(
  deps: OidcSignInDeps,
  name: string,
  { params, state }: { readonly params: URLSearchParams; readonly state: string | undefined },
): Promise<{ secret: FlowSecret; returnTo: string | null; inviteHash: Buffer | null }> {
  const returned = params.get('state');
  if (!state || !returned || !sameDigest(hashToken(state), hashToken(returned))) {
    throw new DomainError('oidc-failed', {
      detail: 'The sign-in did not begin in this browser, or too long ago.',
    });
  }
  const flow = await withSystem(deps.db, 'identity', (tx) => endFlow(tx, hashToken(state), name));
  if (!flow) throw new DomainError('oidc-failed', { detail: 'This sign-in is over already.' });
  const sealed = await reveal(deps.db, deps.ring, flow.secretId, {
    who: 'system:identity',
    why: 'finish a sign-in',
  });
  await withSystem(deps.db, 'identity', (tx) => erase(tx, flow.secretId));
  return {
    secret: JSON.parse(sealed) as FlowSecret,
    returnTo: flow.returnTo,
    inviteHash: flow.inviteHash,
  };
}

async function exchange(
  deps: OidcSignInDeps,
  issuer: OidcIssuer,
  { params, state }: { readonly params: URLSearchParams; readonly state: string | undefined },
  secret: FlowSecret,
): Promise<IDToken> {
  const configuration = await deps.issuers.discover(issuer);
  const url = new URL(callbackOf(deps, issuer.name));
  url.search = params.toString();
  const tokens = await authorizationCodeGrant(configuration, url, {
    pkceCodeVerifier: secret.verifier,
    expectedNonce: secret.nonce,
    expectedState: state ?? '',
    idTokenExpected: true,
    ...(secret.fresh ? { maxAge: freshSeconds } : {}),
  }).catch((error: unknown) => {
    throw isOutage(error)
      ? new DomainError('unavailable', { detail: 'The identity provider cannot be reached.' })
      : new DomainError('oidc-failed');
  });
  const claims = tokens.claims();
  if (!claims) throw new DomainError('oidc-failed');
  return claims;
}

// What failed on the way, and answers that only a broken provider gives; everything else is a refusal.
function isOutage(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof TypeError && at.message === 'fetch failed') return true;
    if (at.name === 'TimeoutError' || (at as { code?: unknown }).code === 'OAUTH_TIMEOUT') {
      return true;
    }
    if (at.cause instanceof Response) return at.cause.status >= 500;
  }
  return false;
}

const breadth = ['customer', 'partner', 'operator'] as const;

function narrower(a: OpenedSession['surface'], b: OpenedSession['surface']): typeof a {
  return breadth.indexOf(a) < breadth.indexOf(b) ? a : b;
}

async function recordRefusal(
  db: Database,
  name: string,
  error: DomainError,
  source: SignInSource,
): Promise<void> {
  await withSystem(db, 'identity', (tx) =>
    audit.append(tx, {
      action: 'session.refused',
      crud: 'c',
      outcome: 'failure',
      actorId: 'anonymous',
      metadata: { method: `oidc:${name}`, reason: error.code },
      sourceIp: source.ip,
      userAgent: source.userAgent,
    }),
  );
}
