import { Email } from '../../src/contracts/http';
import { DomainError } from '../../src/errors/problems';
import { requestLoginLink } from '../../src/domain/identity/login-links';
import { describePerson } from '../../src/domain/identity/me';
import { signInWithPassword, signOut } from '../../src/domain/identity/sign-in';
import { oneLine } from '../../src/platform/display-text';
import { requestSource } from '../middleware/authenticate';
import { signInSource } from '../routes/sign-in';
import type { BackCookie } from './back-cookie';
import type { FormTokens } from './form-tokens';
import type { PageDeps } from './page-deps';
import { outcome, refuseForeign } from './serving';
import type { Page, PageHandler, Visit, WayOn } from './serving';
import { renderSignIn } from './sign-in-page';
import { signedInPage } from './signed-in';
import type { SignInView } from './views';

type Deps = PageDeps & { readonly forms: FormTokens; readonly back: BackCookie };

/** The pages at `/sign-in` and `/sign-out`. */
export interface SignInPages {
  readonly show: PageHandler;
  /** Opens a session with a password, or mails a login link. */
  readonly send: PageHandler;
  readonly signOut: PageHandler;
  /** `/`: on to wherever the visitor belongs. */
  readonly start: PageHandler;
}

/** Builds the sign-in pages: forms for people, without JavaScript; programs use the API. */
export function createSignInPages(deps: Deps): SignInPages {
  const { forms, back } = deps;

  const page = (formToken: string, email = '', errors: SignInView['errors'] = []): Page => {
    const sso = deps.config.OIDC_ISSUERS.filter((issuer) => issuer.client_id !== undefined).map(
      ({ name }) => ({ name, url: `/auth/oidc/${encodeURIComponent(name)}` }),
    );
    const view: SignInView = { formToken, values: { email }, errors, sso };
    return {
      status: errors.length > 0 ? 422 : 200,
      render: (context) => renderSignIn(view, context),
    };
  };

  const show: PageHandler = async (visit) => {
    const caller = await deps.authenticate(visit.request);
    if (caller.kind !== 'user') return page(forms.issue('sign-in', 'sign-in'));
    const person = await describePerson(deps.db, caller);
    return signedInPage(deps, person, back.read(visit.cookies) ?? deps.landing(caller.surface));
  };

  const send: PageHandler = async (visit) => {
    refuseForeign(visit, deps.config.PUBLIC_URL);
    const formToken = visit.field('form_token');
    if (!forms.check('sign-in', 'sign-in', formToken)) {
      return outcome({ kind: 'invalid-form', backUrl: '/sign-in' });
    }
    const byLink = visit.field('action') === 'link';
    const typed = oneLine(visit.field('email'), 300);
    const email = Email.safeParse(typed);
    const errors: SignInView['errors'][number][] = [];
    if (typed === '') errors.push({ field: 'email', code: 'email-required' });
    else if (!email.success) errors.push({ field: 'email', code: 'email-invalid' });
    if (!byLink && visit.field('password') === '') {
      errors.push({ field: 'password', code: 'password-required' });
    }
    if (!email.success || errors.length > 0) return page(formToken, typed, errors);
    if (byLink) {
      await requestLoginLink(deps, email.data, requestSource(visit));
      return outcome({ kind: 'login-link-sent' });
    }
    try {
      return await openSession(deps, visit, email.data);
    } catch (error) {
      const code = error instanceof DomainError ? mistakes[error.code] : undefined;
      if (!code) throw error;
      return page(formToken, typed, [{ field: 'password', code }]);
    }
  };

  return {
    show,
    send,

    async signOut(visit) {
      refuseForeign(visit, deps.config.PUBLIC_URL);
      if (!forms.check('sign-out', 'sign-out', visit.field('form_token'))) {
        return outcome({ kind: 'invalid-form', backUrl: '/sign-in' });
      }
      const caller = await deps.authenticate(visit.request);
      if (caller.kind === 'user') await signOut(deps.db, caller, requestSource(visit));
      const { session, onboarding } = deps.browserCookies;
      return {
        location: back.read(visit.cookies) ?? '/sign-in',
        cookies: [session.clear(), onboarding.clear(), back.forget()],
      };
    },

    async start(visit) {
      const caller = await deps.authenticate(visit.request);
      if (caller.kind === 'user') return { location: deps.landing(caller.surface) };
      const known = deps.cookies.read(visit.cookies) !== undefined;
      return { location: known ? '/onboarding/progress' : '/sign-in' };
    },
  };
}

const mistakes: Readonly<Record<string, SignInView['errors'][number]['code'] | undefined>> = {
  'credentials-invalid': 'credentials-wrong',
  'user-deactivated': 'account-closed',
};

async function openSession(deps: Deps, visit: Visit, email: string): Promise<WayOn> {
  const { browserCookies: cookies, back } = deps;
  const session = await signInWithPassword(
    deps,
    { email, password: visit.field('password') },
    signInSource(visit, cookies),
  );
  const way = back.read(visit.cookies);
  return {
    location: way ?? deps.landing(session.surface),
    cookies: [
      cookies.session.set(session.token, session.expiresAt),
      ...(way === undefined ? [] : [back.forget()]),
    ],
  };
}
