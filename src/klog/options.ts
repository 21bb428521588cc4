import type { LogOptions } from '../rules/context.js';

/** What of a LOG rule's options the text depends on; the level is not in it. */
export type LineOptions = Pick<LogOptions, 'prefix'> & Partial<LogOptions>;

/**
 * The options of a legacy TRACE line: all but the decoded link header (NF_LOG_DEFAULT_MASK of
 * include/net/netfilter/nf_log.h) at level `warning`.
 */
export function allOptions(prefix: string): LogOptions {
  return {
    prefix,
    level: 4,
    tcpSequence: true,
    tcpOptions: true,
    ipOptions: true,
    uid: true,
    macDecode: false,
  };
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
