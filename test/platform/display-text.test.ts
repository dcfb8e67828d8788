import fc from 'fast-check';
import { manyLines, oneLine } from '../../src/platform/display-text';

describe('oneLine', () => {
  it('keeps names as they are written, in any script', () => {
    for (const name of ['Анна Берг', 'Zoë & Söhne', '株式会社', 'שלום', 'می‌خواهم', '👩‍👩‍👧 family']) {
      expect(oneLine(name)).toBe(name.normalize('NFC'));
    }
  });

  it('turns line breaks, tabs and other control characters into single spaces', () => {
    expect(oneLine('  a\r\nBcc: b@c.d\t\u0000\u0007e\u2028f\u00a0g ')).toBe('a Bcc: b@c.d e f g');
  });

  it('drops characters that reorder or hide text', () => {
    expect(oneLine('a\u202egpj.exe\u2066\u200b\ufeff\u00ad\u{e0041}b')).toBe('agpj.exeb');
  });

  it('cuts at the limit of visible characters, never within one', () => {
    expect(oneLine('👩‍👩‍👧'.repeat(5), 3)).toBe('👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧…');
    expect(oneLine('x'.repeat(80))).toHaveLength(80);
    expect(oneLine('x'.repeat(81))).toBe(`${'x'.repeat(80)}…`);
  });

  it('lets no pile of combining marks grow out of its line', () => {
    expect(oneLine(`q${'\u0316'.repeat(300)}`)).toBe(`q${'\u0316'.repeat(4)}`);
  });

  it('answers for any text whatever with one line fit for a mail header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const line = oneLine(text);
        expect(line).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
        expect(line).toBe(line.trim());
        expect(oneLine(line, 500)).toBe(line);
      }),
    );
  });
});

describe('manyLines', () => {
  it('keeps line breaks and paragraphs, nothing more', () => {
    expect(manyLines('a \r\nb\rc\n\n\n\n\u202ed\te\u0000')).toBe('a\nb\nc\n\nd e');
  });

  it('cuts at the limit', () => {
    expect(manyLines('ab\ncd', 3)).toBe('ab…');
  });
});
