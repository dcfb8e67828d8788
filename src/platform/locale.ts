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
  const { date, clock } = momentFormat(locale, timeZone);
  const parts = clock.formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes) =>
    parts.find((candidate) => candidate.type === type)?.value ?? '';
  const time = `${part('hour')}:${part('minute')}${locale === 'de' ? ' Uhr' : ''}`;
  return `${date.format(at)}, ${time} (${part('timeZoneName')})`;
}

interface MomentFormat {
  readonly date: Intl.DateTimeFormat;
  readonly clock: Intl.DateTimeFormat;
}

/** By language and zone; zones that exist are some hundred. To build a format costs more than all else of a mail. */
const momentFormats = new Map<string, MomentFormat>();

/** The format for a zone, and for UTC where there is no such zone. */
function momentFormat(locale: Locale, timeZone: string): MomentFormat {
  const name = `${locale} ${timeZone}`;
  const known = momentFormats.get(name);
  if (known) return known;
  try {
    const format = (options: Intl.DateTimeFormatOptions) =>
      new Intl.DateTimeFormat(formats[locale], { timeZone, ...options });
    const made = {
      date: format({ day: 'numeric', month: 'long', year: 'numeric' }),
      clock: format({
        hour: '2-digit',
        minute: '2-digit',
        hourCycle: 'h23',
        timeZoneName: 'short',
      }),
    };
    momentFormats.set(name, made);
    return made;
  } catch (error) {
    if (timeZone === 'UTC') throw error;
    return momentFormat(locale, 'UTC');
  }
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

/** The language written for a tag, or undefined when there is none. */
export function findLocale(tag: string | null | undefined): Locale | undefined {
  const primary = tag?.trim().split(/[-_]/, 1)[0]?.toLowerCase();
  return locales.find((locale) => locale === primary);
}
