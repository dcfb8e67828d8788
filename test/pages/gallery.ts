import { renderInvite } from '../../api/pages/invite-page';
import { renderLoginLink } from '../../api/pages/login-link-page';
import { renderOutcome } from '../../api/pages/outcome-page';
import { renderProgress } from '../../api/pages/progress-page';
import { renderSignIn } from '../../api/pages/sign-in-page';
import type { OutcomeKind, OutcomeView, PageContext, SignInView } from '../../api/pages/views';
import {
  inputForm,
  inviteView,
  loginLinkView,
  pageContext,
  progressView,
  stepsAt,
  token,
} from './builders';

/** One page in one of its variants, at the path where it is served. */
export interface GalleryPage {
  name: string;
  path: string;
  render: (context: PageContext) => string;
}

const sso = [
  { name: 'Nordlicht SSO', url: '/auth/oidc/nordlicht' },
  { name: 'Example ID', url: '/auth/oidc/example' },
];
const newLink = { token, formToken: 'signed-form-token' };
const sentAt = new Date('2026-11-20T08:15:00Z');
const supportEmail = 'help@usher.example';

/** Names as nobody should have them: markup, line breaks, reversed text, 500 characters. */
export const hostileName = `<script>alert(1)</script>\r\nBcc: x@evil.example\u202egnp.exe "'\`${'W'.repeat(500)}`;

/** Each outcome once, with everything that it can offer. */
export const outcomeViews: Readonly<{ [Kind in OutcomeKind]: OutcomeView & { kind: Kind } }> = {
  'invite-not-found': { kind: 'invite-not-found' },
  'link-needed': { kind: 'link-needed' },
  'already-used': {
    kind: 'already-used',
    signInUrl: '/login',
    progressUrl: '/onboarding/progress',
  },
  expired: { kind: 'expired', at: sentAt, newLink },
  revoked: { kind: 'revoked', newLink },
  superseded: { kind: 'superseded', sentAt, newLink },
  'already-declined': { kind: 'already-declined', newLink },
  declined: { kind: 'declined', tenantName: 'Nordlicht Handel GmbH' },
  'new-link-requested': { kind: 'new-link-requested' },
  'tenant-not-open': { kind: 'tenant-not-open', supportEmail },
  'wrong-account': {
    kind: 'wrong-account',
    maskedEmail: 'm•••••@nordlicht.example',
    inviteUrl: `/invite/${token}`,
    signOut: 'signed-form-token',
  },
  'too-many-tries': { kind: 'too-many-tries', retryAfterSeconds: 290 },
  'invalid-form': { kind: 'invalid-form', backUrl: `/invite/${token}` },
  'login-link-invalid': { kind: 'login-link-invalid' },
  'login-link-sent': { kind: 'login-link-sent' },
  'session-needed': { kind: 'session-needed', signInUrl: '/login' },
  'signed-in': {
    kind: 'signed-in',
    name: 'Mara Lund',
    continueUrl: '/onboarding/progress',
    signOut: 'signed-form-token',
  },
  'terms-unpublished': { kind: 'terms-unpublished', version: '2026-11' },
  problem: {
    kind: 'problem',
    status: 500,
    requestId: '0193f4c2-7a10-7c55-9a3e-51d6f0b7c2aa',
    supportEmail,
  },
};

const invitePages = [
  page('invite', inviteView(), renderInvite),
  page('invite-with-sso', inviteView({ account: { kind: 'new', sso } }), renderInvite),
  page('invite-without-inviter', inviteView({ inviterName: null }), renderInvite),
  page(
    'invite-by-link',
    inviteView({ values: { name: 'Mara Lund', signIn: 'link', acceptTerms: true, reason: '' } }),
    renderInvite,
  ),
  page(
    'invite-with-errors',
    inviteView({
      values: { name: '', signIn: 'password', acceptTerms: false, reason: 'Not us' },
      errors: [
        { field: 'name', code: 'name-required' },
        { field: 'password', code: 'password-too-short' },
        { field: 'accept_terms', code: 'terms-required' },
        { field: 'reason', code: 'reason-too-long' },
      ],
    }),
    renderInvite,
  ),
  page(
    'invite-existing-account',
    inviteView({
      account: { kind: 'existing', hasPassword: true, loginLink: true, sso },
      errors: [{ field: 'password', code: 'password-wrong' }],
    }),
    renderInvite,
  ),
  page(
    'invite-existing-sso-only',
    inviteView({ account: { kind: 'existing', hasPassword: false, loginLink: true, sso } }),
    renderInvite,
  ),
  page('invite-signed-in', inviteView({ account: { kind: 'signed-in' } }), renderInvite),
  page(
    'invite-hostile',
    inviteView({
      tenantName: hostileName,
      inviterName: hostileName,
      maskedEmail: hostileName,
      termsUrl: 'javascript:alert(1)',
      account: { kind: 'new', sso: [{ name: hostileName, url: 'javascript:alert(2)' }] },
      values: { name: hostileName, signIn: 'password', acceptTerms: true, reason: hostileName },
    }),
    renderInvite,
  ),
];

