import { parseUint } from './integers.js';

/**
 * The names that iptables and ip6tables have for ICMP types and codes, in their own order (`iptables -m icmp -h`):
 * a beginning of a name will do where only one name has it, and the first name of a pair is the one that is shown.
 */
type Row = readonly [name: string, type: number, code: number | null];

export const ICMP_TYPES: readonly Row[] = [
  ['any', 255, null],
  ['echo-reply', 0, null],
  ['pong', 0, null],
  ['destination-unreachable', 3, null],
  ['network-unreachable', 3, 0],
  ['host-unreachable', 3, 1],
  ['protocol-unreachable', 3, 2],
  ['port-unreachable', 3, 3],
  ['fragmentation-needed', 3, 4],
  ['source-route-failed', 3, 5],
  ['network-unknown', 3, 6],
  ['host-unknown', 3, 7],
  ['network-prohibited', 3, 9],
  ['host-prohibited', 3, 10],
  ['TOS-network-unreachable', 3, 11],
  ['TOS-host-unreachable', 3, 12],
  ['communication-prohibited', 3, 13],
  ['host-precedence-violation', 3, 14],
  ['precedence-cutoff', 3, 15],
  ['source-quench', 4, null],
  ['redirect', 5, null],
  ['network-redirect', 5, 0],
  ['host-redirect', 5, 1],
  ['TOS-network-redirect', 5, 2],
  ['TOS-host-redirect', 5, 3],
  ['echo-request', 8, null],
  ['ping', 8, null],
  ['router-advertisement', 9, null],
  ['router-solicitation', 10, null],
  ['time-exceeded', 11, null],
  ['ttl-exceeded', 11, null],
  ['ttl-zero-during-transit', 11, 0],
  ['ttl-zero-during-reassembly', 11, 1],
  ['parameter-problem', 12, null],
  ['ip-header-bad', 12, 0],
  ['required-option-missing', 12, 1],
  ['timestamp-request', 13, null],
  ['timestamp-reply', 14, null],
  ['address-mask-request', 17, null],
  ['address-mask-reply', 18, null],
];

export const ICMPV6_TYPES: readonly Row[] = [
  ['destination-unreachable', 1, null],
  ['no-route', 1, 0],
  ['communication-prohibited', 1, 1],
  ['beyond-scope', 1, 2],
  ['address-unreachable', 1, 3],
  ['port-unreachable', 1, 4],
  ['failed-policy', 1, 5],
  ['reject-route', 1, 6],
  ['packet-too-big', 2, null],
  ['time-exceeded', 3, null],
  ['ttl-exceeded', 3, null],
  ['ttl-zero-during-transit', 3, 0],
  ['ttl-zero-during-reassembly', 3, 1],
  ['parameter-problem', 4, null],
  ['bad-header', 4, 0],
  ['unknown-header-type', 4, 1],
  ['unknown-option', 4, 2],
  ['echo-request', 128, null],
  ['ping', 128, null],
  ['echo-reply', 129, null],
  ['pong', 129, null],
  ['router-solicitation', 133, null],
  ['router-advertisement', 134, null],
  ['neighbour-solicitation', 135, null],
  ['neighbor-solicitation', 135, null],
  ['neighbour-advertisement', 136, null],
  ['neighbor-advertisement', 136, null],
  ['redirect', 137, null],
];

/** The type that stands for all of them, in IPv4 only (`icmp_type_code_match()`, net/ipv4/netfilter/ip_tables.c). */
export const ANY_TYPE = 255;

export interface IcmpTypeMatch {
  readonly type: number;
  /** null: every code. */
  readonly code: number | null;
}

/**
 * Reads a name, the beginning of one, `type` or `type/code`.
 * @returns the type, or what iptables says is wrong with the text
 */
export function parseIcmpType(text: string, version: 4 | 6): IcmpTypeMatch | string {
  const rows = version === 4 ? ICMP_TYPES : ICMPV6_TYPES;
  const family = version === 4 ? 'ICMP' : 'ICMPv6';
  const wanted = text.toLowerCase();
  const found = rows.filter(([name]) => name.toLowerCase().startsWith(wanted));
  if (found.length > 1 && found[0][0].toLowerCase() !== wanted) {
    return `Ambiguous ${family} type \`${text}': \`${found[0][0]}' or \`${found[1][0]}'?`;
  }
  if (found.length > 0) return { type: found[0][1], code: found[0][2] };
  // `255/0:255`, every type and code in the words of others.
  if (version === 4 && text === '255/0:255') return { type: ANY_TYPE, code: null };
  const [type, code] = text.split('/', 2).map((part) => parseUint(part, 255));
  if (type === undefined) {
    return version === 4 && text.includes(':')
      ? 'ICMP type range not supported'
      : `Unknown ${family} type \`${text}'`;
  }
  if (!text.includes('/')) return { type, code: null };
  return code === undefined ? `Unknown ${family} code \`${text}'` : { type, code };
}

/** The name of exactly this type and code, if it has one. */
export function icmpTypeName({ type, code }: IcmpTypeMatch, version: 4 | 6): string | undefined {
  const rows = version === 4 ? ICMP_TYPES : ICMPV6_TYPES;
  return rows.find((row) => row[1] === type && row[2] === code)?.[0];
}
