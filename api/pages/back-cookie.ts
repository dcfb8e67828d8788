import { z } from 'zod';
import { returnPath } from '../../src/domain/identity/oidc.rules';
import type { Clock } from '../../src/platform/clock';
import type { NamedKey } from '../../src/platform/config-values';
import { signValue, verifyValue } from '../../src/platform/crypto/tokens';
import type { Cookie } from '../middleware/cookies';

/** Minutes for which the way back is remembered: a little more than a login link lives. */
const minutes = 20;

const purpose = 'back-cookie';
const Content = z.object({ path: z.string(), until: z.number() });

/** Remembers which page a person leaves for a login link, so that signing in leads them back to it. */
export interface BackCookie {
  /** The Set-Cookie value that remembers a path of this site. */
  remember(path: string): string;
  /** The remembered path; undefined when there is none, or it is too old or not ours. */
  read(cookies: Readonly<Record<string, string | undefined>>): string | undefined;
  /** The Set-Cookie value that forgets it. */
  forget(): string;
}

/** Builds the way back; signed, so that nobody else can say where a sign-in leads. */
export function createBackCookie(options: {
  readonly keys: readonly NamedKey[];
  readonly cookie: Cookie;
  readonly clock: Clock;
}): BackCookie {
  const { keys, cookie, clock } = options;
  const [active] = keys;
  if (!active) throw new Error('COOKIE_SECRET is empty');
  const now = (): number => clock.now().getTime();
  return {
    remember(path) {
      const until = now() + minutes * 60_000;
      return cookie.set(signValue(active.key, purpose, { path, until }), new Date(until));
    },
    read(cookies) {
      const text = cookies[cookie.name];
      if (text === undefined) return undefined;
      for (const { key } of keys) {
        const content = Content.safeParse(verifyValue(key, purpose, text));
        if (!content.success || content.data.until <= now()) continue;
        return returnPath(content.data.path) ?? undefined;
      }
      return undefined;
    },
    forget: () => cookie.clear(),
  };
}
