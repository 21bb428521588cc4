/**
 * The data types of nft(8) with their widths in bits, and how a register holds them: `host` order or `network`
 * order (big endian). 0 bits: as wide as the expression that yields it.
 */
export const DATA_TYPES = {
  integer: { bits: 0, order: 'network' },
  boolean: { bits: 1, order: 'host' },
  string: { bits: 0, order: 'host' },
  verdict: { bits: 0, order: 'host' },
  ether_addr: { bits: 48, order: 'network' },
  ipv4_addr: { bits: 32, order: 'network' },
  ipv6_addr: { bits: 128, order: 'network' },
  inet_proto: { bits: 8, order: 'network' },
  inet_service: { bits: 16, order: 'network' },
  ether_type: { bits: 16, order: 'network' },
  arp_op: { bits: 16, order: 'network' },
  mark: { bits: 32, order: 'host' },
  ifname: { bits: 128, order: 'host' },
  iface_index: { bits: 32, order: 'host' },
  iface_type: { bits: 16, order: 'host' },
  devgroup: { bits: 32, order: 'host' },
  realm: { bits: 32, order: 'host' },
  classid: { bits: 32, order: 'host' },
  uid: { bits: 32, order: 'host' },
  gid: { bits: 32, order: 'host' },
  nf_proto: { bits: 8, order: 'network' },
  pkt_type: { bits: 8, order: 'host' },
  fib_addrtype: { bits: 32, order: 'host' },
  ct_state: { bits: 32, order: 'host' },
  ct_dir: { bits: 8, order: 'host' },
  ct_status: { bits: 32, order: 'host' },
  ct_label: { bits: 128, order: 'host' },
  ct_event: { bits: 32, order: 'host' },
  icmp_type: { bits: 8, order: 'network' },
  icmp_code: { bits: 8, order: 'network' },
  icmpv6_type: { bits: 8, order: 'network' },
  icmpv6_code: { bits: 8, order: 'network' },
  icmpx_code: { bits: 8, order: 'network' },
  igmp_type: { bits: 8, order: 'network' },
  tcp_flag: { bits: 8, order: 'network' },
  dccp_pkttype: { bits: 4, order: 'network' },
  mh_type: { bits: 8, order: 'network' },
  mptcp_subtype: { bits: 4, order: 'network' },
  dscp: { bits: 6, order: 'network' },
  ecn: { bits: 2, order: 'network' },
  /** Of conntrack and sets: milliseconds. */
  time: { bits: 32, order: 'host' },
  /** `meta time`: nanoseconds since 1970, here as milliseconds. */
  datetime: { bits: 64, order: 'host' },
  /** `meta day`: 0 is Sunday. */
  day: { bits: 8, order: 'host' },
  /** `meta hour`: seconds since midnight UTC. */
  hour: { bits: 32, order: 'host' },
  cgroupv2: { bits: 64, order: 'host' },
} as const satisfies Record<string, { bits: number; order: 'host' | 'network' }>;

export type DataType = keyof typeof DATA_TYPES;
