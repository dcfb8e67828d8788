import { attributes, html, safeUrl, type Html, type HtmlValue } from '../../src/platform/html';
import { manyLines, oneLine } from '../../src/platform/display-text';
import { describedBy, errorSummary, fieldError, form, inputField } from './fields';
import { layout, moment, name } from './layout';
import { messages } from './messages/messages';
import type { InviteField, InviteView, PageContext, SsoLink } from './views';

/** `/invite/{token}` while the invite is open: who invites whom, and the forms to accept or decline. */
export function renderInvite(view: InviteView, context: PageContext): string {
  const { invite, shell } = messages[context.locale];
  const title = invite.title(oneLine(view.tenantName));
  const inviter = oneLine(view.inviterName ?? '') ? name(view.inviterName ?? '') : null;
  const main = html`<div class="split">
    <section class="intro">
      <h1>${invite.heading(inviter, name(view.tenantName))}</h1>
      <p class="lead">${invite.lead}</p>
      <dl class="facts">
        <div>
          <dt>${invite.recipient}</dt>
          <dd>${name(view.maskedEmail)}</dd>
        </div>
        <div>
          <dt>${invite.validUntil}</dt>
          <dd>${moment(view.expiresAt, context)}</dd>
        </div>
      </dl>
    </section>
    <section class="card main-card" aria-labelledby="accept-heading">
      ${errorSummary(
        view.errors.map((error) => ({
          field: error.field,
          text: invite.errors[error.code](view.passwordMinLength),
        })),
        context,
      )}
      ${account(view, context)} ${declineForm(view, context)}
    </section>
    <section class="next">
      <h2>${invite.nextHeading}</h2>
      <ol>
        ${invite.next.map((step) => html`<li><span>${step}</span></li>`)}
      </ol>
      <p class="small soft">${invite.keepPrivate}</p>
    </section>
  </div>`;
  return layout(context, {
    title: view.errors.length > 0 ? shell.errorTitle(title) : title,
    main,
    visiblePath: '/invite',
  });
}

function account(view: InviteView, context: PageContext): HtmlValue {
  const { invite } = messages[context.locale];
  switch (view.account.kind) {
    case 'new':
      return html`<h2 id="accept-heading">${invite.acceptHeading}</h2>
        ${acceptForm(view, context, newAccountFields(view, context), invite.accept)}
        ${ssoLinks(view.account.sso, context)}`;
    case 'existing':
      return html`<div class="stack">
          <h2 id="accept-heading">${invite.existingHeading}</h2>
          <p class="soft">${invite.existingText}</p>
        </div>
        ${
          view.account.hasPassword &&
          acceptForm(view, context, accountPassword(view, context), invite.acceptExisting)
        }
        ${ssoLinks(view.account.sso, context, view.account.hasPassword)}
        ${view.account.loginLink && loginLinkForm(view, context)}`;
    case 'signed-in':
      return html`<div class="stack">
          <h2 id="accept-heading">${invite.signedInHeading}</h2>
          <p class="soft">${invite.signedInText(name(view.maskedEmail))}</p>
        </div>
        ${acceptForm(view, context, null, invite.accept)}`;
  }
}

function acceptForm(
  view: InviteView,
  context: PageContext,
  fields: HtmlValue,
  button: string,
): Html {
  return form(
    { action: action(view), formToken: view.formToken, className: 'form' },
    context,
    html`${fields} ${termsField(view, context)}
      <button class="button" name="action" value="accept">${button}</button>`,
  );
}

function newAccountFields(view: InviteView, context: PageContext): Html {
  const { invite } = messages[context.locale];
  const choice = (value: 'password' | 'link', label: string, hint: string) => {
    const radio = attributes({
      type: 'radio',
      name: 'sign_in',
      value,
      checked: view.values.signIn === value,
      'aria-describedby': `sign-in-${value}-hint`,
    });
    return html`<label class="choice">
      <input${radio} />
      <strong>${label}</strong>
      <span class="hint" id="sign-in-${value}-hint">${hint}</span>
    </label>`;
  };
  return html`${inputField(
      {
        name: 'name',
        label: invite.name,
        error: complaint(view, 'name', context),
        value: oneLine(view.values.name, 200),
        autocomplete: 'name',
        required: true,
        maxLength: 200,
      },
      context,
    )}
    <div class="sign-in">
      <fieldset class="group">
        <legend>${invite.signIn}</legend>
        <div class="choices">
          ${choice('password', invite.byPassword, invite.byPasswordHint)}
          ${choice('link', invite.byLink, invite.byLinkHint)}
        </div>
      </fieldset>
      <div class="password-part">
        ${inputField(
          {
            name: 'password',
            label: invite.password,
            hint: invite.passwordHint(view.passwordMinLength),
            error: complaint(view, 'password', context),
            type: 'password',
            autocomplete: 'new-password',
            countTo: view.passwordMinLength,
          },
          context,
        )}
      </div>
    </div>`;
}

