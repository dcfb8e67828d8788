import type { DomainError } from '../../src/errors/problems';
import type { Caller } from '../../src/domain/identity/callers';
import { openTenantStatuses } from '../../src/domain/onboarding/onboarding.rules';
import { outcomeOf } from './failures';
import type { FormTokens } from './form-tokens';
import type { FoundInvite } from './invite-view';
import type { PageDeps } from './page-deps';
import { outcome } from './serving';
import type { Page, Visit } from './serving';
import type { NewLinkForm, OutcomeView } from './views';

type Deps = Pick<PageDeps, 'cookies' | 'supportEmail'> & { readonly forms: FormTokens };

/** The page of a link that cannot be accepted (any more): it explains itself and, where that can help, offers a new one. */
export function closedInvitePage(
  deps: Deps,
  visit: Visit,
  found: FoundInvite,
  closed: DomainError,
  caller: Caller,
): Page {
  return outcome(viewOf(deps, visit, found, closed, caller), { locale: found.invite.locale });
}

function viewOf(
  deps: Deps,
  visit: Visit,
  found: FoundInvite,
  closed: DomainError,
  caller: Caller,
): OutcomeView {
  const { invite, supersededAt } = found;
  switch (closed.code) {
    case 'invite-already-used':
      return {
        kind: 'already-used',
        signInUrl: '/sign-in',
        progressUrl: isTheirs(deps, visit, found, caller) ? '/onboarding/progress' : null,
      };
    case 'invite-expired':
      return { kind: 'expired', at: invite.expires_at, newLink: newLink(deps, found) };
    case 'invite-superseded':
      return {
        kind: 'superseded',
        sentAt: invite.last_sent_at ?? supersededAt ?? invite.expires_at,
        newLink: newLink(deps, found),
      };
    // Its sender cannot renew these two, so the page does not offer to ask.
    case 'invite-revoked':
      return { kind: 'revoked', newLink: null };
    case 'invite-declined':
      return { kind: 'already-declined', newLink: null };
    default:
      return outcomeOf(closed, { requestId: visit.requestId, supportEmail: deps.supportEmail });
  }
}

function newLink({ forms }: Deps, { invite, token }: FoundInvite): NewLinkForm | null {
  if (!openTenantStatuses.includes(invite.tenant_status)) return null;
  return { token, formToken: forms.issue('invite', token) };
}

// Others are not led on: the progress page would send them away again.
function isTheirs(deps: Deps, visit: Visit, found: FoundInvite, caller: Caller): boolean {
  if (caller.kind === 'user') return caller.userId === found.account?.id;
  return deps.cookies.read(visit.cookies)?.onboardingId === found.invite.onboarding_id;
}
