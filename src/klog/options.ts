/** What a LOG rule asks for: NF_LOG_* of linux/netfilter/nf_log.h. The syslog level is not in the text. */
export interface LogOptions {
  readonly prefix: string;
  /** --log-tcp-sequence */
  readonly tcpSequence?: boolean;
  /** --log-tcp-options */
  readonly tcpOptions?: boolean;
  /** --log-ip-options */
  readonly ipOptions?: boolean;
  /** --log-uid */
  readonly uid?: boolean;
  /** --log-macdecode */
  readonly macDecode?: boolean;
}

/**
 * The options of a legacy TRACE line and of the kernel's own lines (invalid packets): all but the decoded
 * link header, NF_LOG_DEFAULT_MASK of include/net/netfilter/nf_log.h.
 */
export function allOptions(prefix: string): LogOptions {
  return { prefix, tcpSequence: true, tcpOptions: true, ipOptions: true, uid: true };
}

/**
 * The prefix of a TRACE line of iptables-legacy: `trace_packet()` (net/ipv4/netfilter/ip_tables.c).
 * @param number of the rule in its chain, from 1; the policy counts as the rule after the last
 */
export function tracePrefix(
  table: string,
  chain: string,
  kind: 'rule' | 'return' | 'policy',
  number: number,
): string {
  return `TRACE: ${table}:${chain}:${kind}:${number} `;
}
