import type { IpVersion } from '../address/ip.js';
import type { Diagnostics } from '../source/diagnostic.js';
import type { Assumptions } from './assumptions.js';

/**
 * What a sysctl is where the snapshot does not say: the kernel's own defaults (Documentation/networking/ip-sysctl.rst,
 * nf_conntrack-sysctl.rst). Forwarding is the exception: the kernel's 0 would end every forwarded packet before the rules.
 */
export const SYSCTL_DEFAULTS: ReadonlyMap<string, number> = new Map([
  ['net.ipv4.ip_forward', 1],
  ['net.ipv4.conf.all.forwarding', 1],
  ['net.ipv6.conf.all.forwarding', 1],
  ['net.ipv4.ip_default_ttl', 64],
  ['net.ipv6.conf.all.hop_limit', 64],
  ['net.ipv6.conf.default.hop_limit', 64],
  ['net.ipv4.icmp_echo_ignore_all', 0],
  ['net.ipv4.icmp_echo_ignore_broadcasts', 1],
  ['net.ipv4.icmp_errors_use_inbound_ifaddr', 0],
  ['net.ipv4.icmp_ratelimit', 1000],
  ['net.ipv4.icmp_ratemask', 6168],
  ['net.ipv4.icmp_msgs_per_sec', 1000],
  ['net.ipv4.icmp_msgs_burst', 50],
  ['net.ipv6.icmp.ratelimit', 1000],
  ['net.ipv6.icmp.echo_ignore_all', 0],
  ['net.ipv6.icmp.echo_ignore_multicast', 0],
  ['net.ipv6.icmp.echo_ignore_anycast', 0],
  ['net.ipv4.fwmark_reflect', 0],
  ['net.ipv6.fwmark_reflect', 0],
  ['net.ipv4.ipfrag_time', 30],
  ['net.ipv6.ip6frag_time', 60],
  ['net.ipv4.tcp_timestamps', 1],
  ['net.bridge.bridge-nf-call-iptables', 0],
  ['net.bridge.bridge-nf-call-ip6tables', 0],
  ['net.bridge.bridge-nf-pass-vlan-input-dev', 0],
  ['net.bridge.bridge-nf-filter-vlan-tagged', 0],
  ['net.bridge.bridge-nf-filter-pppoe-tagged', 0],
  ['net.netfilter.nf_conntrack_acct', 0],
  ['net.netfilter.nf_conntrack_timestamp', 0],
  ['net.netfilter.nf_conntrack_checksum', 1],
  ['net.netfilter.nf_conntrack_events', 2],
  ['net.netfilter.nf_conntrack_helper', 0],
  ['net.netfilter.nf_conntrack_log_invalid', 0],
  ['net.netfilter.nf_conntrack_max', 262144],
  ['net.netfilter.nf_conntrack_expect_max', 4096],
  ['net.netfilter.nf_conntrack_frag6_timeout', 60],
  ['net.netfilter.nf_conntrack_generic_timeout', 600],
  ['net.netfilter.nf_conntrack_gre_timeout', 30],
  ['net.netfilter.nf_conntrack_gre_timeout_stream', 180],
  ['net.netfilter.nf_conntrack_icmp_timeout', 30],
  ['net.netfilter.nf_conntrack_icmpv6_timeout', 30],
  ['net.netfilter.nf_conntrack_udp_timeout', 30],
  ['net.netfilter.nf_conntrack_udp_timeout_stream', 120],
  ['net.netfilter.nf_conntrack_tcp_be_liberal', 0],
  ['net.netfilter.nf_conntrack_tcp_loose', 1],
  ['net.netfilter.nf_conntrack_tcp_max_retrans', 3],
  ['net.netfilter.nf_conntrack_tcp_ignore_invalid_rst', 0],
  ['net.netfilter.nf_conntrack_tcp_timeout_syn_sent', 120],
  ['net.netfilter.nf_conntrack_tcp_timeout_syn_recv', 60],
  ['net.netfilter.nf_conntrack_tcp_timeout_established', 432000],
  ['net.netfilter.nf_conntrack_tcp_timeout_fin_wait', 120],
  ['net.netfilter.nf_conntrack_tcp_timeout_close_wait', 60],
  ['net.netfilter.nf_conntrack_tcp_timeout_last_ack', 30],
  ['net.netfilter.nf_conntrack_tcp_timeout_time_wait', 120],
  ['net.netfilter.nf_conntrack_tcp_timeout_close', 10],
  ['net.netfilter.nf_conntrack_tcp_timeout_max_retrans', 300],
  ['net.netfilter.nf_conntrack_tcp_timeout_unacknowledged', 300],
  ['net.netfilter.nf_conntrack_sctp_timeout_closed', 10],
  ['net.netfilter.nf_conntrack_sctp_timeout_cookie_wait', 3],
  ['net.netfilter.nf_conntrack_sctp_timeout_cookie_echoed', 3],
  ['net.netfilter.nf_conntrack_sctp_timeout_established', 210],
  ['net.netfilter.nf_conntrack_sctp_timeout_shutdown_sent', 3],
  ['net.netfilter.nf_conntrack_sctp_timeout_shutdown_recd', 3],
  ['net.netfilter.nf_conntrack_sctp_timeout_shutdown_ack_sent', 3],
  ['net.netfilter.nf_conntrack_sctp_timeout_heartbeat_sent', 30],
  ['net.netfilter.nf_conntrack_dccp_timeout_request', 240],
  ['net.netfilter.nf_conntrack_dccp_timeout_respond', 480],
  ['net.netfilter.nf_conntrack_dccp_timeout_partopen', 480],
  ['net.netfilter.nf_conntrack_dccp_timeout_open', 43200],
  ['net.netfilter.nf_conntrack_dccp_timeout_closereq', 64],
  ['net.netfilter.nf_conntrack_dccp_timeout_closing', 64],
  ['net.netfilter.nf_conntrack_dccp_timeout_timewait', 240],
]);

