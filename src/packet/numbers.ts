/** IANA protocol numbers, also the next-header values of IPv6. */
export const Protocol = {
  hopByHop: 0,
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  none: 59,
  destination: 60,
  ospf: 89,
  pim: 103,
  ipcomp: 108,
  vrrp: 112,
  sctp: 132,
  mobility: 135,
  udplite: 136,
} as const;

export const EtherType = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
  qinq: 0x88a8,
  pppoeSession: 0x8864,
} as const;

/** How the frame was addressed: `skb->pkt_type` (linux/if_packet.h), also the SLL packet type. */
export const PacketType = {
  host: 0,
  broadcast: 1,
  multicast: 2,
  otherHost: 3,
  outgoing: 4,
  loopback: 5,
} as const;
export type PacketType = (typeof PacketType)[keyof typeof PacketType];

/**
 * What stands behind a packet of the host (`skb->sk`): nothing, a socket of the kernel's own, which no process has opened,
 * a connection request, which stands for its listener where that is asked for (`skb_to_full_sk()`), or a process' socket.
 */
export const SocketKind = { none: 0, kernel: 1, request: 2, process: 3 } as const;
export type SocketKind = (typeof SocketKind)[keyof typeof SocketKind];

/** ARPHRD_* of linux/if_arp.h, the values LOG compares. */
export const LinkKind = { ethernet: 1, ppp: 512, loopback: 772, sit: 776, ipgre: 778, none: 0xfffe } as const;
