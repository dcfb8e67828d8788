import { DomainError } from '../../src/errors/problems';
import type { Caller } from '../../src/domain/identity/callers';
import { personalWords } from '../../src/domain/onboarding/accept';
import { maskEmail } from '../../src/domain/onboarding/onboarding.rules';
import type { PasswordFlaw } from '../../src/platform/crypto/password-strength';
import { acceptOnce, acceptedBefore, asHolder } from '../accepting';
import type { Accepted } from '../accepting';
import type { Idempotency } from '../middleware/idempotency';
import type { BackCookie } from './back-cookie';
import { closedInvitePage } from './closed-invite';
import type { FormTokens } from './form-tokens';
import { acceptErrors, readInviteForm, shownValues } from './invite-form';
import type { InviteForm } from './invite-form';
import { accountOf, findInvite, findInviteOfForm, invitePage } from './invite-view';
import type { FoundInvite } from './invite-view';
import type { PageDeps } from './page-deps';
import { outcome } from './serving';
import type { Page, Visit, WayOn } from './serving';
import type { InviteView } from './views';

type Deps = PageDeps & { readonly forms: FormTokens; readonly back: BackCookie };

/**
 * Accepts by the page's form. `key` makes it repeatable: who sends the same form again, because its answer was lost,
 * is led on with a fresh cookie. A form with mistakes comes back with them and burns nothing.
 */
export async function acceptByForm(
  deps: Deps,
  visit: Visit,
  token: string,
  key: Idempotency,
): Promise<Page | WayOn> {
  const caller = await deps.authenticate(visit.request);
  const { before, found } = await asHolder(deps.limits, visit.ip, async () => {
    const looked = await findInviteOfForm(deps, token);
    // Looked for after the invite: what was accepted by then has its answer stored.
    return { found: looked, before: await acceptedBefore(deps, token, key) };
  });
  if (before) return ledOn(deps, before);
  if (found.closed) return closedInvitePage(deps, visit, found, found.closed, caller);

  const form = readInviteForm(visit);
  const { kind } = accountOf(deps, found, caller);
  if (kind === 'existing' && !form.hasPassword && caller.kind === 'user') {
    return wrongAccount(deps, found);
  }
  const again = (errors: InviteView['errors'], now = found): Page =>
    invitePage(deps, now, caller, {
      // The same token again, so that the next try is still the same form.
      formToken: visit.field('form_token'),
      values: shownValues(form),
      errors,
    });
  const personal = personalWords(found.invite, form.name);
  const errors = acceptErrors(form, kind, (text) => deps.passwords.flawOf(text, personal));
  if (errors.length > 0) return again(errors);

  try {
    return ledOn(deps, await accept(deps, visit, found, { caller, form, kind, key }));
  } catch (error) {
    const mistake = passwordMistake(error);
    if (mistake) return again([{ field: 'password', code: mistake }]);
    // Something happened between the look and the accept: the page says what holds now.
    const now = await findInvite(deps, token);
    if (now.closed) return closedInvitePage(deps, visit, now, now.closed, caller);
    if (error instanceof DomainError && error.code === 'account-login-required') {
      return again([{ field: 'password', code: 'password-required' }], now);
    }
    throw error;
  }
}

function accept(
  deps: Deps,
  visit: Visit,
  found: FoundInvite,
  {
    caller,
    form,
    kind,
    key,
  }: {
    readonly caller: Caller;
    readonly form: InviteForm;
    readonly kind: InviteView['account']['kind'];
    readonly key: Idempotency;
  },
): Promise<Accepted> {
  const wantsPassword = kind === 'existing' || (kind === 'new' && form.signIn === 'password');
  return asHolder(deps.limits, visit.ip, () =>
    acceptOnce(
      deps,
      {
        token: found.token,
        body: {
          accept_terms: true,
          ...(kind === 'new' ? { name: form.name } : {}),
          ...(wantsPassword ? { password: form.password } : {}),
          ...(form.captcha === undefined ? {} : { captcha: form.captcha }),
        },
        signedInAs: caller.kind === 'user' ? caller.userId : null,
        sourceIp: visit.ip,
        userAgent: visit.userAgent,
      },
      key,
    ),
  );
}

/** On to the progress page, with the cookie that opens it. */
function ledOn({ cookies }: Deps, accepted: Accepted): WayOn {
  return {
    location: '/onboarding/progress',
    cookies: [
      cookies.issue({
        onboardingId: accepted.job_id,
        tenantId: accepted.client_id,
        userId: accepted.user_id,
      }),
    ],
  };
}

// The form was that of the invited person, signed in; somebody else has signed in since.
function wrongAccount({ forms, back }: Deps, { invite, token }: FoundInvite): Page {
  const inviteUrl = `/invite/${encodeURIComponent(token)}`;
  return outcome(
    {
      kind: 'wrong-account',
      maskedEmail: maskEmail(invite.email),
      inviteUrl,
      signOut: forms.issue('sign-out', 'sign-out'),
    },
    { locale: invite.locale, cookies: [back.remember(inviteUrl)] },
  );
}

function passwordMistake(error: unknown): 'password-wrong' | PasswordFlaw | undefined {
  if (!(error instanceof DomainError)) return undefined;
  if (error.code === 'credentials-invalid') return 'password-wrong';
  if (error.code !== 'password-too-weak') return undefined;
  return (error.context.extra?.['reason'] as PasswordFlaw | undefined) ?? 'password-common';
}
