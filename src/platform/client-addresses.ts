import { isIP, isIPv4 } from 'node:net';

/** An address range: `address/bits`, its host bits as they were given. */
export interface AddressRange {
  readonly address: string;
  readonly bits: number;
}

/**
 * An address in the one form it is stored and compared in: no zone, no brackets, IPv4-mapped IPv6 as IPv4.
 * Undefined when the text is no address.
 */
export function normaliseAddress(text: string | undefined): string | undefined {
  if (text !== undefined && isIPv4(text)) return text;
  const bare = (text ?? '')
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/%.*$/, '');
  const version = isIP(bare);
  if (version === 0) return undefined;
  if (version === 4) return bare;
  const groups = groupsOf(bare);
  return isMapped(groups) ? dotted(groups) : groups.map((group) => group.toString(16)).join(':');
}

/**
 * Parses an address or a CIDR range; a single address is a range of its own. Ranges inside `::ffff:0:0/96` become
 * IPv4 ranges. Undefined when the text is neither.
 */
export function parseRange(text: string): AddressRange | undefined {
  const match = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text.trim());
  const given = match?.[1] ?? '';
  const version = isIP(given);
  const address = normaliseAddress(given);
  if (version === 0 || address === undefined) return undefined;
  const width = version === 4 ? 32 : 128;
  const bits = match?.[2] === undefined ? width : Number(match[2]);
  if (bits > width) return undefined;
  if (version === 4 || isIP(address) === 6) return { address, bits };
  // A shorter prefix reaches beyond the mapped addresses, so it stays an IPv6 range.
  return bits < 96 ? { address: given, bits } : { address, bits: bits - 96 };
}

/**
 * What counts as one source of requests: an IPv4 address, or the /56 that a provider hands to one IPv6 customer.
 * All texts that are no address are one source.
 */
export function sourceOf(text: string | undefined): string {
  const address = normaliseAddress(text);
  if (address === undefined) return 'unknown';
  if (isIP(address) === 4) return address;
  const groups = groupsOf(address);
  const network = [...groups.slice(0, 3), (groups[3] ?? 0) & 0xff00];
  return `${network.map((group) => group.toString(16)).join(':')}::/56`;
}

/** The eight groups of an IPv6 address that `isIP` has accepted. */
function groupsOf(address: string): number[] {
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => parseInt(group, 16));
  if (tail === undefined) return parse(head);
  const [before, after] = [parse(head), parse(tail)];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function isMapped(groups: readonly number[]): boolean {
  return groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
}

function dotted(groups: readonly number[]): string {
  const [high = 0, low = 0] = groups.slice(6);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
