import fc from 'fast-check';
import {
  environmentsOf,
  keyFormats,
  longestKey,
  mintKey,
  readKey,
} from '../../../src/platform/crypto/key-formats';
import { newKey, parseKey } from '../../../src/platform/crypto/keys';

const format = fc.constantFrom(...keyFormats);
const usherPrefix = fc.stringMatching(/^[a-z][a-z0-9]{1,9}$/);

describe('a minted key', () => {
  test('reads back as what it was minted for, with its tag and 8 characters as prefix', () => {
    fc.assert(
      fc.property(format, usherPrefix, fc.constantFrom('live', 'test'), (form, prefix, wanted) => {
        fc.pre(environmentsOf(form).includes(wanted));
        const key = mintKey(form, prefix, wanted);
        const tag =
          form === 'usher' ? `${prefix}_${wanted}_` : form === 'trk' ? `trk_${wanted}_` : 'bp_';
        expect(key.startsWith(tag)).toBe(true);
        expect(key.length).toBeLessThanOrEqual(longestKey);
        expect(readKey(prefix, key)).toEqual({
          format: form,
          environment: wanted,
          prefix: key.slice(0, tag.length + 8),
        });
      }),
    );
  });

  test('of the form trk has 31 characters, of the form bp 25', () => {
    expect(mintKey('trk', 'ush', 'test')).toMatch(/^trk_test_[0-9A-Za-z]{22}$/);
    expect(mintKey('bp', 'ush', 'live')).toMatch(/^bp_[\w-]{22}$/);
  });

  test('of the form bp is never for tests, since nothing in it could say so', () => {
    expect(() => mintKey('bp', 'ush', 'test')).toThrow(RangeError);
  });
});

describe('reading', () => {
  test('takes base64 and base64url for the form bp', () => {
    expect(readKey('ush', 'bp_+/aaaaaaaaaaaaaaaaaaaa')?.environment).toBe('live');
    expect(readKey('ush', 'bp_-_aaaaaaaaaaaaaaaaaaaa')?.environment).toBe('live');
  });

  test('agrees with the parser of service accounts about the form usher', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.constant(newKey('ush', 'live')),
          fc.stringMatching(/^ush_(live|test)_[0-9A-Za-z]{36}$/),
        ),
        fc.nat({ max: 44 }),
        fc.string({ unit: 'binary', maxLength: 2 }),
        (key, at, text) => {
          const changed = key.slice(0, at) + text + key.slice(at + text.length);
          expect(readKey('ush', changed)?.environment).toBe(parseKey('ush', changed));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('refuses every text of another length or alphabet, and never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 80 }),
          fc.string({ unit: 'grapheme', minLength: 22, maxLength: 22 }).map((body) => `bp_${body}`),
          fc
            .string({ unit: 'grapheme', minLength: 22, maxLength: 22 })
            .map((body) => `trk_live_${body}`),
        ),
        (text) => {
          if (readKey('ush', text)) {
            expect(text).toMatch(
              /^(ush_(live|test)_[0-9A-Za-z]{36}|trk_(live|test)_[0-9A-Za-z]{22}|bp_[\w+/-]{22})$/,
            );
          }
        },
      ),
      { numRuns: 2_000 },
    );
    for (const text of [
      'trk_live_' + 'a'.repeat(21),
      'trk_prod_' + 'a'.repeat(22),
      'bp_' + 'a'.repeat(23),
    ])
      expect(readKey('ush', text)).toBeUndefined();
    expect(readKey('ush', newKey('oth', 'live'))).toBeUndefined();
  });
});
