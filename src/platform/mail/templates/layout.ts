import { html, trusted, type Html } from '../../html';
import type { Locale } from '../../locale';
import type { MailContent, Passage } from './content';

/* Colours stand inline for mail programs that drop style blocks; the style block only adds what
   darkens them. Tables, because Outlook lays out nothing else. */
const font = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const styles = `
  :root { color-scheme: light dark; supported-color-schemes: light dark; }
  @media (prefers-color-scheme: dark) {
    .ground { background-color: #101513 !important; }
    .sheet { background-color: #19211d !important; border-color: #2e3934 !important; }
    .ink { color: #e9eeea !important; }
    .soft { color: #a9b5ae !important; }
    .line { border-color: #2e3934 !important; }
    .accent { color: #86d6b4 !important; }
    .action { background-color: #86d6b4 !important; }
    .action-label { color: #0b1a14 !important; }
  }
`;

const copyLink: Readonly<Record<Locale, string>> = {
  en: 'If the button does not work, copy this address into your browser:',
  de: 'Wenn die Schaltfläche nicht funktioniert, kopieren Sie diese Adresse in Ihren Browser:',
  ru: 'Если кнопка не работает, скопируйте этот адрес в браузер:',
};

/** The text part: complete by itself, with the link on a line of its own. */
export function mailText(content: MailContent): string {
  const parts = [
    content.greeting,
    ...content.passages.map(passageText),
    `${content.action.label}:\n${content.action.url}`,
    ...content.after.map(wrap),
    `-- \n${wrap(content.reason)}\nUsher`,
  ];
  return parts.filter((part) => part !== null).join('\n\n') + '\n';
}

/** The HTML part: one column, no image, nothing loaded from anywhere. */
export function mailHtml(content: MailContent, locale: Locale): string {
  return html`<!doctype html>
    <html lang="${locale}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="supported-color-schemes" content="light dark" />
        <meta name="x-apple-disable-message-reformatting" />
        <meta name="format-detection" content="telephone=no, date=no, address=no, email=no" />
        <title>${content.subject}</title>
        <style>
          ${trusted(styles)}
        </style>
      </head>
      <body class="ground" style="margin:0;padding:0;background-color:#f6f4ee;">
        <div style="display:none;max-height:0;overflow:hidden;font-size:1px;line-height:1px;">
          ${content.preheader}
        </div>
        <table
          role="presentation"
          class="ground"
          width="100%"
          cellpadding="0"
          cellspacing="0"
          border="0"
          style="background-color:#f6f4ee;"
        >
          <tr>
            <td align="center" style="padding:32px 16px;">
              <table
                role="presentation"
                width="100%"
                cellpadding="0"
                cellspacing="0"
                border="0"
                style="max-width:560px;"
              >
                <tr>
                  <td
                    class="accent"
                    style="padding:0 4px 16px;${font};font-size:17px;font-weight:700;color:#1d5c48;"
                  >
                    Usher
                  </td>
                </tr>
                <tr>
                  <td
                    class="sheet"
                    style="padding:32px 28px;background-color:#fffefb;border:1px solid #ddd8ca;border-radius:12px;"
                  >
                    <h1
                      class="ink"
                      style="margin:0 0 20px;${font};font-size:24px;line-height:1.25;color:#1c2622;overflow-wrap:anywhere;"
                    >
                      ${content.heading}
                    </h1>
                    ${content.greeting && paragraph(content.greeting)}
                    ${content.passages.map(passageHtml)} ${button(content.action)}
                    ${content.after.map((words) => paragraph(words))}
                    ${addressToCopy(content.action.url, locale)}
                  </td>
                </tr>
                <tr>
                  <td
                    class="soft"
                    style="padding:20px 4px 0;${font};font-size:13px;line-height:1.5;color:#55615b;overflow-wrap:anywhere;"
                  >
                    ${content.reason}
                  </td>
                </tr>
              </table>
            </td>
          </tr>
        </table>
      </body>
    </html> `.text.replace(/^ +/gm, '');
}

