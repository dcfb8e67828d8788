import { attributes, html, type Html, type HtmlValue } from '../../src/platform/html';
import { formatMoment, locales, type Locale } from '../../src/platform/locale';
import { oneLine } from '../../src/platform/display-text';
import { assetPaths } from './assets/assets';
import { mark } from './assets/icons';
import { messages } from './messages/messages';
import type { PageContext } from './views';

const languageNames: Readonly<Record<Locale, string>> = {
  en: 'English',
  de: 'Deutsch',
  ru: 'Русский',
};

/** What one page puts into the common frame. */
export interface PageParts {
  title: string;
  main: HtmlValue;
  /** What the address bar shows instead of the token, once the page has loaded. */
  visiblePath?: '/invite' | '/login';
  /** On the page that stands at such a shortened address: lead back to the link, if it is known. */
  resume?: boolean;
  /** Seconds after which a browser without JavaScript loads the page again. */
  refreshSeconds?: number;
}

/** A whole page: head, language switch, content, footer. Loads nothing but Usher's own assets. */
export function layout(context: PageContext, parts: PageParts): string {
  const { shell } = messages[context.locale];
  const root = attributes({
    lang: context.locale,
    'data-visible-path': parts.visiblePath,
    'data-resume': parts.resume,
  });
  return html`<!doctype html>
    <html${root}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${parts.title} · Usher</title>
        <meta name="robots" content="noindex, nofollow" />
        <meta name="referrer" content="no-referrer" />
        <meta name="color-scheme" content="light dark" />
        <meta name="format-detection" content="telephone=no, date=no, address=no" />
        <link rel="icon" href="${assetPaths.icon}" type="image/svg+xml" />
        <link rel="stylesheet" href="${assetPaths.stylesheet}" nonce="${context.nonce}" />
        <script src="${assetPaths.script}" nonce="${context.nonce}" defer></script>
        ${
          parts.refreshSeconds &&
          html`<noscript><meta http-equiv="refresh" content="${parts.refreshSeconds}" /></noscript>`
        }
      </head>
      <body>
        <a class="skip" href="#content">${shell.skip}</a>
        <header class="shell top">
          <span class="brand">${mark} Usher</span>
          <nav class="languages" aria-label="${shell.languages}">
            <ul>
              ${locales.map((locale) => languageLink(context, locale))}
            </ul>
          </nav>
        </header>
        <main class="shell" id="content" tabindex="-1">${parts.main}</main>
        <footer class="shell foot"><p>${shell.footer}</p></footer>
      </body>
    </html>`.text;
}

/** A name that somebody else typed, cleaned and kept from reordering the text around it. */
export function name(text: string): Html {
  return html`<bdi>${oneLine(text)}</bdi>`;
}

/** A moment with time and zone; scripts rewrite it in the reader's own zone. */
export function moment(at: Date, context: PageContext): Html {
  return html`<time datetime="${at.toISOString()}"
    >${formatMoment(at, context.locale, context.timeZone)}</time
  >`;
}

/** An e-mail address that opens the reader's mail program. */
export function mailLink(address: string): Html {
  const shown = oneLine(address, 254);
  return html`<a href="mailto:${encodeURIComponent(shown).replace('%40', '@')}">${shown}</a>`;
}

function languageLink({ path, locale: current }: PageContext, locale: Locale): Html {
  const link = attributes({
    href: `${path}?lang=${locale}`,
    lang: locale,
    hreflang: locale,
    'aria-current': locale === current && 'true',
  });
  return html`<li><a${link}>${languageNames[locale]}</a></li>`;
}
