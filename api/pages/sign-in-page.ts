import { html, safeUrl } from '../../src/platform/html';
import { errorSummary, form, inputField } from './fields';
import { layout, name } from './layout';
import { messages } from './messages/messages';
import type { PageContext, SignInField, SignInView } from './views';

/** `/sign-in`: with a password, with a link by mail, or at another provider. */
export function renderSignIn(view: SignInView, context: PageContext): string {
  const { signIn, invite, shell } = messages[context.locale];
  const error = (field: SignInField) => {
    const found = view.errors.find((candidate) => candidate.field === field);
    return found && signIn.errors[found.code];
  };
  const main = html`<div class="outcome">
    <section class="card" aria-labelledby="heading">
      ${errorSummary(
        view.errors.map(({ field, code }) => ({ field, text: signIn.errors[code] })),
        context,
      )}
      <div class="stack">
        <h1 id="heading">${signIn.heading}</h1>
        <p class="soft">${signIn.lead}</p>
      </div>
      ${form(
        { action: '/sign-in', formToken: view.formToken, className: 'form' },
        context,
        html`${inputField(
            {
              name: 'email',
              label: signIn.email,
              error: error('email'),
              value: view.values.email,
              type: 'email',
              autocomplete: 'username',
              required: true,
              maxLength: 254,
            },
            context,
          )}
          ${inputField(
            {
              name: 'password',
              label: signIn.password,
              error: error('password'),
              type: 'password',
              autocomplete: 'current-password',
            },
            context,
          )}
          <div class="actions">
            <button class="button" name="action" value="password">${signIn.submit}</button>
            <p class="small soft">${signIn.linkText}</p>
            <button class="button button-quiet" name="action" value="link">
              ${signIn.linkButton}
            </button>
          </div>`,
      )}
      ${
        view.sso.length > 0 &&
        html`<p class="divider">${invite.or}</p>
          <div class="actions">
            ${view.sso.map(
              (link) =>
                html`<a class="button button-quiet" href="${safeUrl(link.url)}"
                  ><span>${invite.ssoButton(name(link.name))}</span></a
                >`,
            )}
          </div>`
      }
      <p class="small soft">${signIn.invited}</p>
    </section>
  </div>`;
  return layout(context, {
    title: view.errors.length > 0 ? shell.errorTitle(signIn.title) : signIn.title,
    main,
  });
}
