import type { Html } from '../../../src/platform/html';
import type {
  InputErrorCode,
  InviteErrorCode,
  OutcomeKind,
  SignInErrorCode,
  StepKey,
  StepState,
} from '../views';

/** The words around every page. */
export interface ShellMessages {
  skip: string;
  languages: string;
  footer: string;
  errorTitle: (title: string) => string;
  errorSummary: string;
  showSecret: string;
  length: (typed: string, wanted: number) => string;
  sending: string;
}

/** The words of `/invite/{token}`; names come as markup that isolates their direction. */
export interface InviteMessages {
  title: (tenant: string) => string;
  heading: (inviter: Html | null, tenant: Html) => Html;
  lead: string;
  recipient: string;
  validUntil: string;
  acceptHeading: string;
  existingHeading: string;
  existingText: string;
  signedInHeading: string;
  signedInText: (email: Html) => Html;
  ssoText: string;
  ssoButton: (name: Html) => Html;
  ssoReturn: string;
  or: string;
  name: string;
  signIn: string;
  byPassword: string;
  byPasswordHint: string;
  byLink: string;
  byLinkHint: string;
  password: string;
  passwordHint: (minimum: number) => string;
  accountPassword: string;
  terms: (link: (text: string) => Html) => Html;
  newTab: string;
  accept: string;
  acceptExisting: string;
  loginLinkText: string;
  loginLinkButton: string;
  declineSummary: string;
  declineText: string;
  reason: string;
  reasonHint: string;
  decline: string;
  nextHeading: string;
  next: readonly string[];
  keepPrivate: string;
  errors: Readonly<Record<InviteErrorCode, (minimum: number) => string>>;
}

/** A short heading and the text under it. */
export interface Notice {
  heading: string;
  text: string;
}

/** The words of `/onboarding/progress`. */
export interface ProgressMessages {
  title: (tenant: string) => string;
  over: string;
  stepsHeading: string;
  steps: Readonly<Record<StepKey, string>>;
  states: Readonly<Record<StepState, string>>;
  working: Notice;
  waiting: Notice;
  parked: Notice;
  active: Notice;
  cancelled: Notice;
  rolledBack: Notice;
  formHeading: string;
  formText: Readonly<Record<'workspace' | 'token' | 'both', string>>;
  token: string;
  tokenHint: string;
  tokenSafety: string;
  spreadsheet: string;
  spreadsheetHint: string;
  ownerEmail: string;
  ownerEmailHint: string;
  submit: string;
  submitNote: string;
  nextHeading: string;
  openWorkspace: Notice;
  signIn: Notice;
  docs: Notice;
  mailed: Notice;
  comeBack: string;
  refresh: string;
  updated: string;
  help: (mail: Html) => Html;
  errors: Readonly<Record<InputErrorCode, string>>;
}

/** The words of the pages that tell one thing, and of the login link's page. */
export interface OutcomeMessages {
  notices: Readonly<Record<OutcomeKind, Notice>>;
  expiredAt: (at: Html) => Html;
  supersededAt: (at: Html) => Html;
  declinedFor: (tenant: Html) => Html;
  wrongAccount: (email: Html) => Html;
  retryAfter: (seconds: number) => string;
  requestText: string;
  requestButton: string;
  signIn: string;
  progress: string;
  back: string;
  toInvite: string;
  continue: string;
  signOut: string;
  signedInAs: (name: Html) => Html;
  termsVersion: (version: Html) => Html;
  requestId: string;
  help: (mail: Html) => Html;
  login: {
    title: string;
    heading: string;
    text: (email: Html) => Html;
    validUntil: (at: Html) => Html;
    button: string;
    note: string;
  };
}

/** The words of the sign-in page. */
export interface SignInMessages {
  title: string;
  heading: string;
  lead: string;
  email: string;
  password: string;
  submit: string;
  linkText: string;
  linkButton: string;
  invited: string;
  errors: Readonly<Record<SignInErrorCode, string>>;
}

/** All words of the customer pages in one language. */
export interface PageMessages {
  shell: ShellMessages;
  invite: InviteMessages;
  progress: ProgressMessages;
  outcomes: OutcomeMessages;
  signIn: SignInMessages;
}
