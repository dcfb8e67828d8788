import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import {
  createKeyHasher,
  newKey,
  parseKey,
  visiblePrefix,
} from '../../../src/platform/crypto/keys';

const pepper = (id: string) => ({ id, key: randomBytes(32) });
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

describe('a new key', () => {
  test('has the form <prefix>_<environment>_ + 30 base62 + 6 base62 of their CRC32', () => {
    const key = newKey('ush', 'live');
    expect(key).toMatch(/^ush_live_[0-9A-Za-z]{36}$/);
    const body = key.slice(9, 39);
    const checksum = [...key.slice(39)].reduce((sum, c) => sum * 62 + alphabet.indexOf(c), 0);
    expect(checksum).toBe(crc32(body));
  });

  test('parses back to its environment, whatever the prefix', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z][a-z0-9]{1,9}$/),
        fc.constantFrom('live', 'test'),
        (prefix, environment) => {
          expect(parseKey(prefix, newKey(prefix, environment))).toBe(environment);
        },
      ),
    );
  });

  test('draws every character equally often: no value of a byte is folded onto another', () => {
    const counts = new Map<string, number>();
    const keys = 4_000;
    for (let n = 0; n < keys; n += 1) {
      for (const c of newKey('ush', 'test').slice(9, 39)) counts.set(c, (counts.get(c) ?? 0) + 1);
    }
    const expected = (keys * 30) / 62;
    const chiSquare = Array.from(alphabet).reduce(
      (sum, c) => sum + ((counts.get(c) ?? 0) - expected) ** 2 / expected,
      0,
    );
    // 61 degrees of freedom: 130 is passed by chance about once in a million runs; folding 256 onto 62 gives over 2,000.
    expect(chiSquare).toBeLessThan(130);
  });

  test('shows its tag and 8 characters in lists', () => {
    const key = newKey('ush', 'live');
    expect(visiblePrefix(key)).toBe(key.slice(0, 17));
  });
});

describe('parsing', () => {
  test('refuses a key with any one character changed to another', () => {
    const key = newKey('ush', 'live');
    fc.assert(
      fc.property(
        fc.nat({ max: key.length - 1 }),
        fc.constantFrom(...Array.from(`${alphabet}_-. é`)),
        (at, character) => {
          fc.pre(key.charAt(at) !== character);
          expect(parseKey('ush', key.slice(0, at) + character + key.slice(at + 1))).toBeUndefined();
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('refuses any text that is no key, and never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 60 }),
          fc.stringMatching(/^ush_live_\w{36}$/),
        ),
        (text) => {
          const environment = parseKey('ush', text);
          if (environment) expect(text).toMatch(/^ush_(live|test)_[0-9A-Za-z]{36}$/);
        },
      ),
      { numRuns: 2_000 },
    );
    expect(parseKey('ush', newKey('oth', 'live'))).toBeUndefined();
    expect(parseKey('ush', newKey('ush', 'live').replace('_live_', '_prod_'))).toBeUndefined();
  });
});

describe('a digest', () => {
  const [current, retired] = [pepper('b'), pepper('a')];
  const key = newKey('ush', 'live');

  test('is HMAC-SHA-256 of the key’s SHA-256 under HKDF(pepper, label)', () => {
    const mac = Buffer.from(hkdfSync('sha256', current.key, '', 'usher/service-account/v1', 32));
    const inner = createHash('sha256').update(key).digest();
    expect(createKeyHasher([current], 'usher/service-account/v1').digest(key)).toEqual({
      pepperId: 'b',
      digest: createHmac('sha256', mac).update(inner).digest(),
    });
  });

  test('differs between kinds of keys, so that a key of one kind never opens the other', () => {
    const service = createKeyHasher([current], 'usher/service-account/v1');
    const api = createKeyHasher([current], 'usher/api-key/v1');
    expect(service.digest(key).digest.equals(api.digest(key).digest)).toBe(false);
  });

  test('is looked up under every pepper, and made under the first', () => {
    const hasher = createKeyHasher([current, retired], 'usher/api-key/v1');
    const before = createKeyHasher([retired], 'usher/api-key/v1').digest(key);
    expect(hasher.candidates(key)).toEqual([hasher.digest(key), before]);
    expect(hasher.digest(key).pepperId).toBe('b');
  });

  test('needs a pepper', () => {
    expect(() => createKeyHasher([], 'usher/api-key/v1')).toThrow('KEYS_HASH_PEPPER');
  });
});
