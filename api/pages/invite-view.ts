import { DomainError } from '../../src/errors/problems';
import { findAccountByEmail } from '../../src/domain/identity/accounts';
import type { Account } from '../../src/domain/identity/accounts';
import type { Caller } from '../../src/domain/identity/callers';
import { isAuthoritative, surfaceOf } from '../../src/domain/identity/oidc.rules';
import { requireOpen, withInviteOf } from '../../src/domain/onboarding/holder';
import type { HeldInvite } from '../../src/domain/onboarding/holder';
import { markOpened } from '../../src/domain/onboarding/invites';
import { maskEmail, openTenantStatuses } from '../../src/domain/onboarding/onboarding.rules';
import type { OidcIssuer } from '../../src/platform/config-values';
import type { Tx } from '../../src/platform/db';
import { renderInvite } from './invite-page';
import type { PageDeps } from './page-deps';
import type { Page } from './serving';
import { termsUrlOf } from './terms';
import type { InviteAccount, InviteView, SsoLink } from './views';

/** An invite as its link's holder finds it, with the account that its address has, if any. */
export interface FoundInvite extends HeldInvite {
  readonly token: string;
  readonly account: Account | undefined;
  /** Why it cannot be accepted (any more); undefined while it can. */
  readonly closed: DomainError | undefined;
}

/**
 * Looks an invite up without changing anything.
 * @throws DomainError `invite-not-found`
 */
export function findInvite(deps: Pick<PageDeps, 'db'>, token: string): Promise<FoundInvite> {
  return withInviteOf(deps.db, token, (tx, held) => withAccount(tx, held, token));
}

/**
 * Looks the invite of a form up, and notes that a person is at it: only a form that was sent tells people from
 * programs that open every link.
 * @throws DomainError `invite-not-found`
 */
export function findInviteOfForm(deps: Pick<PageDeps, 'db'>, token: string): Promise<FoundInvite> {
  return withInviteOf(deps.db, token, async (tx, held) => {
    const found = await withAccount(tx, held, token);
    if (!found.closed) await markOpened(tx, held.invite.id);
    return found;
  });
}

async function withAccount(tx: Tx, held: HeldInvite, token: string): Promise<FoundInvite> {
  const account = await findAccountByEmail(tx, held.invite.email);
  return { ...held, token, account, closed: closedBy(held, account) };
}

function closedBy(held: HeldInvite, account: Account | undefined): DomainError | undefined {
  try {
    requireOpen(held);
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  if (!openTenantStatuses.includes(held.invite.tenant_status)) {
    return new DomainError('tenant-not-open');
  }
  return account?.status === 'deactivated' ? new DomainError('user-deactivated') : undefined;
}

/** The page of an open invite, for whoever looks at it. */
export function invitePage(
  deps: PageDeps,
  found: FoundInvite,
  caller: Caller,
  form: Pick<InviteView, 'formToken'> & Partial<Pick<InviteView, 'values' | 'errors'>>,
): Page {
  const { invite, token } = found;
  const view: InviteView = {
    token,
    formToken: form.formToken,
    tenantName: invite.tenant_name,
    inviterName: invite.inviter_name,
    maskedEmail: maskEmail(invite.email),
    expiresAt: invite.expires_at,
    termsUrl: termsUrlOf(deps.config),
    passwordMinLength: deps.passwords.minLength,
    account: accountOf(deps, found, caller),
    values: form.values ?? {
      name: invite.name ?? '',
      signIn: 'password',
      acceptTerms: false,
      reason: '',
    },
    errors: form.errors ?? [],
  };
  return {
    status: view.errors.length > 0 ? 422 : 200,
    render: (context) => renderInvite(view, context),
    locale: invite.locale,
  };
}

/** Whose account accepts: that of the person signed in, one that the address has, or a new one. */
export function accountOf(
  deps: Pick<PageDeps, 'config'>,
  { invite, account, token }: FoundInvite,
  caller: Caller,
): InviteAccount {
  if (account && caller.kind === 'user' && caller.userId === account.id) {
    return { kind: 'signed-in' };
  }
  const sso = ssoLinks(deps.config.OIDC_ISSUERS, invite.email, token);
  if (!account) return { kind: 'new', sso };
  const hasPassword = account.passwordHash !== null && !account.passwordLapsed;
  return { kind: 'existing', hasPassword, loginLink: true, sso };
}

// A sign-in elsewhere counts only where that issuer speaks for the address's domain; other links would lead nowhere.
function ssoLinks(issuers: readonly OidcIssuer[], email: string, token: string): SsoLink[] {
  return issuers
    .filter(
      (issuer) =>
        issuer.client_id !== undefined &&
        surfaceOf(issuer, issuer.client_id) === 'customer' &&
        isAuthoritative(issuer, email),
    )
    .map(({ name }) => ({
      name,
      url: `/auth/oidc/${encodeURIComponent(name)}?invite=${encodeURIComponent(token)}`,
    }));
}
