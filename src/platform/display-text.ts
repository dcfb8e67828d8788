import { wellFormed } from './well-formed.rules';

/* Invisible characters that reorder or hide text (Unicode TR 36 and 39): direction marks, overrides
   and isolates, zero-width spaces, soft hyphens, tags. The joiners stay, because Persian and emoji
   are written with them. */
const deceptive =
  /\u034f|[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;
const stackedMarks = /(\p{M}{4})\p{M}+/gu;
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * A name or a line that somebody else typed, fit for one line of a page or a mail (its subject
 * included): no line breaks or control characters, nothing that reorders the text around it, at
 * most `limit` visible characters.
 */
export function oneLine(text: string, limit = 80): string {
  return cut(
    clean(text)
      .replace(/[\p{Cc}\p{Z}]+/gu, ' ')
      .trim(),
    limit,
  );
}

/** As `oneLine`, but for a longer text: its line breaks stay, at most `limit` visible characters. */
export function manyLines(text: string, limit = 500): string {
  const lines = clean(text)
    .replace(/\r\n?|[\u2028\u2029\u0085]/g, '\n')
    .split('\n')
    .map((line) => line.replace(/[\p{Cc}\p{Z}]+/gu, ' ').trim());
  return cut(
    lines
      .join('\n')
      .replace(/\n{3,}/g, '\n\n')
      .trim(),
    limit,
  );
}

function clean(text: string): string {
  return wellFormed(text.slice(0, 10_000).normalize('NFC'))
    .replace(deceptive, '')
    .replace(stackedMarks, '$1');
}

function cut(text: string, limit: number): string {
  let kept = '';
  let count = 0;
  for (const { segment } of graphemes.segment(text)) {
    if (count === limit) return `${kept.trimEnd()}…`;
    kept += segment;
    count += 1;
  }
  return kept;
}
