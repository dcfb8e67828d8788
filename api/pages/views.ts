import type { Locale } from '../../src/platform/locale';

/** What every page needs besides its view. */
export interface PageContext {
  /** The nonce of this answer's Content-Security-Policy. */
  nonce: string;
  locale: Locale;
  /** The request's path without its query; the language switch leads back to it. */
  path: string;
  /** IANA zone that moments are written in; UTC when left out. */
  timeZone?: string;
}

/** A way to sign in with another provider; `url` starts it. */
export interface SsoLink {
  name: string;
  url: string;
}

/** Whose account accepts: a new one, one that the address already has, or the one signed in. */
export type InviteAccount =
  | { kind: 'new'; sso: readonly SsoLink[] }
  | { kind: 'existing'; hasPassword: boolean; loginLink: boolean; sso: readonly SsoLink[] }
  | { kind: 'signed-in' };

/** What can be wrong with a field of the invite page. */
export type InviteErrorCode =
  | 'name-required'
  | 'name-too-long'
  | 'password-required'
  | 'password-too-short'
  | 'password-too-long'
  | 'password-common'
  | 'password-personal'
  | 'password-wrong'
  | 'terms-required'
  | 'reason-too-long';

/** The invite page's fields as they are named in its forms. */
export type InviteField = 'name' | 'password' | 'accept_terms' | 'reason';

/** One complaint about one field. */
export interface FieldError<Field extends string, Code extends string> {
  field: Field;
  code: Code;
}

/** The page at `/invite/{token}` while the invite is open. */
export interface InviteView {
  token: string;
  /** Signed by the caller; posted back with each form. */
  formToken: string;
  tenantName: string;
  inviterName: string | null;
  maskedEmail: string;
  expiresAt: Date;
  termsUrl: string;
  /** Characters. */
  passwordMinLength: number;
  account: InviteAccount;
  /** What the form holds: the invite's name at first, what was posted afterwards. Never a password. */
  values: { name: string; signIn: 'password' | 'link'; acceptTerms: boolean; reason: string };
  errors: readonly FieldError<InviteField, InviteErrorCode>[];
}

/** The five steps that a customer sees, in order. */
export const stepKeys = ['accepted', 'workspace', 'token', 'checking', 'ready'] as const;

/** One of the five steps that a customer sees. */
export type StepKey = (typeof stepKeys)[number];

/** `current`: we work on it. `waiting`: for the customer. `parked`: for us. `upcoming`: later. */
export type StepState = 'done' | 'current' | 'waiting' | 'parked' | 'upcoming';

/** What can be wrong with a field of the progress page. */
export type InputErrorCode =
  | 'spreadsheet-required'
  | 'spreadsheet-invalid'
  | 'owner-email-required'
  | 'owner-email-invalid'
  | 'token-required'
  | 'token-malformed'
  | 'token-rejected'
  | 'too-long'
  | 'already-stored';

/** The progress page's fields as they are named in its form. */
export type InputField = 'wb_token' | 'spreadsheet_id' | 'owner_email';

/** The form that asks the customer for what the onboarding waits for. */
export interface InputForm {
  /** Signed by the caller; posted back with the form. */
  formToken: string;
  needs: readonly ('workspace' | 'token')[];
  /** What was posted; never a token. */
  values: { spreadsheetId: string; ownerEmail: string };
  errors: readonly FieldError<InputField, InputErrorCode>[];
}

/** Where an active tenant goes from here; what is missing is left out. */
export interface NextSteps {
  workspaceUrl?: string;
  signInUrl?: string;
  docsUrl?: string;
}

/** How the onboarding stands, as far as its customer is concerned. */
export type ProgressSituation =
  | { kind: 'working' }
  | { kind: 'waiting' }
  | { kind: 'parked' }
  | { kind: 'active'; next: NextSteps }
  | { kind: 'cancelled' }
  | { kind: 'rolled-back' };

/** The page at `/onboarding/progress`. */
export interface ProgressView {
  tenantName: string;
  steps: Readonly<Record<StepKey, StepState>>;
  situation: ProgressSituation;
  /** Null when nothing is missing. */
  form: InputForm | null;
  /** Shown where help is needed. */
  supportEmail: string | null;
}

/** The form under an old link that asks its sender for a new one. */
export interface NewLinkForm {
  token: string;
  formToken: string;
}

/** A page that tells one thing: what happened to a link, a form or a request. */
export type OutcomeView =
  | { kind: 'invite-not-found' }
  | { kind: 'link-needed' }
  | { kind: 'already-used'; signInUrl: string | null; progressUrl: string | null }
  | { kind: 'expired'; at: Date; newLink: NewLinkForm | null }
  | { kind: 'revoked'; newLink: NewLinkForm | null }
  | { kind: 'superseded'; sentAt: Date; newLink: NewLinkForm | null }
  | { kind: 'already-declined'; newLink: NewLinkForm | null }
  | { kind: 'declined'; tenantName: string }
  | { kind: 'new-link-requested' }
  | { kind: 'tenant-not-open'; supportEmail: string | null }
  /** `signOut`: the signed token of the form that signs out. */
  | { kind: 'wrong-account'; maskedEmail: string; inviteUrl: string | null; signOut: string }
  | { kind: 'too-many-tries'; retryAfterSeconds: number }
  | { kind: 'invalid-form'; backUrl: string | null }
  | { kind: 'login-link-invalid' }
  | { kind: 'login-link-sent' }
  | { kind: 'session-needed'; signInUrl: string | null }
  | { kind: 'signed-in'; name: string | null; continueUrl: string | null; signOut: string }
  | { kind: 'terms-unpublished'; version: string }
  | { kind: 'problem'; status: number; requestId: string; supportEmail: string | null };

/** One of the outcomes. */
export type OutcomeKind = OutcomeView['kind'];

/** What can be wrong with a field of the sign-in page. */
export type SignInErrorCode =
  'email-required' | 'email-invalid' | 'password-required' | 'credentials-wrong' | 'account-closed';

/** The sign-in page's fields as they are named in its form. */
export type SignInField = 'email' | 'password';

/** The page at `/sign-in`. */
export interface SignInView {
  /** Signed by the caller; posted back with the form. */
  formToken: string;
  /** What was posted. Never a password. */
  values: { email: string };
  errors: readonly FieldError<SignInField, SignInErrorCode>[];
  sso: readonly SsoLink[];
}

/** The inert page at `/login/{token}` whose form opens the session. */
export interface LoginLinkView {
  token: string;
  /** Signed by the caller; posted back with the form. */
  formToken: string;
  maskedEmail: string;
  expiresAt: Date;
}
