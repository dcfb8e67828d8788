import type { Person } from '../../src/domain/identity/me';
import type { FormTokens } from './form-tokens';
import { outcome } from './serving';
import type { Page } from './serving';

/** Tells a person that they are signed in, and lets them go on or sign out. */
export function signedInPage(
  { forms }: { readonly forms: FormTokens },
  person: Person | undefined,
  continueUrl: string | null,
): Page {
  const signOut = forms.issue('sign-out', 'sign-out');
  return outcome(
    { kind: 'signed-in', name: person?.name ?? null, continueUrl, signOut },
    { locale: person?.locale },
  );
}
