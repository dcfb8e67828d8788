import type {
  InputForm,
  InviteView,
  LoginLinkView,
  PageContext,
  ProgressView,
  StepKey,
  StepState,
} from '../../api/pages/views';

/** A link's token as Usher mints it: 43 characters. */
export const token = 'tGx5uV0m1c4qkQ9bYw2rN8sJ6eHd3aLfZpTiKoRyWvM';

/** A page's context, in English at the invite's address. */
export function pageContext(over: Partial<PageContext> = {}): PageContext {
  return { nonce: 'bm9uY2U', locale: 'en', path: `/invite/${token}`, ...over };
}

/** An open invite to somebody without an account. */
export function inviteView(over: Partial<InviteView> = {}): InviteView {
  return {
    token,
    formToken: 'signed-form-token',
    tenantName: 'Nordlicht Handel GmbH',
    inviterName: 'Anna Berg',
    maskedEmail: 'm•••••@nordlicht.example',
    expiresAt: new Date('2026-11-28T14:05:00Z'),
    termsUrl: '/terms',
    passwordMinLength: 15,
    account: { kind: 'new', sso: [] },
    values: { name: '', signIn: 'password', acceptTerms: false, reason: '' },
    errors: [],
    ...over,
  };
}

/** The five steps, all `done` before the given one and `upcoming` after it. */
export function stepsAt(key: StepKey, state: StepState): Record<StepKey, StepState> {
  const keys: StepKey[] = ['accepted', 'workspace', 'token', 'checking', 'ready'];
  const at = keys.indexOf(key);
  const states = keys.map((each, index): [StepKey, StepState] => [
    each,
    index < at ? 'done' : index === at ? state : 'upcoming',
  ]);
  return Object.fromEntries(states) as Record<StepKey, StepState>;
}

/** An onboarding that is being worked on. */
export function progressView(over: Partial<ProgressView> = {}): ProgressView {
  return {
    tenantName: 'Nordlicht Handel GmbH',
    steps: stepsAt('workspace', 'current'),
    situation: { kind: 'working' },
    form: null,
    supportEmail: 'help@usher.example',
    ...over,
  };
}

/** The form that asks for the marketplace token. */
export function inputForm(over: Partial<InputForm> = {}): InputForm {
  return {
    formToken: 'signed-form-token',
    needs: ['token'],
    values: { spreadsheetId: '', ownerEmail: '' },
    errors: [],
    ...over,
  };
}

/** A login link that still works. */
export function loginLinkView(over: Partial<LoginLinkView> = {}): LoginLinkView {
  return {
    token,
    formToken: 'signed-form-token',
    maskedEmail: 'm•••••@nordlicht.example',
    expiresAt: new Date('2026-11-21T14:20:00Z'),
    ...over,
  };
}
