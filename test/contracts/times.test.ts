import fc from 'fast-check';
import { Time } from '../../src/contracts/http';

const read = (text: string) => {
  const { success, data, error } = Time.safeParse(text);
  return success ? data : error.issues.map(({ message }) => message);
};

describe('a time', () => {
  it.each([
    ['2026-01-01T00:00:00+23:59', '2025-12-31T00:01:00Z'],
    ['2026-01-01T00:00:00.123456-05:30', '2026-01-01T05:30:00.123456Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
  ])('%s is handed on as %s', (given, utc) => {
    expect(read(given)).toBe(utc);
  });

  it.each(['0000-06-01T00:00:00Z', '0001-01-01T00:00:00+01:00', '9999-12-31T23:59:59-01:00'])(
    '%s is refused: Postgres would not take it',
    (given) => {
      expect(read(given)).toEqual(['must be of the years 1 to 9999, in UTC']);
    },
  );

  it('that is none is refused as such, once', () => {
    for (const odd of ['', 'tomorrow', '2026-02-30T00:00:00Z', '2026-01-01', '-1']) {
      expect(read(odd)).toHaveLength(1);
    }
  });

  it('stays the same moment, whatever its offset', () => {
    const offset = fc
      .tuple(fc.constantFrom('+', '-'), fc.nat(23), fc.nat(59))
      .map(([sign, hours, minutes]) => {
        const two = (n: number): string => String(n).padStart(2, '0');
        return `${sign}${two(hours)}:${two(minutes)}`;
      });
    const moment = fc.date({
      min: new Date('1000-01-01'),
      max: new Date('9000-01-01'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(moment, offset, (date, shift) => {
        const written = date.toISOString().replace('Z', shift);
        const utc = read(written) as string;
        expect(utc).toMatch(/Z$/);
        expect(new Date(utc)).toEqual(new Date(written));
      }),
    );
  });
});
