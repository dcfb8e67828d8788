import type { Tx } from '../../platform/db';
import { findAccountByEmail } from '../identity/accounts';
import type { OnboardingConfig } from './deps';
import type { InviteRow } from './invites';
import { maskEmail } from './onboarding.rules';

/** What a link offers, for the person who holds it. Reading it changes nothing. */
export async function previewOf(
  tx: Tx,
  config: Pick<OnboardingConfig, 'PASSWORD_MIN_LENGTH' | 'TERMS_URL'>,
  invite: InviteRow,
) {
  const account = await findAccountByEmail(tx, invite.email);
  return {
    success: true as const,
    tenant: { name: invite.tenant_name, slug: invite.tenant_slug },
    invited_by: invite.inviter_name,
    email_masked: maskEmail(invite.email),
    name: invite.name,
    role: invite.role,
    locale: invite.locale,
    expires_at: invite.expires_at.toISOString(),
    account_exists: account !== undefined,
    password_min_length: config.PASSWORD_MIN_LENGTH,
    terms_url: config.TERMS_URL,
  };
}
