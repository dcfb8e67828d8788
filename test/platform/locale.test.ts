import { chooseLocale, counted, formatMoment, localeOf } from '../../src/platform/locale';

describe('localeOf', () => {
  it.each([
    ['de-AT', 'de'],
    ['de', 'de'],
    ['DE_ch', 'de'],
    ['ru-RU', 'ru'],
    ['en-US', 'en'],
    ['fr', 'en'],
    ['deu', 'en'],
    ['', 'en'],
    [null, 'en'],
    ['<script>', 'en'],
  ])('falls back from %j to %s', (tag, locale) => {
    expect(localeOf(tag)).toBe(locale);
  });
});

describe('chooseLocale', () => {
  it('prefers what was asked for, then the invite, then the browser, then English', () => {
    expect(chooseLocale({ lang: 'ru', invite: 'de', acceptLanguage: 'en' })).toBe('ru');
    expect(chooseLocale({ lang: 'xx', invite: 'de-AT', acceptLanguage: 'ru' })).toBe('de');
    expect(chooseLocale({ acceptLanguage: 'fr-CH, de;q=0.5, ru;q=0.9, *;q=0.1' })).toBe('ru');
    expect(chooseLocale({ acceptLanguage: 'ru;q=0, *' })).toBe('en');
    expect(chooseLocale({})).toBe('en');
  });
});

describe('formatMoment', () => {
  const at = new Date('2026-11-28T22:05:00Z');

  it('writes date, time and zone in each language', () => {
    expect(formatMoment(at, 'en')).toBe('28 November 2026, 22:05 (UTC)');
    expect(formatMoment(at, 'de')).toBe('28. November 2026, 22:05 Uhr (UTC)');
    expect(formatMoment(at, 'ru')).toBe('28 ноября 2026 г., 22:05 (UTC)');
  });

  it('moves to the given zone and its day', () => {
    expect(formatMoment(at, 'en', 'Asia/Tokyo')).toMatch(/^29 November 2026, 07:05 \(/);
  });

  it('writes UTC when the zone is unknown', () => {
    expect(formatMoment(at, 'en', 'Nowhere/At_All')).toBe('28 November 2026, 22:05 (UTC)');
  });
});

describe('counted', () => {
  it('declines the noun by the plural rules of the language', () => {
    const minutes = { one: 'минуту', few: 'минуты', many: 'минут', other: 'минуты' };
    expect([1, 3, 5, 21].map((count) => counted(count, 'ru', minutes))).toEqual([
      '1 минуту',
      '3 минуты',
      '5 минут',
      '21 минуту',
    ]);
    expect(counted(1, 'en', { one: 'minute', other: 'minutes' })).toBe('1 minute');
  });
});
