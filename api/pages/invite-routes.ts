import { requestLoginLink } from '../../src/domain/identity/login-links';
import { DomainError } from '../../src/errors/problems';
import { asHolder, askForNewLink, declineOnce } from '../accepting';
import { isToken, requestSource } from '../middleware/authenticate';
import type { Idempotency } from '../middleware/idempotency';
import type { BackCookie } from './back-cookie';
import { closedInvitePage } from './closed-invite';
import type { FormTokens, SentForm } from './form-tokens';
import { acceptByForm } from './invite-accept';
import { declineErrors, readInviteForm, shownValues } from './invite-form';
import { findInvite, findInviteOfForm, invitePage } from './invite-view';
import type { PageDeps } from './page-deps';
import { outcome, refuseForeign } from './serving';
import type { Page, PageHandler, Visit, WayOn } from './serving';

type Deps = PageDeps & { readonly forms: FormTokens; readonly back: BackCookie };

/** The page at `/invite/{token}` and what its forms ask for. */
export interface InvitePages {
  /** Changes nothing, whoever looks: a person, a mail program, a scanner that runs scripts. */
  readonly show: PageHandler;
  /** Accepts, declines, asks for a new link or for a login link. */
  readonly send: PageHandler;
}

/** Builds the pages of invites. */
export function createInvitePages(deps: Deps): InvitePages {
  const { limits, forms } = deps;

  const show: PageHandler = async (visit) => {
    const token = tokenOf(visit);
    const found = await asHolder(limits, visit.ip, () => findInvite(deps, token));
    const caller = await deps.authenticate(visit.request);
    if (found.closed) return closedInvitePage(deps, visit, found, found.closed, caller);
    return invitePage(deps, found, caller, { formToken: forms.issue('invite', token) });
  };

  const send: PageHandler = async (visit) => {
    refuseForeign(visit, deps.config.PUBLIC_URL);
    const token = tokenOf(visit);
    const sent = forms.check('invite', token, visit.field('form_token'));
    const action = visit.field('action');
    if (!sent || !isAction(action)) {
      return outcome({ kind: 'invalid-form', backUrl: isToken(token) ? `/invite/${token}` : null });
    }
    return actions[action](deps, visit, token, sent);
  };

  return { show, send };
}

type Action = (deps: Deps, visit: Visit, token: string, sent: SentForm) => Promise<Page | WayOn>;

const actions = {
  accept: (deps, visit, token, sent) =>
    acceptByForm(deps, visit, token, keyOf(deps, 'accept', token, sent)),

  decline: async (deps, visit, token, sent) => {
    const form = readInviteForm(visit);
    const errors = declineErrors(form);
    const key = keyOf(deps, 'decline', token, sent);
    try {
      return await asHolder(deps.limits, visit.ip, async () => {
        if (errors.length > 0) {
          const found = await findInviteOfForm(deps, token);
          if (found.closed) throw found.closed;
          const caller = await deps.authenticate(visit.request);
          const formToken = visit.field('form_token');
          return invitePage(deps, found, caller, { formToken, values: shownValues(form), errors });
        }
        const reason = form.reason === '' ? undefined : form.reason;
        const declined = await declineOnce(deps, { token, reason, ip: visit.ip }, key);
        return outcome(
          { kind: 'declined', tenantName: declined.tenantName },
          { locale: declined.locale },
        );
      });
    } catch (error) {
      return closedBy(deps, visit, token, error);
    }
  },

  'request-new-link': async (deps, visit, token) => {
    await askForNewLink(deps, token, visit.ip);
    const { invite } = await findInvite(deps, token);
    return outcome({ kind: 'new-link-requested' }, { locale: invite.locale });
  },

  'login-link': async (deps, visit, token) => {
    const found = await asHolder(deps.limits, visit.ip, () => findInviteOfForm(deps, token));
    if (found.closed) return closedBy(deps, visit, token, found.closed);
    const path = `/invite/${encodeURIComponent(token)}`;
    if (!found.account) return { location: path };
    await requestLoginLink(deps, found.invite.email, requestSource(visit));
    return outcome(
      { kind: 'login-link-sent' },
      { locale: found.invite.locale, cookies: [deps.back.remember(path)] },
    );
  },
} as const satisfies Record<string, Action>;

function isAction(name: string): name is keyof typeof actions {
  return Object.hasOwn(actions, name);
}

function tokenOf({ request }: Visit): string {
  const { token } = request.params;
  return typeof token === 'string' ? token : '';
}

// The key is the form's nonce: only the browser that holds the form can send it once more.
function keyOf(deps: Deps, action: string, token: string, { nonce }: SentForm): Idempotency {
  const scope = `page\n${action} /invite/${token}`;
  return deps.idempotencyKeys({ scope, key: nonce, body: {}, once: [] });
}

async function closedBy(
  deps: Deps,
  visit: Visit,
  token: string,
  error: unknown,
): Promise<Page | WayOn> {
  if (!(error instanceof DomainError) || error.code === 'invite-not-found') throw error;
  const found = await findInvite(deps, token);
  if (!found.closed) throw error;
  const caller = await deps.authenticate(visit.request);
  return closedInvitePage(deps, visit, found, found.closed, caller);
}
