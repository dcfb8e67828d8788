import type { Mail } from './mailbox-store';

const style = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6570; --paper: #ffffff; --wash: #f4f5f7; --line: #d9dde2; --mark: #1f5fbf; --here: #e7effa }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a3acb6; --paper: #16191d; --wash: #1e2227; --line: #343a41; --mark: #8ab8ff; --here: #24324a } }
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
a { color: var(--mark) }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px; border-radius: 4px }
.skip { position: absolute; left: -999px }
.skip:focus { left: 1rem; top: 1rem; background: var(--paper); padding: .5rem; z-index: 1 }
header.top { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; padding: 1rem 1.25rem; border-bottom: 1px solid var(--line) }
header.top h1 { font-size: 1.15rem; margin: 0 }
header.top h1 a { color: inherit; text-decoration: none }
header.top p { margin: 0; color: var(--soft) }
.panes { display: grid; grid-template-columns: minmax(18rem, 24rem) minmax(0, 1fr) }
nav { border-right: 1px solid var(--line); min-height: calc(100vh - 4rem) }
nav ol { list-style: none; margin: 0; padding: 0 }
nav li { border-bottom: 1px solid var(--line) }
nav a { display: block; padding: .7rem 1.25rem; text-decoration: none; color: inherit }
nav a:hover { background: var(--wash) }
nav a[aria-current] { background: var(--here); box-shadow: inset 3px 0 var(--mark) }
nav strong, nav span { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
nav span, dt { color: var(--soft) }
nav span { font-size: .875rem }
main { padding: 1.25rem clamp(1rem, 3vw, 2.5rem) 3rem; min-width: 0 }
h2 { margin: 0 0 .75rem; font-size: 1.4rem; line-height: 1.25; overflow-wrap: anywhere }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem 1rem; margin: 0 0 1rem }
dd { margin: 0; overflow-wrap: anywhere }
.views { display: flex; gap: 1.25rem; border-bottom: 1px solid var(--line); margin-bottom: 1rem }
.views a { padding: .4rem 0; text-decoration: none; color: var(--soft) }
.views a[aria-current] { color: var(--ink); box-shadow: inset 0 -2px var(--mark) }
iframe { width: 100%; height: max(28rem, calc(100vh - 19rem)); border: 1px solid var(--line); border-radius: 8px; background: #fff; color-scheme: light }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: .95rem/1.6 ui-monospace, monospace; margin: 0; padding: 1rem; background: var(--wash); border-radius: 8px }
.empty { color: var(--soft); max-width: 34rem }
nav .empty { padding: 0 1.25rem }
.back { display: none }
@media (max-width: 50rem) {
  .panes { display: block }
  nav { border-right: 0; min-height: 0 }
  .reading nav, .listing main { display: none }
  .back { display: inline-block; margin-bottom: 1rem }
  iframe { height: 75vh }
}`;

/**
 * On the list: looks for new mail every two seconds and loads it. Without scripts a reload by hand
 * does the same.
 */
const script = (newest: string) => `
const newest = ${JSON.stringify(newest).replaceAll('<', '\\u003c')};
setInterval(async () => {
  if (document.hidden) return;
  const answer = await fetch('/api/newest').then((response) => response.json(), () => null);
  if (answer && answer.id !== newest) location.reload();
}, 2000);`;

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character] ?? character);
}

function withLinks(text: string): string {
  return text
    .split(/(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]])/)
    .map((part, index) =>
      index % 2 === 1
        ? `<a href="${escape(part)}" target="_blank" rel="noreferrer">${escape(part)}</a>`
        : escape(part),
    )
    .join('');
}

function shownTime(at: string): string {
  return `<time datetime="${escape(at)}">${escape(at.slice(0, 19).replace('T', ' '))} UTC</time>`;
}

function listItem(mail: Mail, current: Mail | undefined): string {
  const here = mail.id === current?.id ? ' aria-current="page"' : '';
  return `<li><a href="/mails/${mail.id}"${here}>
<strong>${escape(mail.subject || '(no subject)')}</strong>
<span>${escape(mail.to)}</span><span>${shownTime(mail.at)}</span></a></li>`;
}

/** The ways in which a mail can be looked at. */
export type MailView = 'html' | 'text' | 'headers';

function body(mail: Mail, view: MailView): string {
  if (view === 'headers') {
    const rows = mail.headers.map(({ name, value }) => `${name}: ${value}`).join('\n');
    return `<pre>${escape(rows)}</pre>`;
  }
  if (view === 'text' || mail.html === '') return `<pre>${withLinks(mail.text)}</pre>`;
  return `<iframe src="/mails/${mail.id}/body" title="The mail as its reader sees it"
 sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe>`;
}

function reading(mail: Mail, view: MailView): string {
  const labels = { html: 'Mail', text: 'Text', headers: 'Headers' } as const;
  const offered = (['html', 'text', 'headers'] as const).filter(
    (name) => name !== 'html' || mail.html,
  );
  const links = offered.map((name) => {
    const here = name === view ? ' aria-current="page"' : '';
    return `<a href="/mails/${mail.id}?view=${name}"${here}>${labels[name]}</a>`;
  });
  return `<a class="back" href="/">← All mails</a>
<h2>${escape(mail.subject || '(no subject)')}</h2>
<dl><dt>To</dt><dd>${escape(mail.to)}</dd><dt>From</dt><dd>${escape(mail.from)}</dd><dt>Received</dt><dd>${shownTime(mail.at)}</dd></dl>
<div class="views" role="navigation" aria-label="Parts of the mail">${links.join('')}</div>
${body(mail, view)}`;
}

/**
 * The mailbox as a page: the list, newest first, and beside it the mail that is open. `nonce`
 * admits its style and script.
 */
export function mailboxPage(
  mails: readonly Mail[],
  open: { readonly mail: Mail; readonly view: MailView } | undefined,
  { nonce, smtpUrl }: { readonly nonce: string; readonly smtpUrl: string },
): string {
  const newest = mails.at(-1)?.id ?? '';
  const count = mails.length === 1 ? '1 mail' : `${String(mails.length)} mails`;
  const hint = `Nothing has arrived yet. Everything that Usher sends is caught at ${escape(smtpUrl)} and shown here.`;
  const list = [...mails.slice(-500)].reverse().map((mail) => listItem(mail, open?.mail));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${open ? `${escape(open.mail.subject)} · ` : ''}Mailbox</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">${style}</style>
</head>
<body class="${open ? 'reading' : 'listing'}">
<a class="skip" href="#mail">To the mail</a>
<header class="top"><h1><a href="/">Mailbox</a></h1><p>${count}. Nothing leaves this machine.</p></header>
<div class="panes">
<nav aria-label="Mails">${list.length > 0 ? `<ol>${list.join('')}</ol>` : `<p class="empty">${hint}</p>`}</nav>
<main id="mail">${open ? reading(open.mail, open.view) : '<p class="empty">Pick a mail to read it.</p>'}</main>
</div>
${open ? '' : `<script nonce="${nonce}">${script(newest)}</script>`}
</body>
</html>
`;
}

/** The HTML part of a mail as a document of its own: links open in a new tab. */
export function mailBody(mail: Mail): string {
  return `<!doctype html><base target="_blank">${mail.html}`;
}
