import { attributes, html, type Html, type HtmlValue } from '../../src/platform/html';
import { icon } from './assets/icons';
import { messages } from './messages/messages';
import type { PageContext } from './views';

/** One field of a form, with its label, its hint and what is wrong with it. */
export interface Field {
  name: string;
  label: string;
  hint?: HtmlValue;
  error?: string | undefined;
  value?: string;
  type?: 'text' | 'email' | 'password';
  autocomplete: string;
  required?: boolean;
  /** Characters; never for a secret, which the browser would cut off unseen. */
  maxLength?: number;
  /** Characters, counted while typing where scripts run. Not enforced by the browser. */
  countTo?: number;
}

/** A complaint that the summary lists; `field` is the id to lead to. */
export interface Complaint {
  field: string;
  text: string;
}

/** A labelled input; its hint and error are read out with it. A secret can be shown by script. */
export function inputField(field: Field, context: PageContext): Html {
  const { shell } = messages[context.locale];
  const secret = field.type === 'password';
  const input = attributes({
    type: field.type ?? 'text',
    id: field.name,
    name: field.name,
    class: secret && 'secret',
    value: field.value,
    required: field.required,
    maxlength: field.maxLength,
    autocomplete: field.autocomplete,
    autocapitalize: field.autocomplete === 'name' ? 'words' : 'none',
    spellcheck: 'false',
    ...describedBy(field.name, { hint: field.hint, error: field.error }),
  });
  return html`<div class="field">
    <label for="${field.name}">${field.label}</label>
    ${field.hint && html`<p class="hint" id="${field.name}-hint">${field.hint}</p>`}
    ${fieldError(field.name, field.error)}
    <input${input} />
    ${
      secret &&
      html`<div class="under">
        <button
          type="button"
          class="reveal"
          data-reveal="${field.name}"
          aria-pressed="false"
          aria-controls="${field.name}"
          hidden
        >
          ${shell.showSecret}
        </button>
        ${
          field.countTo &&
          html`<span
            class="count"
            data-count="${field.name}"
            data-words="${shell.length('{n}', field.countTo)}"
            hidden
          ></span>`
        }
      </div>`
    }
  </div>`;
}

/** The error of one field, beside it; nothing when there is none. */
export function fieldError(id: string, text: string | undefined): HtmlValue {
  return text && html`<p class="error" id="${id}-error">${icon('alert')}<span>${text}</span></p>`;
}

/** The attributes that tie a field to its hint and error. */
export function describedBy(
  id: string,
  { hint, error }: { hint?: HtmlValue; error?: string | undefined },
): Record<string, string | undefined> {
  const ids = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean);
  return {
    'aria-describedby': ids.length > 0 ? ids.join(' ') : undefined,
    'aria-invalid': error ? 'true' : undefined,
  };
}

/** All complaints in one place, read out and focused when the page opens; nothing when there are none. */
export function errorSummary(complaints: readonly Complaint[], context: PageContext): HtmlValue {
  if (complaints.length === 0) return null;
  return html`<div
    class="summary"
    role="alert"
    tabindex="-1"
    autofocus
    aria-labelledby="error-summary"
  >
    <h2 id="error-summary">${messages[context.locale].shell.errorSummary}</h2>
    <ul>
      ${complaints.map(({ field, text }) => html`<li><a href="#${field}">${text}</a></li>`)}
    </ul>
  </div>`;
}

/** A form that posts back to Usher with its signed token; browsers leave the checking to the server. */
export function form(
  { action, formToken, className }: { action: string; formToken: string; className: string },
  context: PageContext,
  content: HtmlValue,
): Html {
  const { shell } = messages[context.locale];
  return html`<form
    class="${className}"
    method="post"
    action="${action}"
    data-sending="${shell.sending}"
    novalidate
  >
    <input type="hidden" name="form_token" value="${formToken}" />
    ${content}
  </form>`;
}
