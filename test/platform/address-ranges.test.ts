import { BlockList } from 'node:net';
import fc from 'fast-check';
import { addressSet } from '../../src/platform/address-ranges';
import { normaliseAddress } from '../../src/platform/client-addresses';

const v4 = fc.ipV4();
const v6 = fc.ipV6().filter((address) => normaliseAddress(address)?.includes(':') === true);
const range4 = fc.tuple(v4, fc.nat({ max: 32 }));
const range6 = fc.tuple(v6, fc.nat({ max: 128 }));

const holds = (set: (address: string) => boolean, address: string): boolean =>
  set(normaliseAddress(address) ?? 'no address');

describe('a set of address ranges', () => {
  test('holds the same IPv4 addresses as the one of node', () => {
    fc.assert(
      fc.property(fc.array(range4, { maxLength: 4 }), v4, (ranges, address) => {
        const reference = new BlockList();
        for (const [base, bits] of ranges) reference.addSubnet(base, bits, 'ipv4');
        const set = addressSet(ranges.map(([base, bits]) => `${base}/${String(bits)}`));
        expect(holds(set, address)).toBe(reference.check(address, 'ipv4'));
        for (const [base] of ranges) expect(holds(set, base)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test('holds the same IPv6 addresses as the one of node', () => {
    fc.assert(
      fc.property(fc.array(range6, { maxLength: 4 }), v6, (ranges, address) => {
        const reference = new BlockList();
        for (const [base, bits] of ranges) reference.addSubnet(base, bits, 'ipv6');
        const set = addressSet(ranges.map(([base, bits]) => `${base}/${String(bits)}`));
        expect(holds(set, address)).toBe(reference.check(address, 'ipv6'));
        for (const [base] of ranges) expect(holds(set, base)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test('takes an IPv4 address and its mapped form for the same', () => {
    const set = addressSet(['10.0.0.0/8', '::ffff:192.168.0.0/112']);
    expect(holds(set, '::ffff:10.1.2.3')).toBe(true);
    expect(holds(set, '192.168.255.1')).toBe(true);
    expect(holds(set, '::ffff:11.1.2.3')).toBe(false);
  });

  test('of nothing holds nothing, and of everything everything of its kind', () => {
    expect(holds(addressSet([]), '127.0.0.1')).toBe(false);
    expect(holds(addressSet(['0.0.0.0/0']), '255.255.255.255')).toBe(true);
    expect(holds(addressSet(['0.0.0.0/0']), '::1')).toBe(false);
    expect(holds(addressSet(['::/0']), '2001:db8::1')).toBe(true);
  });
});
