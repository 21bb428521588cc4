/** Names that iptables knows without /etc/protocols, and those Debian's file adds; first the one that is printed. */
const NAMES: readonly (readonly [string, number])[] = [
  ['tcp', 6],
  ['sctp', 132],
  ['udp', 17],
  ['udplite', 136],
  ['icmp', 1],
  ['ipv6-icmp', 58],
  ['icmpv6', 58],
  ['esp', 50],
  ['ah', 51],
  ['mobility-header', 135],
  ['ipv6-mh', 135],
  ['mh', 135],
  ['all', 0],
  ['dccp', 33],
  ['igmp', 2],
  ['ipencap', 4],
  ['gre', 47],
  ['ipv6', 41],
  ['ospf', 89],
  ['pim', 103],
  ['vrrp', 112],
  ['l2tp', 115],
];

/** A protocol name or number; undefined where it is neither. */
export function parseProtocol(text: string): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= 255 ? Number(text) : undefined;
  return NAMES.find(([name]) => name === text.toLowerCase())?.[1];
}

/** As iptables-save prints it: the name where there is one, else the number. */
export function protocolName(protocol: number): string {
  return NAMES.find(([, number]) => number === protocol)?.[0] ?? String(protocol);
}
