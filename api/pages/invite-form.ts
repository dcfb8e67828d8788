import type { PasswordFlaw } from '../../src/platform/crypto/password-strength';
import { manyLines, oneLine } from '../../src/platform/display-text';
import type { Visit } from './serving';
import type { FieldError, InviteErrorCode, InviteField, InviteView } from './views';

/** Whose account the form asks for. */
export type AccountKind = InviteView['account']['kind'];

type InviteError = FieldError<InviteField, InviteErrorCode>;

/** What the invite page's forms sent, cleaned. */
export interface InviteForm {
  readonly name: string;
  readonly signIn: 'password' | 'link';
  readonly password: string;
  /** False when the form had no such field: that of a person who was signed in. */
  readonly hasPassword: boolean;
  readonly acceptTerms: boolean;
  readonly reason: string;
  readonly captcha: string | undefined;
}

const limits = { name: 200, reason: 500, captcha: 4096 } as const;

/** Reads a form; names and reasons lose what cannot be seen or stored. */
export function readInviteForm({ field, hasField }: Visit): InviteForm {
  const terms = field('accept_terms');
  const captcha = field('captcha').slice(0, limits.captcha);
  return {
    name: oneLine(field('name'), 2 * limits.name),
    signIn: field('sign_in') === 'link' ? 'link' : 'password',
    password: field('password'),
    hasPassword: hasField('password'),
    acceptTerms: terms === 'true' || terms === 'on',
    reason: manyLines(field('reason'), 2 * limits.reason),
    captcha: captcha === '' ? undefined : captcha,
  };
}

/** What the page shows again of a form; never a password. */
export function shownValues(form: InviteForm): InviteView['values'] {
  const { name, signIn, acceptTerms, reason } = form;
  return { name, signIn, acceptTerms, reason };
}

/** What is wrong with a form that accepts, all at once. */
export function acceptErrors(
  form: InviteForm,
  kind: AccountKind,
  flawOf: (password: string) => PasswordFlaw | undefined,
): InviteError[] {
  const errors: InviteError[] = [];
  if (kind === 'new') {
    if (form.name === '') errors.push({ field: 'name', code: 'name-required' });
    if (form.name.length > limits.name) errors.push({ field: 'name', code: 'name-too-long' });
  }
  const wantsPassword = kind === 'existing' || (kind === 'new' && form.signIn === 'password');
  const flaw = kind === 'new' ? flawOf(form.password) : undefined;
  if (wantsPassword && form.password === '') {
    errors.push({ field: 'password', code: 'password-required' });
  } else if (wantsPassword && flaw) {
    errors.push({ field: 'password', code: flaw });
  }
  if (!form.acceptTerms) errors.push({ field: 'accept_terms', code: 'terms-required' });
  return errors;
}

/** What is wrong with a form that declines. */
export function declineErrors(form: InviteForm): InviteError[] {
  return form.reason.length > limits.reason ? [{ field: 'reason', code: 'reason-too-long' }] : [];
}
