/** LINKTYPE_* of the tcpdump registry (https://www.tcpdump.org/linktypes.html): those that are decoded. */
export const LinkType = {
  null: 0,
  ethernet: 1,
  ppp: 9,
  /** What OpenBSD's and other systems' DLT_RAW was written as. */
  rawAlternative: 12,
  rawOpenBsd: 14,
  pppHdlc: 50,
  pppoe: 51,
  raw: 101,
  loop: 108,
  linuxSll: 113,
  ipv4: 228,
  ipv6: 229,
  nflog: 239,
  linuxSll2: 276,
} as const;

const DECODED: ReadonlySet<number> = new Set(Object.values(LinkType));

/** Names of what is met in captures and is not decoded, for the words to the user. */
const OTHERS: ReadonlyMap<number, string> = new Map([
  [6, 'IEEE802_5'],
  [7, 'ARCNET_BSD'],
  [8, 'SLIP'],
  [10, 'FDDI'],
  [100, 'ATM_RFC1483'],
  [104, 'C_HDLC'],
  [105, 'IEEE802_11'],
  [107, 'FRELAY'],
  [117, 'PFLOG'],
  [119, 'IEEE802_11_PRISM'],
  [127, 'IEEE802_11_RADIOTAP'],
  [147, 'USER0'],
  [187, 'BLUETOOTH_HCI_H4'],
  [189, 'USB_LINUX'],
  [192, 'PPI'],
  [195, 'IEEE802_15_4_WITHFCS'],
  [201, 'BLUETOOTH_HCI_H4_WITH_PHDR'],
  [220, 'USB_LINUX_MMAPPED'],
  [227, 'CAN_SOCKETCAN'],
  [247, 'INFINIBAND'],
  [249, 'USBPCAP'],
  [252, 'WIRESHARK_UPPER_PDU'],
  [253, 'NETLINK'],
  [271, 'VSOCK'],
]);

/** Whether `decodeLink` knows the link type. */
export function isDecodedLinkType(linkType: number): boolean {
  return DECODED.has(linkType);
}

/** `105 (IEEE802_11)`, or the number alone where it has no name here. */
export function describeLinkType(linkType: number): string {
  const name = OTHERS.get(linkType);
  return name ? `${linkType} (${name})` : String(linkType);
}
