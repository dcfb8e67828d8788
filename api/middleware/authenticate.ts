import type { IncomingHttpHeaders } from 'node:http';
import { parse as parseCookies } from 'cookie';
import type { Request } from 'express';
import { DomainError } from '../../src/errors/problems';
import { anonymous } from '../../src/domain/identity/callers';
import type { Caller, RequestSource } from '../../src/domain/identity/callers';
import { personOfToken } from '../../src/domain/identity/identities';
import type { Issuers } from '../../src/domain/identity/oidc-issuers';
import { findServiceCaller } from '../../src/domain/identity/service-accounts';
import type { ServiceKeys } from '../../src/domain/identity/service-accounts';
import { findSession } from '../../src/domain/identity/sessions';
import { normaliseAddress } from '../../src/platform/client-addresses';
import { parseKey } from '../../src/platform/crypto/keys';
import type { Database } from '../../src/platform/db';
import type { FindOnboarding } from '../onboarding-cookie';
import type { Cookies } from './cookies';

/** What finding out who sent a request uses. */
export interface AuthenticateDeps {
  readonly db: Database;
  readonly serviceKeys: ServiceKeys;
  readonly issuers: Issuers;
  readonly cookies: Cookies;
  /** The client's address behind the trusted proxies. */
  readonly clientAddress: (request: Request) => string | undefined;
  /** The customer behind the onboarding cookie, if it is there and still holds. */
  readonly findOnboarding: FindOnboarding;
}

const refused = (detail: string): DomainError => new DomainError('unauthenticated', { detail });

/**
 * Builds the function that tells who sent a request: a credential in a header first (key or token), then a session,
 * then the onboarding cookie. Everything is read for every request, so that a revocation holds at once.
 * A credential in a header that does not hold is refused; a cookie that does not hold is like none, since it stays
 * with its browser after its time.
 * @throws DomainError `unauthenticated`, `address-not-allowed`, `wrong-audience`, `user-deactivated`,
 *   `account-link-refused`, `forbidden`, `unavailable`
 */
export function createAuthenticate(deps: AuthenticateDeps): (request: Request) => Promise<Caller> {
  return async (request) => {
    const credential = credentialOf(request.headers);
    if (credential !== undefined) return byCredential(deps, request, credential);

    const cookies = parseCookies(request.headers.cookie ?? '');
    const session = cookies[deps.cookies.session.name];
    const person = isToken(session) ? await findSession(deps.db, session) : undefined;
    return person ?? (await deps.findOnboarding(cookies)) ?? anonymous;
  };
}

interface Credential {
  readonly text: string;
  /** X-Api-Key takes keys only. */
  readonly keyOnly: boolean;
}

function credentialOf(headers: IncomingHttpHeaders): Credential | undefined {
  const { authorization } = headers;
  const apiKey = headers['x-api-key'];
  const bearer = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (authorization !== undefined && bearer === undefined) {
    throw refused('The Authorization header must be `Bearer` and one key or token.');
  }
  if (apiKey === undefined)
    return bearer === undefined ? undefined : { text: bearer, keyOnly: false };
  if (typeof apiKey !== 'string' || (bearer !== undefined && bearer !== apiKey)) {
    throw refused('X-Api-Key and Authorization hold different keys; send one.');
  }
  return { text: apiKey, keyOnly: true };
}

async function byCredential(
  deps: AuthenticateDeps,
  request: Request,
  { text, keyOnly }: Credential,
): Promise<Caller> {
  const ip = deps.clientAddress(request);
  if (parseKey(deps.serviceKeys.prefix, text)) {
    const service = await findServiceCaller(deps.db, deps.serviceKeys, text, ip);
    if (!service) throw refused('This key is unknown or revoked.');
    return service;
  }
  if (keyOnly || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)) {
    throw refused('This is not a key or token that Usher knows.');
  }
  const assertion = await deps.issuers.verify(text);
  return personOfToken(deps.db, assertion, {
    ip: normaliseAddress(ip) ?? null,
    userAgent: request.headers['user-agent']?.slice(0, 500) ?? null,
  });
}

/** Whether a text has the form of Usher's own 256-bit tokens; anything else needs no look-up. */
export function isToken(text: string | undefined): text is string {
  return text !== undefined && /^[\w-]{43}$/.test(text);
}

/** Where a parsed request came from, as the audit log keeps it. */
export function requestSource(call: {
  readonly ip: string;
  readonly userAgent: string | null;
}): RequestSource {
  return { ip: normaliseAddress(call.ip) ?? null, userAgent: call.userAgent };
}
