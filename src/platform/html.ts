declare const markup: unique symbol;

/** Markup that is safe to send: made by the `html` tag, every value in it escaped. */
export interface Html {
  readonly [markup]: true;
  readonly text: string;
}

/** What may stand in a hole of an `html` template; nothing is printed for null, undefined and false. */
export type HtmlValue = Html | string | number | null | undefined | false | readonly HtmlValue[];

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Escapes text for an element's content and for a quoted attribute alike. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => escapes[character] ?? character);
}

/** Declares a constant of this code base (an icon, a style block) to be markup. Never for input. */
export function trusted(text: string): Html {
  return { text } as Html;
}

/** Template tag: escapes every value that is not itself markup. Attributes must be quoted. */
export function html(strings: TemplateStringsArray, ...values: HtmlValue[]): Html {
  let text = strings[0] ?? '';
  values.forEach((value, index) => {
    text += print(value) + (strings[index + 1] ?? '');
  });
  return trusted(text);
}

/** Prints attributes; null, undefined and false leave one out, true prints it bare. */
export function attributes(
  values: Readonly<Record<string, string | number | boolean | null | undefined>>,
): Html {
  const parts = Object.entries(values).map(([name, value]) => {
    if (value === null || value === undefined || value === false) return '';
    return value === true ? ` ${name}` : ` ${name}="${escapeHtml(String(value))}"`;
  });
  return trusted(parts.join(''));
}

/**
 * The address when it may stand in a link, else `#`: only http, https, mailto and paths of this
 * origin, since escaping alone lets `javascript:` through.
 */
export function safeUrl(url: string): string {
  if (/^\/(?![/\\])/.test(url)) return url;
  if (!URL.canParse(url)) return '#';
  return ['http:', 'https:', 'mailto:'].includes(new URL(url).protocol) ? url : '#';
}

function print(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return '';
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  if (isHtml(value)) return value.text;
  return value.map(print).join('');
}

function isHtml(value: Html | readonly HtmlValue[]): value is Html {
  return !Array.isArray(value);
}
