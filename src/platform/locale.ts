/** The languages that customer pages and mails are written in; the first is the last resort. */
export const locales = ['en', 'de', 'ru'] as const;

/** One of the languages that pages and mails are written in. */
export type Locale = (typeof locales)[number];

/** Each language's tag for dates and numbers: day before month and 24 hours in all three. */
const formats: Readonly<Record<Locale, string>> = { en: 'en-GB', de: 'de-DE', ru: 'ru-RU' };

/** The language written for a BCP 47 tag, by its fallback chain (`de-AT`, `de`, `en`). */
export function localeOf(tag: string | null | undefined): Locale {
  return findLocale(tag) ?? locales[0];
}

/**
 * The language of a page: what was asked for by `?lang=`, else the invite's, else the browser's
 * (an `Accept-Language` header), else English.
 */
export function chooseLocale(wish: {
  lang?: string | null | undefined;
  invite?: string | null | undefined;
  acceptLanguage?: string | null | undefined;
}): Locale {
  const asked = findLocale(wish.lang) ?? findLocale(wish.invite);
  if (asked) return asked;
  const accepted = (wish.acceptLanguage ?? '')
    .slice(0, 500)
    .split(',')
    .map((range) => {
      const [tag, quality] = range.split(';');
      return { tag: tag?.trim(), q: Number(/q=([\d.]+)/.exec(quality ?? 'q=1')?.[1] ?? 0) };
    })
    .filter(({ q }) => q > 0)
    .sort((a, b) => b.q - a.q);
  for (const { tag } of accepted) {
    const locale = findLocale(tag);
    if (locale) return locale;
  }
  return locales[0];
}

/**
 * A moment with its time and its zone, e.g. `28 November 2026, 14:05 (UTC)`. Put together here so
 * that it reads the same under every ICU version.
 */
export function formatMoment(at: Date, locale: Locale, timeZone = 'UTC'): string {
  const zone = isTimeZone(timeZone) ? timeZone : 'UTC';
  const format = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(formats[locale], { timeZone: zone, ...options });
  const date = format({ day: 'numeric', month: 'long', year: 'numeric' }).format(at);
  const parts = format({
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
  }).formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes) =>
    parts.find((candidate) => candidate.type === type)?.value ?? '';
  const clock = `${part('hour')}:${part('minute')}${locale === 'de' ? ' Uhr' : ''}`;
  return `${date}, ${clock} (${part('timeZoneName')})`;
}

/** A number with the form of its noun, by the language's plural rules (ru: one, few, many). */
export function counted(
  count: number,
  locale: Locale,
  forms: Partial<Record<Intl.LDMLPluralRule, string>> & { other: string },
): string {
  const rule = new Intl.PluralRules(formats[locale]).select(count);
  return `${new Intl.NumberFormat(formats[locale]).format(count)} ${forms[rule] ?? forms.other}`;
}

function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}

/** The language written for a tag, or undefined when there is none. */
export function findLocale(tag: string | null | undefined): Locale | undefined {
  const primary = tag?.trim().split(/[-_]/, 1)[0]?.toLowerCase();
  return locales.find((locale) => locale === primary);
}
