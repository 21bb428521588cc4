import type { TimeoutPolicy } from '../../rules/context.js';
import { TcpConnState } from './tcpState.js';

const SECOND = 1e9;

/** What the sysctls below net.netfilter say to conntrack; times in ns. */
export interface ConntrackSettings {
  readonly checksum: boolean;
  readonly accounting: boolean;
  readonly tcpLoose: boolean;
  readonly tcpLiberal: boolean;
  readonly tcpIgnoreInvalidRst: boolean;
  readonly tcpMaxRetransmissions: number;
  /** By TcpConnState. */
  readonly tcp: readonly number[];
  readonly tcpRetransmission: number;
  readonly tcpUnacknowledged: number;
  readonly udp: number;
  readonly udpStream: number;
  readonly icmp: number;
  readonly icmpv6: number;
  readonly generic: number;
  readonly gre: number;
  readonly greStream: number;
  /** By SctpConnState. */
  readonly sctp: readonly number[];
}

/** @param sysctl a number by name, or the given default (Documentation/networking/nf_conntrack-sysctl.rst) */
export function conntrackSettings(sysctl: (name: string, fallback: number) => number): ConntrackSettings {
  const get = (name: string, fallback: number): number =>
    sysctl(`net.netfilter.nf_conntrack_${name}`, fallback);
  const time = (name: string, seconds: number): number => get(`${name}`, seconds) * SECOND;
  const tcp: number[] = [];
  tcp[TcpConnState.none] = 0;
  tcp[TcpConnState.synSent] = time('tcp_timeout_syn_sent', 120);
  tcp[TcpConnState.synRecv] = time('tcp_timeout_syn_recv', 60);
  tcp[TcpConnState.established] = time('tcp_timeout_established', 432_000);
  tcp[TcpConnState.finWait] = time('tcp_timeout_fin_wait', 120);
  tcp[TcpConnState.closeWait] = time('tcp_timeout_close_wait', 60);
  tcp[TcpConnState.lastAck] = time('tcp_timeout_last_ack', 30);
  tcp[TcpConnState.timeWait] = time('tcp_timeout_time_wait', 120);
  tcp[TcpConnState.close] = time('tcp_timeout_close', 10);
  // There is no sysctl of its own: a simultaneous open waits as long as a SYN does.
  tcp[TcpConnState.synSent2] = tcp[TcpConnState.synSent];
  const sctp = [
    0,
    time('sctp_timeout_closed', 10),
    time('sctp_timeout_cookie_wait', 3),
    time('sctp_timeout_cookie_echoed', 3),
    time('sctp_timeout_established', 210),
    time('sctp_timeout_shutdown_sent', 3),
    time('sctp_timeout_shutdown_recd', 3),
    time('sctp_timeout_shutdown_ack_sent', 3),
    time('sctp_timeout_heartbeat_sent', 30),
  ];
  return {
    checksum: get('checksum', 1) !== 0,
    accounting: get('acct', 0) !== 0,
    tcpLoose: get('tcp_loose', 1) !== 0,
    tcpLiberal: get('tcp_be_liberal', 0) !== 0,
    tcpIgnoreInvalidRst: get('tcp_ignore_invalid_rst', 0) !== 0,
    tcpMaxRetransmissions: get('tcp_max_retrans', 3),
    tcp,
    tcpRetransmission: time('tcp_timeout_max_retrans', 300),
    tcpUnacknowledged: time('tcp_timeout_unacknowledged', 300),
    udp: time('udp_timeout', 30),
    udpStream: time('udp_timeout_stream', 120),
    icmp: time('icmp_timeout', 30),
    icmpv6: time('icmpv6_timeout', 30),
    generic: time('generic_timeout', 600),
    gre: time('gre_timeout', 30),
    greStream: time('gre_timeout_stream', 180),
    sctp,
  };
}

/** The states of a timeout policy by the names that nft gives them (`tcp_state_to_name`, src/rule.c of nftables). */
const TCP_STATES = new Map<string, TcpConnState>([
  ['syn_sent', TcpConnState.synSent],
  ['syn_recv', TcpConnState.synRecv],
  ['established', TcpConnState.established],
  ['fin_wait', TcpConnState.finWait],
  ['close_wait', TcpConnState.closeWait],
  ['last_ack', TcpConnState.lastAck],
  ['time_wait', TcpConnState.timeWait],
  ['close', TcpConnState.close],
]);

/** The settings with the times of a policy: `tcp_timeout_nlattr_to_obj()`, `udp_timeout_nlattr_to_obj()`. */
export function withPolicy(settings: ConntrackSettings, { states }: TimeoutPolicy): ConntrackSettings {
  const tcp = [...settings.tcp];
  for (const [name, seconds] of states) {
    const state = TCP_STATES.get(name);
    if (state !== undefined) tcp[state] = seconds * SECOND;
  }
  tcp[TcpConnState.synSent2] = tcp[TcpConnState.synSent];
  const time = (name: string, otherwise: number): number => {
    const seconds = states.get(name);
    return seconds === undefined ? otherwise : seconds * SECOND;
  };
  return {
    ...settings,
    tcp,
    tcpRetransmission: time('retrans', settings.tcpRetransmission),
    tcpUnacknowledged: time('unack', settings.tcpUnacknowledged),
    udp: time('unreplied', settings.udp),
    udpStream: time('replied', settings.udpStream),
  };
}
