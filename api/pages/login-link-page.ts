import { html } from '../../src/platform/html';
import { icon } from './assets/icons';
import { form } from './fields';
import { layout, moment, name } from './layout';
import { messages } from './messages/messages';
import type { LoginLinkView, PageContext } from './views';

/** `/login/{token}`: inert by itself; only its form, sent by a person, opens the session. */
export function renderLoginLink(view: LoginLinkView, context: PageContext): string {
  const { login } = messages[context.locale].outcomes;
  const main = html`<div class="outcome">
    <section class="card" aria-labelledby="heading">
      <span class="seal">${icon('key')}</span>
      <div class="stack">
        <h1 id="heading">${login.heading}</h1>
        <p>${login.text(name(view.maskedEmail))}</p>
        <p class="soft">${login.validUntil(moment(view.expiresAt, context))}</p>
      </div>
      ${form(
        {
          action: `/login/${encodeURIComponent(view.token)}`,
          formToken: view.formToken,
          className: 'form',
        },
        context,
        html`<button class="button">${login.button}</button>`,
      )}
      <p class="small soft">${login.note}</p>
    </section>
  </div>`;
  return layout(context, { title: login.title, main, visiblePath: '/login' });
}
