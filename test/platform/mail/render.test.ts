import { locales } from '../../../src/platform/locale';
import { renderMail } from '../../../src/platform/mail/render';
import type { MailData, MailKind } from '../../../src/platform/mail/templates/kinds';
import { mailSamples } from './samples';

const kinds = Object.keys(mailSamples) as MailKind[];
const everyMail = kinds.flatMap((kind) => locales.map((locale) => [kind, locale] as const));
const hostile = `<script>alert(1)</script>\r\nBcc: x@evil.example\r\n\r\nbody\u202egnp.exe\u0000"'>${'W'.repeat(500)}`;

/** The sample with every text that is no link replaced. */
function withText<Kind extends MailKind>(kind: Kind, text: string): MailData[Kind] {
  const entries = Object.entries(mailSamples[kind]).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'string' && !/link|url|role|change/i.test(key) ? text : value,
  ]);
  return Object.fromEntries(entries) as MailData[Kind];
}

describe.each(everyMail)('the %s mail in %s', (kind, locale) => {
  const mail = renderMail({ kind, locale, data: mailSamples[kind] });

  it('says what it said when it was last read by a person', () => {
    expect(`Subject: ${mail.subject}\n\n${mail.text}`).toMatchSnapshot();
  });

  it('carries its link in both parts, on a line of its own in the text', () => {
    const { link } = mailSamples[kind];
    expect(mail.text.split('\n')).toContain(link);
    expect(mail.html).toContain(`href="${link}"`);
  });

  it('loads nothing, tracks nothing and runs nothing', () => {
    expect(mail.html).not.toMatch(
      /<(img|script|iframe|link|object|form|video|svg)\b|url\(|@import/i,
    );
    expect(mail.html).not.toMatch(/\son\w+=/i);
  });

  it('stays harmless whatever the names in it hold', () => {
    const bad = renderMail({ kind, locale, data: withText(kind, hostile) });
    expect(bad.subject).not.toMatch(/[\p{Cc}\u2028\u2029\u202e]/u);
    expect([...bad.subject].length).toBeLessThanOrEqual(181);
    expect(bad.html).not.toMatch(/<script|\u202e|\u0000/i);
    expect(bad.text).not.toMatch(/\u202e|\u0000|\r/);
    expect(bad.text).not.toMatch(/^Bcc:/m);
    expect(bad.text.length).toBeLessThan(5_000);
  });

  it('reads well when names are missing or empty', () => {
    const bare = renderMail({ kind, locale, data: withText(kind, '\u200b ') });
    expect(`${bare.subject}${bare.text}${bare.html}`).not.toMatch(/null|undefined|NaN|\[object/);
    expect(bare.subject).not.toBe('');
  });
});

describe('renderMail', () => {
  it('falls back from de-AT to German and from an unknown language to English', () => {
    const data = mailSamples.invite;
    const subjectIn = (locale: string | null) =>
      renderMail({ kind: 'invite', locale, data }).subject;
    expect(subjectIn('de-AT')).toBe(subjectIn('de'));
    expect(subjectIn('fr')).toBe(subjectIn('en'));
    expect(subjectIn(null)).toBe(subjectIn('en'));
  });

  it('marks the language of the HTML part', () => {
    const mail = renderMail({ kind: 'welcome', locale: 'ru', data: mailSamples.welcome });
    expect(mail.html).toMatch(/^<!doctype html>\s*<html lang="ru">/);
  });

  it('escapes names in the HTML part and leaves them as typed in the text part', () => {
    const data = { ...mailSamples.invite, tenantName: 'Müller & Söhne <GmbH>' };
    const mail = renderMail({ kind: 'invite', locale: 'de', data });
    expect(mail.text).toContain('Müller & Söhne <GmbH>');
    expect(mail.html).toContain('Müller &amp; Söhne &lt;GmbH&gt;');
  });

  it('refuses a link that is no web address', () => {
    const data = { ...mailSamples.welcome, link: 'javascript:alert(1)' };
    expect(() => renderMail({ kind: 'welcome', locale: 'en', data })).toThrow(TypeError);
  });

  it('leaves out further addresses that are none', () => {
    const data = { ...mailSamples.welcome, workspaceUrl: 'javascript:alert(1)', docsUrl: null };
    const { text } = renderMail({ kind: 'welcome', locale: 'en', data });
    expect(text).not.toMatch(/javascript|workspace:|guide/);
  });

  it('quotes a reason so that it cannot pass for the mail itself', () => {
    const data = { ...mailSamples['invite-declined'], reason: 'No.\n\n-- \nUsher: pay here' };
    const { text } = renderMail({ kind: 'invite-declined', locale: 'en', data });
    expect(text).toContain('> No.\n>\n> --\n> Usher: pay here');
  });

  it('names only what is missing in a reminder', () => {
    const data = { ...mailSamples['customer-input-reminder'], missing: ['token'] as const };
    const { text } = renderMail({ kind: 'customer-input-reminder', locale: 'en', data });
    expect(text).toContain('token of your marketplace account');
    expect(text).not.toContain('spreadsheet');
  });
});
