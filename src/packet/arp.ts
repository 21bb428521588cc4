/** RFC 826: hardware and protocol type, lengths of their addresses, operation; then the addresses, of Ethernet and IPv4. */
export const Arp = {
  hardware: 0,
  protocol: 2,
  lengths: 4,
  operation: 6,
  header: 8,
  senderMac: 8,
  senderIp: 14,
  targetMac: 18,
  targetIp: 24,
  end: 28,
} as const;

/** The lengths of six bytes of a MAC and four of an IPv4 address. */
export const ETHERNET_IPV4 = 0x0604;
export const ArpOperation = { request: 1, reply: 2 } as const;