function accountPassword(view: InviteView, context: PageContext): Html {
  return inputField(
    {
      name: 'password',
      label: messages[context.locale].invite.accountPassword,
      error: complaint(view, 'password', context),
      type: 'password',
      autocomplete: 'current-password',
      required: true,
    },
    context,
  );
}

function termsField(view: InviteView, context: PageContext): Html {
  const { invite } = messages[context.locale];
  const error = complaint(view, 'accept_terms', context);
  const box = attributes({
    type: 'checkbox',
    id: 'accept_terms',
    name: 'accept_terms',
    value: 'true',
    checked: view.values.acceptTerms,
    required: true,
    ...describedBy('accept_terms', { error }),
  });
  const link = (text: string) =>
    html`<a href="${safeUrl(view.termsUrl)}" target="_blank" rel="noopener noreferrer"
      >${text}<span class="visually-hidden"> (${invite.newTab})</span></a
    >`;
  return html`<div class="check">
    ${fieldError('accept_terms', error)}
    <label for="accept_terms"><input${box} /><span>${invite.terms(link)}</span></label>
  </div>`;
}

function ssoLinks(links: readonly SsoLink[], context: PageContext, afterForm = true): HtmlValue {
  const { invite } = messages[context.locale];
  if (links.length === 0) return null;
  return html`${afterForm && html`<p class="divider">${invite.or}</p>`}
    <div class="actions">
      ${afterForm && html`<p class="small soft">${invite.ssoText}</p>`}
      ${links.map(
        (link) =>
          html`<a class="button button-quiet" href="${safeUrl(link.url)}"
            ><span>${invite.ssoButton(name(link.name))}</span></a
          >`,
      )}
      <p class="small soft">${invite.ssoReturn}</p>
    </div>`;
}

function loginLinkForm(view: InviteView, context: PageContext): Html {
  const { invite } = messages[context.locale];
  return form(
    { action: action(view), formToken: view.formToken, className: 'actions' },
    context,
    html`<p class="small soft">${invite.loginLinkText}</p>
      <button class="button button-quiet" name="action" value="login-link">
        ${invite.loginLinkButton}
      </button>`,
  );
}

function declineForm(view: InviteView, context: PageContext): Html {
  const { invite } = messages[context.locale];
  const error = complaint(view, 'reason', context);
  const reason = attributes({
    id: 'reason',
    name: 'reason',
    maxlength: 500,
    rows: 3,
    ...describedBy('reason', { hint: invite.reasonHint, error }),
  });
  const open = error !== undefined || view.values.reason !== '';
  return html`<details class="aside" ${attributes({ open })}>
    <summary>${invite.declineSummary}</summary>
    ${form(
      { action: action(view), formToken: view.formToken, className: 'form' },
      context,
      html`<p class="soft">${invite.declineText}</p>
        <div class="field">
          <label for="reason">${invite.reason}</label>
          <p class="hint" id="reason-hint">${invite.reasonHint}</p>
          ${fieldError('reason', error)}
          <textarea${reason}>${manyLines(view.values.reason, 2000)}</textarea>
        </div>
        <button class="button button-quiet" name="action" value="decline">${invite.decline}</button>`,
    )}
  </details>`;
}

function complaint(view: InviteView, field: InviteField, context: PageContext): string | undefined {
  const error = view.errors.find((candidate) => candidate.field === field);
  return error && messages[context.locale].invite.errors[error.code](view.passwordMinLength);
}

function action(view: InviteView): string {
  return `/invite/${encodeURIComponent(view.token)}`;
}
