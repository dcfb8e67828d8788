import type { Request } from 'express';
import type { Surface } from '../../src/contracts/identity';
import type { Caller } from '../../src/domain/identity/callers';
import type { LoginLinkDeps } from '../../src/domain/identity/login-links';
import type { SessionLives } from '../../src/domain/identity/sessions';
import type { OnboardingConfig } from '../../src/domain/onboarding/deps';
import type { Clock } from '../../src/platform/clock';
import type { Config } from '../../src/platform/config';
import type { NamedKey } from '../../src/platform/config-values';
import type { HolderDeps } from '../accepting';
import type { createIdempotencyKeys } from '../middleware/idempotency';
import type { Cookies } from '../middleware/cookies';
import type { OnboardingCookies } from '../onboarding-cookie';

/** What the customer pages use. */
export type PageDeps = HolderDeps &
  LoginLinkDeps & {
    readonly config: OnboardingConfig & Pick<Config, 'OIDC_ISSUERS'>;
    /** Of the onboarding that an accept leads to. */
    readonly cookies: OnboardingCookies;
    readonly browserCookies: Cookies;
    /** `COOKIE_SECRET`: the first one signs forms, all are accepted. */
    readonly formKeys: readonly NamedKey[];
    readonly idempotencyKeys: ReturnType<typeof createIdempotencyKeys>;
    readonly lives: SessionLives;
    readonly clientAddress: (request: Request) => string;
    readonly authenticate: (request: Request) => Promise<Caller>;
    /** Where a browser goes on after signing in. */
    readonly landing: (surface: Surface) => string;
    /** Shown where help is needed; null leaves it out. */
    readonly supportEmail: string | null;
    /** The wall clock when left out. */
    readonly clock?: Clock;
  };
