/** Numbers of the pcapng format (draft-ietf-opsawg-pcapng), shared by the reader and the writer. */

export const BlockType = {
  interfaceDescription: 1,
  /** Obsolete; appendix A of the draft. */
  packet: 2,
  simplePacket: 3,
  nameResolution: 4,
  interfaceStatistics: 5,
  enhancedPacket: 6,
  systemdJournal: 9,
  decryptionSecrets: 10,
  custom: 0x00000bad,
  customNoCopy: 0x40000bad,
  /** Reads the same in both byte orders. */
  sectionHeader: 0x0a0d0d0a,
} as const;

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Option codes; the meaning of a number depends on the block. */
export const Option = {
  end: 0,
  comment: 1,
  /** Section header. */
  application: 4,
  /** Interface description. */
  interfaceName: 2,
  timeResolution: 9,
  timeOffset: 14,
  /** Enhanced packet and the obsolete packet block. */
  flags: 2,
  /** Interface statistics. */
  interfaceDrops: 5,
  systemDrops: 7,
} as const;

/** Bits 0 and 1 of the packet flags. */
export const DirectionFlag = { mask: 3, inbound: 1, outbound: 2 } as const;
