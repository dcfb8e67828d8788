import { html, safeUrl, type Html, type HtmlValue } from '../../src/platform/html';
import { oneLine } from '../../src/platform/display-text';
import { icon, type IconName } from './assets/icons';
import { form } from './fields';
import { layout, mailLink, moment, name } from './layout';
import { messages } from './messages/messages';
import type { NewLinkForm, OutcomeKind, OutcomeView, PageContext } from './views';

interface Look {
  status: number;
  icon: IconName;
  tone: '' | ' seal-amber' | ' seal-danger';
}

const looks: Readonly<Record<OutcomeKind, Look>> = {
  'invite-not-found': { status: 404, icon: 'info', tone: ' seal-amber' },
  'link-needed': { status: 404, icon: 'mail', tone: '' },
  'already-used': { status: 409, icon: 'check', tone: '' },
  expired: { status: 410, icon: 'clock', tone: ' seal-amber' },
  revoked: { status: 410, icon: 'hand', tone: ' seal-amber' },
  superseded: { status: 410, icon: 'mail', tone: '' },
  'already-declined': { status: 410, icon: 'hand', tone: ' seal-amber' },
  declined: { status: 200, icon: 'check', tone: '' },
  'new-link-requested': { status: 200, icon: 'mail', tone: '' },
  'tenant-not-open': { status: 409, icon: 'clock', tone: ' seal-amber' },
  'wrong-account': { status: 403, icon: 'key', tone: ' seal-amber' },
  'too-many-tries': { status: 429, icon: 'clock', tone: ' seal-amber' },
  'invalid-form': { status: 403, icon: 'info', tone: ' seal-amber' },
  'login-link-invalid': { status: 410, icon: 'key', tone: ' seal-amber' },
  'login-link-sent': { status: 200, icon: 'mail', tone: '' },
  'session-needed': { status: 401, icon: 'key', tone: '' },
  'signed-in': { status: 200, icon: 'check', tone: '' },
  'terms-unpublished': { status: 200, icon: 'info', tone: '' },
  problem: { status: 500, icon: 'alert', tone: ' seal-danger' },
};

/** The HTTP status that an outcome's page is sent with; a problem brings its own. */
export function outcomeStatus(view: OutcomeView): number {
  return view.kind === 'problem' ? view.status : looks[view.kind].status;
}

/** A page that tells one thing: what happened, and what can be done now. */
export function renderOutcome(view: OutcomeView, context: PageContext): string {
  const { notices } = messages[context.locale].outcomes;
  const { heading, text } = notices[view.kind];
  const look = looks[view.kind];
  const main = html`<div class="outcome">
    <section class="card" aria-labelledby="heading">
      <span class="seal${look.tone}">${icon(look.icon)}</span>
      <div class="stack">
        <h1 id="heading">${heading}</h1>
        ${fact(view, context)}
        <p class="soft">${text}</p>
      </div>
      ${offer(view, context)}
    </section>
  </div>`;
  return layout(context, {
    title: heading,
    main,
    ...('newLink' in view ? { visiblePath: '/invite' } : {}),
    ...(view.kind === 'link-needed' ? { resume: true } : {}),
  });
}

function fact(view: OutcomeView, context: PageContext): HtmlValue {
  const { outcomes } = messages[context.locale];
  switch (view.kind) {
    case 'expired':
      return html`<p>${outcomes.expiredAt(moment(view.at, context))}</p>`;
    case 'superseded':
      return html`<p>${outcomes.supersededAt(moment(view.sentAt, context))}</p>`;
    case 'declined':
      return html`<p>${outcomes.declinedFor(name(view.tenantName))}</p>`;
    case 'wrong-account':
      return html`<p>${outcomes.wrongAccount(name(view.maskedEmail))}</p>`;
    case 'too-many-tries':
      return html`<p>${outcomes.retryAfter(view.retryAfterSeconds)}</p>`;
    case 'signed-in':
      return view.name && oneLine(view.name)
        ? html`<p>${outcomes.signedInAs(name(view.name))}</p>`
        : null;
    case 'terms-unpublished':
      return html`<p>${outcomes.termsVersion(name(view.version))}</p>`;
    default:
      return null;
  }
}

function offer(view: OutcomeView, context: PageContext): HtmlValue {
  const { outcomes } = messages[context.locale];
  switch (view.kind) {
    case 'expired':
    case 'revoked':
    case 'superseded':
    case 'already-declined':
      return view.newLink && newLinkForm(view.newLink, view.kind === 'superseded', context);
    case 'already-used':
      return actions([
        button(outcomes.progress, view.progressUrl),
        button(outcomes.signIn, view.signInUrl, view.progressUrl !== null),
      ]);
    case 'session-needed':
      return actions([button(outcomes.signIn, view.signInUrl)]);
    case 'wrong-account':
      return html`${signOutForm(view.signOut, false, context)}
      ${actions([button(outcomes.toInvite, view.inviteUrl, true)])}`;
    case 'invalid-form':
      return actions([button(outcomes.back, view.backUrl)]);
    case 'signed-in':
      return html`${actions([button(outcomes.continue, view.continueUrl)])}
      ${signOutForm(view.signOut, true, context)}`;
    case 'tenant-not-open':
      return help(view.supportEmail, context);
    case 'problem':
      return html`<div class="stack">
        <p class="small soft">
          ${outcomes.requestId}<br /><span class="number">${oneLine(view.requestId)}</span>
        </p>
        ${help(view.supportEmail, context)}
      </div>`;
    default:
      return null;
  }
}

function newLinkForm(link: NewLinkForm, quiet: boolean, context: PageContext): Html {
  const { outcomes } = messages[context.locale];
  return form(
    {
      action: `/invite/${encodeURIComponent(link.token)}`,
      formToken: link.formToken,
      className: 'actions',
    },
    context,
    html`<p class="small soft">${outcomes.requestText}</p>
      <button class="button${quiet && ' button-quiet'}" name="action" value="request-new-link">
        ${outcomes.requestButton}
      </button>`,
  );
}

function signOutForm(formToken: string, quiet: boolean, context: PageContext): Html {
  return form(
    { action: '/sign-out', formToken, className: 'actions' },
    context,
    html`<button class="button${quiet && ' button-quiet'}">
      ${messages[context.locale].outcomes.signOut}
    </button>`,
  );
}

function button(text: string, url: string | null, quiet = false): HtmlValue {
  return (
    url && html`<a class="button${quiet ? ' button-quiet' : ''}" href="${safeUrl(url)}">${text}</a>`
  );
}

function actions(buttons: readonly HtmlValue[]): HtmlValue {
  return buttons.some(Boolean) && html`<div class="actions">${buttons}</div>`;
}

function help(address: string | null, context: PageContext): HtmlValue {
  const { outcomes } = messages[context.locale];
  return address && html`<p class="small soft">${outcomes.help(mailLink(address))}</p>`;
}