const progressPages = [
  progress('progress-working', progressView()),
  progress(
    'progress-token',
    progressView({
      steps: stepsAt('token', 'waiting'),
      situation: { kind: 'waiting' },
      form: inputForm(),
    }),
  ),
  progress(
    'progress-workspace-and-token',
    progressView({
      steps: stepsAt('workspace', 'waiting'),
      situation: { kind: 'waiting' },
      form: inputForm({ needs: ['workspace', 'token'] }),
    }),
  ),
  progress(
    'progress-with-errors',
    progressView({
      steps: stepsAt('workspace', 'waiting'),
      situation: { kind: 'waiting' },
      form: inputForm({
        needs: ['workspace', 'token'],
        values: { spreadsheetId: 'x y', ownerEmail: 'mara@' },
        errors: [
          { field: 'spreadsheet_id', code: 'spreadsheet-invalid' },
          { field: 'owner_email', code: 'owner-email-invalid' },
          { field: 'wb_token', code: 'token-malformed' },
        ],
      }),
    }),
  ),
  progress(
    'progress-parked',
    progressView({ steps: stepsAt('checking', 'parked'), situation: { kind: 'parked' } }),
  ),
  progress(
    'progress-active',
    progressView({
      steps: { ...stepsAt('ready', 'done') },
      situation: {
        kind: 'active',
        next: { workspaceUrl: 'https://docs.example/d/1', signInUrl: '/login', docsUrl: '/docs' },
      },
    }),
  ),
  progress(
    'progress-cancelled',
    progressView({ steps: stepsAt('token', 'upcoming'), situation: { kind: 'cancelled' } }),
  ),
  progress(
    'progress-rolled-back',
    progressView({ steps: stepsAt('workspace', 'upcoming'), situation: { kind: 'rolled-back' } }),
  ),
  progress('progress-hostile', progressView({ tenantName: hostileName })),
];

const outcomePages = Object.values(outcomeViews).map((view) =>
  page(`outcome-${view.kind}`, view, renderOutcome),
);

const signInPages = [
  signIn('sign-in', {}),
  signIn('sign-in-with-errors', {
    values: { email: 'mara@' },
    errors: [
      { field: 'email', code: 'email-invalid' },
      { field: 'password', code: 'credentials-wrong' },
    ],
    sso,
  }),
];

/** Every customer page in every variant. */
export const gallery: readonly GalleryPage[] = [
  ...invitePages,
  ...progressPages,
  ...outcomePages,
  ...signInPages,
  {
    name: 'login-link',
    path: `/login/${token}`,
    render: (context) => renderLoginLink(loginLinkView(), context),
  },
];

function page<View>(
  name: string,
  view: View,
  render: (view: View, context: PageContext) => string,
): GalleryPage {
  const { path } = pageContext();
  return { name, path, render: (context) => render(view, { ...context, path }) };
}

function signIn(name: string, over: Partial<SignInView>): GalleryPage {
  const view = {
    formToken: 'signed-form-token',
    values: { email: '' },
    errors: [],
    sso: [],
    ...over,
  };
  return {
    name,
    path: '/sign-in',
    render: (context) => renderSignIn(view, { ...context, path: '/sign-in' }),
  };
}

function progress(name: string, view: Parameters<typeof renderProgress>[0]): GalleryPage {
  const path = '/onboarding/progress';
  return { name, path, render: (context) => renderProgress(view, { ...context, path }) };
}
