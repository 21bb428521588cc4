/**
 * The kernel's LOG line as a record (net/netfilter/nf_log_syslog.c). `emit` prints it byte for byte, `parse`
 * reads it back. Optional members are those that the kernel prints only sometimes.
 */
export interface LogRecord {
  readonly prefix: string;
  /** '' for packets that came in nowhere. */
  readonly in: string;
  /** undefined where the line has no `OUT=` (cut lines, some vendors' kernels). */
  readonly out: string | undefined;
  readonly physIn?: string;
  readonly physOut?: string;
  /** undefined where none was printed: packets without an input interface. */
  readonly mac?: MacLog;
  /** undefined where the line ends before the packet. */
  readonly packet?: PacketLog;
  readonly uid?: number;
  readonly gid?: number;
  /** Printed as hexadecimal, only where it is not 0. */
  readonly mark?: number;
  /** What follows the last word that was understood, verbatim: another program's addition, a cut line. */
  readonly rest?: string;
  /** The last word has no space behind it: ARP and cut headers end so, and many log writers strip it. */
  readonly bare?: true;
}

export type MacLog =
  | {
      readonly kind: 'raw';
      /** Bytes of the link header with colons; '' for links without one. */
      readonly text: string;
      /** `a->b`, the outer addresses of a SIT tunnel. */
      readonly tunnel?: string;
    }
  | {
      readonly kind: 'decoded';
      readonly source: string;
      readonly destination: string;
      /** A tag that the device took off and kept beside the packet: bridge and netdev families only. */
      readonly vlan?: { readonly protocol: string; readonly id: number };
      /** Four hexadecimal digits. */
      readonly protocol: string;
    };

/**
 * A word of the packet's part: `['SRC', '198.51.100.9']`. A flag such as `DF` or `SYN` has the value null.
 * The kernel writes most as `NAME=value`; see SPELLING for the others. `['[', null]` is the place of the inner packet.
 */
export type Token = readonly [name: string, value: string | null];

/** One network header and what it carries; an ICMP error carries another one in brackets. */
export interface PacketLog {
  /** null where the text does not tell: a header cut before its addresses. */
  readonly version: 4 | 6 | 'arp' | null;
  /** In the kernel's order. */
  readonly tokens: readonly Token[];
  /** The packet inside an ICMP error; its place is the token `[`. */
  readonly inner?: PacketLog;
  /** For an inner packet: no space stands before the closing bracket. The line's own end is in the record. */
  readonly bare?: true;
}

/**
 * How names are written where the form is not `NAME=value`. `FRAG ID` is the identification in an IPv6 fragment
 * header, `OPT` options in one run of hexadecimal digits; the token `OPT (` opens the extension headers of IPv6.
 */
export const SPELLING: ReadonlyMap<string, string> = new Map([
  ['FRAG', 'FRAG:'],
  ['FRAG ID', 'ID:'],
  ['OPT', 'OPT '],
  ['INCOMPLETE', 'INCOMPLETE '],
  ['Unknown Ext Hdr', 'Unknown Ext Hdr '],
]);

/** Which header the words describe. */
export function versionOf(tokens: readonly Token[]): PacketLog['version'] {
  if (tokens.length === 0) return null;
  const [name, value] = tokens[0];
  if (name === 'ARP') return 'arp';
  return name !== 'SRC' || value === null ? null : value.includes(':') ? 6 : 4;
}
