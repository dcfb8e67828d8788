import { serialize } from 'cookie';
import type { Config } from '../../src/platform/config';

/** One of Usher's cookies. */
export interface Cookie {
  readonly name: string;
  /** The Set-Cookie value that stores it until a moment, or until the browser closes. */
  set(value: string, until?: Date): string;
  /** The Set-Cookie value that removes it. */
  clear(): string;
}

/**
 * Usher's cookies: a session, the onboarding of an accepted invite, a sign-in that is at a provider, and for pages
 * the language that was chosen and the page to come back to after a sign-in.
 */
export interface Cookies {
  readonly session: Cookie;
  readonly onboarding: Cookie;
  readonly oidc: Cookie;
  readonly language: Cookie;
  readonly back: Cookie;
}

/**
 * The cookies of a deployment: `__Host-` names, Secure, HttpOnly, SameSite=Lax (Strict would drop them on the way in
 * from a mail). Only development on plain http goes without the prefix, since browsers refuse it there.
 */
export function createCookies(config: Pick<Config, 'APP_ENV' | 'PUBLIC_URL'>): Cookies {
  const plain = config.APP_ENV === 'dev' && config.PUBLIC_URL.startsWith('http:');
  const cookie = (bare: string): Cookie => {
    const name = plain ? bare : `__Host-${bare}`;
    const attributes = { path: '/', httpOnly: true, secure: !plain, sameSite: 'lax' } as const;
    return {
      name,
      set: (value, until) =>
        serialize(name, value, { ...attributes, ...(until ? { expires: until } : {}) }),
      clear: () => serialize(name, '', { ...attributes, expires: new Date(0), maxAge: 0 }),
    };
  };
  return {
    session: cookie('usher_session'),
    onboarding: cookie('usher_onboarding'),
    oidc: cookie('usher_oidc'),
    language: cookie('usher_language'),
    back: cookie('usher_back'),
  };
}