function passageText(passage: Passage): string {
  switch (passage.kind) {
    case 'text':
      return wrap(passage.text);
    case 'facts':
      return passage.rows.map(([label, value]) => `${label}: ${value}`).join('\n');
    case 'list':
      return passage.items.map((item) => `* ${item}`).join('\n');
    case 'links':
      return passage.links.map(([label, url]) => `${label}:\n${url}`).join('\n\n');
    case 'quote':
      return passage.text
        .split('\n')
        .map((line) => `> ${line}`.trimEnd())
        .join('\n');
  }
}

function passageHtml(passage: Passage): Html {
  switch (passage.kind) {
    case 'text':
      return paragraph(passage.text);
    case 'facts':
      return html`<table
        role="presentation"
        class="line"
        width="100%"
        cellpadding="0"
        cellspacing="0"
        border="0"
        style="margin:0 0 20px;border-top:1px solid #ddd8ca;border-bottom:1px solid #ddd8ca;"
      >
        ${passage.rows.map(
          ([label, value]) =>
            html`<tr>
              <td
                style="padding:10px 0;${font};font-size:16px;line-height:1.5;overflow-wrap:anywhere;"
              >
                <span class="soft" style="font-size:13px;color:#55615b;">${label}</span><br />
                <span class="ink" style="font-weight:600;color:#1c2622;">${value}</span>
              </td>
            </tr>`,
        )}
      </table>`;
    case 'list':
      return html`<ul
        class="ink"
        style="margin:0 0 16px;padding:0 0 0 20px;${font};font-size:16px;line-height:1.55;color:#1c2622;"
      >
        ${passage.items.map(
          (item) => html`<li style="margin:0 0 6px;overflow-wrap:anywhere;">${item}</li>`,
        )}
      </ul>`;
    case 'links':
      return html`${passage.links.map(([label, url]) =>
        paragraph(html`<a class="accent" href="${url}" style="color:#1d5c48;">${label}</a>`),
      )}`;
    case 'quote':
      return html`<blockquote
        class="ink line"
        style="margin:0 0 20px;padding:4px 0 4px 16px;border-left:3px solid #ddd8ca;${font};font-size:16px;line-height:1.55;color:#1c2622;overflow-wrap:anywhere;"
      >
        ${passage.text.split('\n').map((line) => html`${line}<br />`)}
      </blockquote>`;
  }
}

function paragraph(words: string | Html): Html {
  return html`<p
    class="ink"
    style="margin:0 0 16px;${font};font-size:16px;line-height:1.55;color:#1c2622;overflow-wrap:anywhere;"
  >
    ${words}
  </p>`;
}

function button({ label, url }: MailContent['action']): Html {
  return html`<table
    role="presentation"
    cellpadding="0"
    cellspacing="0"
    border="0"
    style="margin:4px 0 20px;"
  >
    <tr>
      <td class="action" bgcolor="#1d5c48" style="border-radius:9px;background-color:#1d5c48;">
        <a
          class="action-label"
          href="${url}"
          style="display:inline-block;padding:14px 26px;${font};font-size:16px;font-weight:600;line-height:1.3;color:#ffffff;text-decoration:none;overflow-wrap:anywhere;"
          >${label}</a
        >
      </td>
    </tr>
  </table>`;
}

function addressToCopy(url: string, locale: Locale): Html {
  return html`<p
    class="soft"
    style="margin:0;${font};font-size:13px;line-height:1.5;color:#55615b;"
  >
    ${copyLink[locale]}<br />
    <a
      class="accent"
      href="${url}"
      style="color:#1d5c48;overflow-wrap:anywhere;word-break:break-all;"
      >${url}</a
    >
  </p>`;
}

/* At most 76 columns where words allow it: some programs show text parts as they come. */
function wrap(words: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of words.split(' ')) {
    if (line && line.length + 1 + word.length > 76) {
      lines.push(line);
      line = word;
    } else {
      line = line ? `${line} ${word}` : word;
    }
  }
  return [...lines, line].join('\n');
}
