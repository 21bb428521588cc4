/** RFC 791 section 3.1: offsets of the header fields, in bytes. */
export const Ipv4 = {
  versionIhl: 0,
  tos: 1,
  totalLength: 2,
  id: 4,
  fragment: 6,
  ttl: 8,
  protocol: 9,
  checksum: 10,
  source: 12,
  destination: 16,
  minimumLength: 20,
} as const;

/** Bits of the 16-bit fragment field. */
export const Ipv4Fragment = {
  reserved: 0x8000,
  dontFragment: 0x4000,
  moreFragments: 0x2000,
  offset: 0x1fff,
} as const;
