import { isIPv4 } from 'node:net';
import { normaliseAddress, parseRange } from './client-addresses';
import type { AddressRange } from './client-addresses';

/** Whether an address, as `normaliseAddress` gives it, lies in one of some ranges. */
export type AddressSet = (address: string) => boolean;

interface Range4 {
  readonly base: number;
  readonly mask: number;
}

interface Range6 {
  readonly base: bigint;
  readonly shift: bigint;
}

/**
 * Compiles addresses and CIDR ranges, so that a look costs well under a microsecond. What is neither is left out:
 * whoever takes ranges from people refuses them before.
 */
export function addressSet(ranges: readonly string[]): AddressSet {
  const parsed = ranges.map(parseRange).filter((range) => range !== undefined);
  const v4 = parsed.filter(({ address }) => isIPv4(address)).map(range4);
  const v6 = parsed.filter(({ address }) => !isIPv4(address)).map(range6);
  return (address) => {
    if (address.includes(':')) {
      if (v6.length === 0) return false;
      const value = number6(address);
      return v6.some(({ base, shift }) => value >> shift === base);
    }
    const value = number4(address);
    return v4.some(({ base, mask }) => (value & mask) === base);
  };
}

function range4({ address, bits }: AddressRange): Range4 {
  // A shift by 32 would be one by 0.
  const mask = bits === 0 ? 0 : -1 << (32 - bits);
  return { base: number4(address) & mask, mask };
}

function range6({ address, bits }: AddressRange): Range6 {
  const shift = BigInt(128 - bits);
  // normaliseAddress writes all eight groups; a mapped address stays v6 only in a range wider than the mapped ones.
  const full = normaliseAddress(address) ?? '::';
  return { base: (isIPv4(full) ? mapped(full) : number6(full)) >> shift, shift };
}

const mapped = (address: string): bigint => 0xffff_0000_0000n | BigInt(number4(address) >>> 0);

// A signed 32-bit number, as bit operations give it.
function number4(address: string): number {
  let value = 0;
  let part = 0;
  for (let at = 0; at < address.length; at += 1) {
    const code = address.charCodeAt(at);
    if (code === 46) {
      value = (value << 8) | part;
      part = 0;
    } else part = part * 10 + code - 48;
  }
  return (value << 8) | part;
}

function number6(address: string): bigint {
  return address
    .split(':')
    .reduce((value, group) => (value << 16n) | BigInt(parseInt(group, 16)), 0n);
}
