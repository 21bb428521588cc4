/** RFC 8200 section 3: offsets of the header fields, in bytes. */
export const Ipv6 = {
  versionClassLabel: 0,
  payloadLength: 4,
  nextHeader: 6,
  hopLimit: 7,
  source: 8,
  destination: 24,
  length: 40,
} as const;

/** RFC 8200 section 4.5: the fragment header. */
export const Ipv6FragmentHeader = { nextHeader: 0, offset: 2, id: 4, length: 8 } as const;