/** The snapshot file, which is also what an assumption about all of them is recorded under. */
export const SYSCTL_FILE = 'sysctl.txt';

/** How the `all` and the device's own value of net.ipv4.conf combine (linux/inetdevice.h, IN_DEV_*CONF). */
export type Combine = 'own' | 'or' | 'and' | 'max';

/** The net. sysctls of a host. */
export class Sysctls {
  /** `net.ipv4`, `net.netfilter`… of which the snapshot has something. */
  private readonly groups: ReadonlySet<string>;

  constructor(
    private readonly values: ReadonlyMap<string, string>,
    private readonly assumptions: Assumptions,
  ) {
    this.groups = new Set([...values.keys()].map((name) => name.slice(0, name.indexOf('.', 4))));
  }

  /** The value as text; undefined where the snapshot does not have it. */
  text(name: string): string | undefined {
    return this.values.get(name);
  }

  /** The value as a number, else `fallback`, which is then an assumption that mattered. */
  number(name: string, fallback: number = SYSCTL_DEFAULTS.get(name) ?? 0): number {
    const known = this.known(name);
    if (known !== undefined) return known;
    // A group that is not there at all is one assumption, not forty: its module was not loaded yet.
    const group = name.slice(0, name.indexOf('.', 4));
    this.assume(this.groups.has(group) ? name : `${group}.*`, `${fallback}`);
    return fallback;
  }

  private assume(what: string, value: string): void {
    if (this.values.size === 0) this.assumptions.rely(SYSCTL_FILE);
    else {
      const instead = what.endsWith('*') ? "the kernel's defaults were" : `${value} was`;
      this.assumptions.record(what, `${what} is not in the snapshot; ${instead} assumed.`, true);
    }
  }

  /**
   * A value of net.ipv4.conf or net.ipv6.conf for a device: its own, else that of `default`, combined with `all`.
   * @param key such as `rp_filter`
   */
  conf(version: IpVersion, device: string, key: string, combine: Combine, fallback = 0): number {
    const base = `net.ipv${version}.conf`;
    // Sysctl paths write a dot in a name as a slash: conf.eth0/100 is the device eth0.100.
    const name = device.replaceAll('.', '/');
    const all = combine === 'own' ? undefined : this.known(`${base}.all.${key}`);
    const mine = this.known(`${base}.${name}.${key}`) ?? this.known(`${base}.default.${key}`);
    if (mine === undefined && all === undefined) this.assume(`${base}.all.${key}`, `${fallback}`);
    const value = mine ?? fallback;
    switch (combine) {
      case 'own':
        return value;
      case 'or':
        return (all ?? 0) || value;
      case 'and':
        return (all ?? 1) && value;
      case 'max':
        return Math.max(all ?? 0, value);
    }
  }

  /** A value such as `0-1,3-127`, else `fallback`: numbers from, to. */
  ranges(name: string, fallback: string): (readonly [from: number, to: number])[] {
    const text = this.values.get(name);
    const told = text !== undefined && /^(\d{1,9}(-\d{1,9})?(,|$))*$/.test(text) ? text : fallback;
    return told
      .split(',')
      .filter((part) => part !== '')
      .map((part) => {
        const [from, to = from] = part.split('-').map(Number);
        return [from, to] as const;
      });
  }

  private known(name: string): number | undefined {
    const text = this.values.get(name);
    return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
  }
}

/** Reads `sysctl -a`: `name = value` lines; what sysctl complained of, and comments, are passed over. */
export function parseSysctls(text: string, file: string, diagnostics: Diagnostics): Map<string, string> {
  const values = new Map<string, string>();
  let line = 0;
  for (const raw of text.split('\n')) {
    line++;
    const trimmed = raw.trim();
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith('sysctl:')) continue;
    const equals = trimmed.indexOf('=');
    if (equals < 0) {
      diagnostics.warning('not a sysctl line: no =', { position: { file, line, column: 1 }, lineText: raw });
      continue;
    }
    values.set(trimmed.slice(0, equals).trim(), trimmed.slice(equals + 1).trim());
  }
  return values;
}
