import fc from 'fast-check';
import { isIP } from 'node:net';
import { normaliseAddress, parseRange, sourceOf } from '../../src/platform/client-addresses';

describe('an address', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:207', '192.0.2.7'],
    ['[2001:DB8::1]', '2001:db8:0:0:0:0:0:1'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1'],
    ['::', '0:0:0:0:0:0:0:0'],
  ])('%s is kept as %s', (text, kept) => {
    expect(normaliseAddress(text)).toBe(kept);
  });

  test.each([undefined, '', 'localhost', '1.2.3', '192.0.2.7:80', '192.0.2.7, 192.0.2.8'])(
    '%s is none',
    (text) => {
      expect(normaliseAddress(text)).toBeUndefined();
    },
  );

  test('is kept in one form, however it is written', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const kept = normaliseAddress(text);
        expect(isIP(kept ?? '')).not.toBe(0);
        expect(normaliseAddress(kept)).toBe(kept);
      }),
    );
  });
});

describe('a range', () => {
  test.each([
    ['10.0.0.0/8', '10.0.0.0', 8],
    ['192.0.2.7', '192.0.2.7', 32],
    ['2001:db8::/32', '2001:db8:0:0:0:0:0:0', 32],
    ['::1', '0:0:0:0:0:0:0:1', 128],
    ['::ffff:10.0.0.0/104', '10.0.0.0', 8],
    ['::ffff:0:0/90', '::ffff:0:0', 90],
  ])('%s is %s with %i bits', (text, address, bits) => {
    expect(parseRange(text)).toEqual({ address, bits });
  });

  test.each(['10.0.0.0/33', '::/129', '10.0.0/8', '/8', 'acme', '10.0.0.0/', '10.0.0.0/8/8'])(
    '%s is none',
    (text) => {
      expect(parseRange(text)).toBeUndefined();
    },
  );
});

describe('a source of requests', () => {
  test('is one IPv4 address, mapped or not', () => {
    expect(sourceOf('::ffff:192.0.2.7')).toBe(sourceOf('192.0.2.7'));
    expect(sourceOf('192.0.2.8')).not.toBe(sourceOf('192.0.2.7'));
  });

  test('is the /56 of an IPv6 address, so that nobody gets a new one by counting up', () => {
    expect(sourceOf('2001:db8:1:2ff::1')).toBe(sourceOf('2001:db8:1:200:ffff::9'));
    expect(sourceOf('2001:db8:1:300::1')).not.toBe(sourceOf('2001:db8:1:2ff::1'));
  });

  test('is one for all texts that are no address', () => {
    expect(sourceOf('nonsense')).toBe(sourceOf(undefined));
  });
});
