import { z } from 'zod';
import type { NamedKey } from '../src/platform/config-values';
import { signValue, verifyValue } from '../src/platform/crypto/tokens';
import type { OnboardingCaller } from '../src/domain/identity/callers';
import { isStillTheirs } from '../src/domain/onboarding/own-progress';
import { withSystem } from '../src/platform/db';
import type { Database } from '../src/platform/db';
import type { Cookie } from './middleware/cookies';

/** Days for which the cookie leads a customer back to their progress. */
const days = 14;

const Content = z.object({
  onboarding: z.uuid(),
  tenant: z.uuid(),
  user: z.uuid(),
  until: z.number(),
});

/** The cookie that an accept sets: it drives this one onboarding and opens no session. */
export interface OnboardingCookies {
  readonly name: string;
  readonly issue: (accepted: {
    readonly onboardingId: string;
    readonly tenantId: string;
    readonly userId: string;
  }) => string;
  readonly read: (
    cookies: Readonly<Record<string, string | undefined>>,
  ) => OnboardingCaller | undefined;
}

/** Builds the onboarding cookies; signed, so that nothing needs to be stored. */
export function createOnboardingCookies(options: {
  readonly keys: readonly NamedKey[];
  readonly cookie: Cookie;
}): OnboardingCookies {
  const { keys, cookie } = options;
  const purpose = 'onboarding-cookie';
  return {
    name: cookie.name,
    issue({ onboardingId, tenantId, userId }) {
      const [active] = keys;
      if (!active) throw new Error('Cookies need a key');
      const until = Date.now() + days * 86_400_000;
      const value = signValue(active.key, purpose, {
        onboarding: onboardingId,
        tenant: tenantId,
        user: userId,
        until,
      });
      return cookie.set(value, new Date(until));
    },
    read(cookies) {
      const text = cookies[cookie.name];
      if (text === undefined) return undefined;
      for (const { key } of keys) {
        const content = Content.safeParse(verifyValue(key, purpose, text));
        if (!content.success || content.data.until < Date.now()) continue;
        const { onboarding, tenant, user } = content.data;
        return {
          kind: 'onboarding',
          actorId: `user:${user}`,
          userId: user,
          onboardingId: onboarding,
          tenantId: tenant,
        };
      }
      return undefined;
    },
  };
}

/** Finds the customer behind an onboarding cookie, for every request anew, so that a deactivation holds at once. */
export type FindOnboarding = (
  cookies: Readonly<Record<string, string | undefined>>,
) => Promise<OnboardingCaller | undefined>;

/** Builds the look-up; a cookie whose account or membership has ended is like none. */
export function createFindOnboarding(db: Database, cookies: OnboardingCookies): FindOnboarding {
  return async (carried) => {
    const owner = cookies.read(carried);
    if (!owner) return undefined;
    const holds = await withSystem(db, 'holder', (tx) => isStillTheirs(tx, owner), {
      readOnly: true,
    });
    return holds ? owner : undefined;
  };
}
