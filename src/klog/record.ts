/**
 * The kernel's LOG line as a record (net/netfilter/nf_log_syslog.c). `emit` prints it byte for byte, `parse`
 * reads it back; both are exact inverses. Optional members are those the kernel prints only sometimes.
 */
export interface LogRecord {
  readonly prefix: string;
  readonly in: string;
  /** undefined where the line has no `OUT=` (some old kernels, truncated lines). */
  readonly out: string | undefined;
  readonly physIn?: string;
  readonly physOut?: string;
  /** The text after `MAC=`, or after `MACSRC= MACDST= MACPROTO=`; undefined where none was printed. */
  readonly mac?: MacLog;
  /** undefined where the line ends before the packet. */
  readonly packet?: PacketLog;
  readonly uid?: number;
  readonly gid?: number;
  /** Printed as hexadecimal, only where it is not 0. */
  readonly mark?: number;
  /** What followed and is not understood, verbatim: other modules' fields, cut lines. */
  readonly rest?: string;
}

export type MacLog =
  | { readonly kind: 'raw'; readonly text: string }
  | { readonly kind: 'decoded'; readonly source: string; readonly destination: string; readonly protocol: string };

/** One network header and what it carries; an ICMP error carries another one in brackets. */
export interface PacketLog {
  readonly version: 4 | 6 | 'arp';
  /**
   * The tokens of the packet in the kernel's order: `SRC`, `198.51.100.9` … A flag such as `DF` or `SYN` has the
   * value null; `FRAG:8` and `OPT (…)` keep the kernel's own form in the value.
   */
  readonly tokens: readonly (readonly [name: string, value: string | null])[];
  /** The packet inside an ICMP error, printed in brackets; its place is the token `[`. */
  readonly inner?: PacketLog;
}
