import { randomBytes } from 'node:crypto';
import type { identityEndpoints } from '../../src/contracts/identity';
import { DomainError } from '../../src/errors/problems';
import { openSessionByLink, peekLoginLink } from '../../src/domain/identity/login-links';
import { maskEmail } from '../../src/domain/onboarding/onboarding.rules';
import type { NamedKey } from '../../src/platform/config-values';
import { hashToken, signValue, verifyValue } from '../../src/platform/crypto/tokens';
import { chooseLocale } from '../../src/platform/locale';
import type { Handlers } from '../endpoint';
import { isToken } from '../middleware/authenticate';
import { pageHeaders } from '../pages/headers';
import { renderLoginLink } from '../pages/login-link-page';
import { outcomeStatus, renderOutcome } from '../pages/outcome-page';
import type { OutcomeView, PageContext } from '../pages/views';
import { signInSource } from './sign-in';
import type { SignInRoutesDeps } from './sign-in';

/** What the pages of login links use. */
export type LoginLinkRoutesDeps = Pick<
  SignInRoutesDeps,
  'db' | 'ring' | 'limits' | 'lives' | 'cookies' | 'landing'
> & {
  /** `COOKIE_SECRET`: the first key signs the form, all of them are accepted. */
  readonly formKeys: readonly NamedKey[];
};

type LoginLinkEndpoint = Extract<(typeof identityEndpoints)[number], { tag: 'pages' }>;

const purpose = 'login-link-form';

/** Handlers of the page at `/login/{token}`: looking at it changes nothing, its form opens the session. */
export function createLoginLinkRoutes(
  deps: LoginLinkRoutesDeps,
): Handlers<readonly LoginLinkEndpoint[]> {
  const [formKey] = deps.formKeys;
  if (!formKey) throw new Error('COOKIE_SECRET is empty');

  return {
    async showLoginPage(call) {
      const { token } = call.params;
      const link = isToken(token) ? await peekLoginLink(deps.db, token) : undefined;
      const context = pageContext(token, {
        lang: call.query.lang,
        invite: link?.locale,
        acceptLanguage: call.headers['accept-language'],
      });
      if (!link) return { ...outcome({ kind: 'login-link-invalid' }, context), status: 410 };
      const formToken = signValue(formKey.key, purpose, {
        link: linkId(token),
        until: link.expiresAt.getTime(),
      });
      const page = renderLoginLink(
        { token, formToken, maskedEmail: maskEmail(link.email), expiresAt: link.expiresAt },
        context,
      );
      return { status: 200, body: page, headers: pageHeaders(context.nonce) };
    },

    async openSessionByLink(call) {
      const { token } = call.params;
      const context = pageContext(token, { acceptLanguage: call.headers['accept-language'] });
      if (!isFormOf(deps.formKeys, call.body.form_token, token)) {
        const backUrl = isToken(token) ? `/login/${token}` : null;
        return { ...outcome({ kind: 'invalid-form', backUrl }, context), status: 403 };
      }
      try {
        const session = await openSessionByLink(deps, token, signInSource(call, deps.cookies));
        return {
          status: 303,
          body: null,
          headers: { Location: deps.landing(session.surface) },
          cookies: [deps.cookies.session.set(session.token, session.expiresAt)],
        };
      } catch (error) {
        return failure(error, context);
      }
    },
  };
}

// Deactivated or not, a link that opens nothing is one page.
function failure(
  error: unknown,
  context: PageContext,
): { status: 410 | 429; body: string; headers: Record<string, string> } {
  if (!(error instanceof DomainError)) throw error;
  if (error.code === 'login-link-invalid' || error.code === 'user-deactivated') {
    return { ...outcome({ kind: 'login-link-invalid' }, context), status: 410 };
  }
  if (error.code !== 'rate-limited') throw error;
  const retryAfterSeconds = error.context.retryAfterSeconds ?? 60;
  const page = outcome({ kind: 'too-many-tries', retryAfterSeconds }, context);
  return {
    ...page,
    status: 429,
    headers: { ...page.headers, 'Retry-After': String(retryAfterSeconds) },
  };
}

function outcome(
  view: OutcomeView,
  context: PageContext,
): { status: number; body: string; headers: Record<string, string> } {
  return {
    status: outcomeStatus(view),
    body: renderOutcome(view, context),
    headers: pageHeaders(context.nonce),
  };
}

function pageContext(token: string, wish: Parameters<typeof chooseLocale>[0]): PageContext {
  return {
    nonce: randomBytes(16).toString('base64'),
    locale: chooseLocale(wish),
    path: `/login/${encodeURIComponent(token)}`,
  };
}

function linkId(token: string): string {
  return hashToken(token).toString('base64url').slice(0, 16);
}

function isFormOf(
  keys: readonly NamedKey[],
  formToken: string | undefined,
  token: string,
): boolean {
  if (formToken === undefined) return false;
  return keys.some(({ key }) => {
    const value = verifyValue(key, purpose, formToken) as
      { link?: unknown; until?: unknown } | undefined;
    return value?.link === linkId(token);
  });
}
