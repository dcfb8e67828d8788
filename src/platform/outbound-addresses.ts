import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

/** Link-local addresses and those at which clouds serve the machine's own credentials: never dialled. */
const never = blockList([
  '169.254.0.0/16',
  'fe80::/10',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
]);

/** Everything that is no public unicast address (IANA special-purpose registries): dialled only when listed. */
const special = blockList([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24'],
  ...['203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32'],
  ...['2002::/16', '3fff::/20', '5f00::/16', 'fc00::/7', 'fec0::/10', 'ff00::/8'],
]);

/** Tells whether an address may be dialled; anything that is no address may not. */
export type AddressGuard = (address: string) => boolean;

/**
 * Builds the guard of outgoing calls. `allowCidrs` opens special ranges, never the link-local
 * and metadata ones. An IPv4 address inside an IPv6 one is judged as what it reaches, and as IPv6 it needs listing.
 * Throws when a range is none.
 */
export function createAddressGuard(allowCidrs: readonly string[]): AddressGuard {
  const allowed = blockList(allowCidrs);
  const listed = (address: string) => allowed.check(address, familyOf(address));
  return (text) => {
    const address = text.replace(/%.*$/, '');
    if (isIP(address) === 0) return false;
    const inner = isIPv6(address) ? embeddedIpv4(address) : undefined;
    if (never.check(address, familyOf(address))) return false;
    if (inner !== undefined) {
      return (
        !never.check(inner, 'ipv4') && (listed(address) || (isMapped(address) && listed(inner)))
      );
    }
    return !special.check(address, familyOf(address)) || listed(address);
  };
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [network = '', bits, ...rest] = cidr.trim().split('/');
    const longest = isIPv4(network) ? 32 : 128;
    const prefix = bits === undefined ? longest : Number(/^\d{1,3}$/.exec(bits)?.[0]);
    if (isIP(network) === 0 || rest.length > 0 || !(prefix <= longest)) {
      throw new Error(`"${cidr}" is no address range such as 10.0.0.0/8`);
    }
    list.addSubnet(network, prefix, familyOf(network));
  }
  return list;
}

/** The eight 16-bit groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const [a = 0, b = 0, c = 0, d = 0] = dotted ? dotted.slice(1).map(Number) : [];
  const hex = dotted
    ? address.slice(0, dotted.index) + `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
    : address;
  const [head = '', tail] = hex.split('::');
  const groups = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  if (tail === undefined) return before;
  const after = groups(tail);
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function isMapped(address: string): boolean {
  const groups = groupsOf(address);
  return groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
}

// Mapped (::ffff:a.b.c.d), compatible (::a.b.c.d), NAT64 (64:ff9b::a.b.c.d) and 6to4 (2002:aabb:ccdd::).
function embeddedIpv4(address: string): string | undefined {
  const groups = groupsOf(address);
  const dotted = (high = 0, low = 0) => [high >> 8, high & 255, low >> 8, low & 255].join('.');
  if (groups[0] === 0x2002) return dotted(groups[1], groups[2]);
  const zeros = (from: number, to: number) => groups.slice(from, to).every((group) => group === 0);
  const nat64 = groups[0] === 0x64 && groups[1] === 0xff9b;
  const compatible = zeros(0, 6) && groups[6] !== 0;
  return isMapped(address) || nat64 || compatible ? dotted(groups[6], groups[7]) : undefined;
}
