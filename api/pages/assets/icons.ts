import { trusted, type Html } from '../../../src/platform/html';

/** The doorway: Usher's mark, in its own colours on any ground. */
export const markSvg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32"><rect width="32" height="32" rx="8" fill="#1d5c48"/><path d="M9 27V14.5a7 7 0 0 1 14 0V27z" fill="#f7e3ac"/><path d="M9 27V14.5a7 7 0 0 1 7-7V27z" fill="#2f7d63"/><circle cx="13.4" cy="18.2" r="1.1" fill="#f7e3ac"/></svg>`;

/** Names of the line icons. */
export type IconName =
  'check' | 'clock' | 'info' | 'alert' | 'mail' | 'key' | 'hand' | 'pen' | 'care';

const drawings: Readonly<Record<IconName, string>> = {
  check: '<path d="m5 12.5 4.6 4.6L19 7.5"/>',
  clock: '<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5V12l3 2"/>',
  info: '<circle cx="12" cy="12" r="8.5"/><path d="M12 11v5.2M12 7.6v.2"/>',
  alert: '<circle cx="12" cy="12" r="8.5"/><path d="M12 7.4v5.4M12 16.2v.2"/>',
  mail: '<rect x="3.5" y="5.5" width="17" height="13" rx="2.2"/><path d="m4.5 7.5 7.5 5.7 7.5-5.7"/>',
  key: '<circle cx="8.2" cy="15.8" r="4.2"/><path d="m11.2 12.8 8.3-8.3M16 8l2.6 2.6"/>',
  hand: '<circle cx="12" cy="12" r="8.5"/><path d="m6.2 6.2 11.6 11.6"/>',
  pen: '<path d="M5 19h3.4L19 8.4 15.6 5 5 15.6zM13.2 7.4l3.4 3.4"/>',
  care: '<path d="M12 19.5s-7.5-4.4-7.5-9.7A4.1 4.1 0 0 1 12 7.6a4.1 4.1 0 0 1 7.5 2.2c0 5.3-7.5 9.7-7.5 9.7z"/>',
};

/** A line icon in the colour of the text; says nothing to a screen reader. */
export function icon(name: IconName): Html {
  return trusted(
    `<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">${drawings[name]}</svg>`,
  );
}

/** Usher's mark inside a page, beside its written name. */
export const mark: Html = trusted(
  markSvg.replace('<svg ', '<svg aria-hidden="true" focusable="false" '),
);
