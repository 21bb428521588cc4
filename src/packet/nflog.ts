import { u16, u32 } from './bytes.js';

/**
 * What the kernel says of a packet in an NFLOG message: LINKTYPE_NFLOG of the tcpdump registry, whose TLVs are
 * the attributes of `enum nfulnl_attr_type` (linux/netfilter/nfnetlink_log.h).
 */
export interface NflogLayer {
  /** NFPROTO_*: 2 IPv4, 10 IPv6, 7 bridge, 3 ARP. */
  readonly family: number;
  /** The group of `--nflog-group`. */
  readonly group: number;
  /** The hook in the family's numbering; null where the message has no packet header. */
  readonly hook: number | null;
  /** EtherType of the payload; 0 where not told. */
  readonly etherType: number;
  readonly prefix: string;
  readonly mark: number;
  /** Interface indexes; 0 for none. */
  readonly in: number;
  readonly out: number;
  readonly physIn: number;
  readonly physOut: number;
  readonly uid: number | null;
  readonly gid: number | null;
  /** Position and length of the sender's link address in the frame; length 0 for none. */
  readonly sourceAt: number;
  readonly sourceLength: number;
  /** Position and length of the whole link header as received (NFULA_HWHEADER). */
  readonly headerAt: number;
  readonly headerLength: number;
  /** ARPHRD_*; null where not told. */
  readonly hardwareType: number | null;
  /** Where the packet begins in the frame, and how many bytes of it are there. */
  readonly payloadAt: number;
  readonly payloadLength: number;
}

const HEADER = 4;
const TLV = 4;

/** `enum nfulnl_attr_type` */
const Attribute = {
  packetHeader: 1,
  mark: 2,
  inDevice: 4,
  outDevice: 5,
  physInDevice: 6,
  physOutDevice: 7,
  hardwareAddress: 8,
  payload: 9,
  prefix: 10,
  uid: 11,
  gid: 14,
  hardwareType: 15,
  hardwareHeader: 16,
} as const;
/** NLA_TYPE_MASK (linux/netlink.h): without the nested and byte-order bits. */
const TYPE_MASK = 0x3fff;
/** Above every attribute the kernel has; a type read in the wrong byte order is at least 256. */
const TYPE_LIMIT = 256;

const utf8 = new TextDecoder();

/** Reads one NFLOG frame; a string says what stopped the decoding and where. */
export function decodeNflog(bytes: Uint8Array): NflogLayer | string {
  if (bytes.length < HEADER) return `NFLOG header cut at ${bytes.length} of ${HEADER} bytes`;
  if (bytes[1] !== 0) return `NFLOG version ${bytes[1]}`;
  const layer = {
    family: bytes[0],
    group: u16(bytes, 2),
    hook: null as number | null,
    etherType: 0,
    prefix: '',
    mark: 0,
    in: 0,
    out: 0,
    physIn: 0,
    physOut: 0,
    uid: null as number | null,
    gid: null as number | null,
    sourceAt: 0,
    sourceLength: 0,
    headerAt: 0,
    headerLength: 0,
    hardwareType: null as number | null,
    payloadAt: -1,
    payloadLength: 0,
  };
  const little = isLittleEndian(bytes);
  for (let at = HEADER; at + TLV <= bytes.length;) {
    const length = little ? bytes[at] | (bytes[at + 1] << 8) : u16(bytes, at);
    const type = (little ? bytes[at + 2] | (bytes[at + 3] << 8) : u16(bytes, at + 2)) & TYPE_MASK;
    if (length < TLV) return `NFLOG attribute length ${length} at byte ${at}`;
    const value = at + TLV;
    const end = Math.min(at + length, bytes.length);
    const size = end - value;
    // Values are in network byte order whatever the order of lengths and types.
    if (type === Attribute.packetHeader) {
      layer.etherType = u16(bytes, value);
      if (size >= 3) layer.hook = bytes[value + 2];
    } else if (type === Attribute.mark) layer.mark = u32(bytes, value);
    else if (type === Attribute.inDevice) layer.in = u32(bytes, value);
    else if (type === Attribute.outDevice) layer.out = u32(bytes, value);
    else if (type === Attribute.physInDevice) layer.physIn = u32(bytes, value);
    else if (type === Attribute.physOutDevice) layer.physOut = u32(bytes, value);
    else if (type === Attribute.hardwareAddress) {
      layer.sourceAt = value + 4;
      layer.sourceLength = Math.max(0, Math.min(u16(bytes, value), 8, size - 4));
    } else if (type === Attribute.prefix) layer.prefix = text(bytes, value, end);
    else if (type === Attribute.uid) layer.uid = u32(bytes, value);
    else if (type === Attribute.gid) layer.gid = u32(bytes, value);
    else if (type === Attribute.hardwareType) layer.hardwareType = u16(bytes, value);
    else if (type === Attribute.hardwareHeader) {
      layer.headerAt = value;
      layer.headerLength = size;
    } else if (type === Attribute.payload) {
      layer.payloadAt = value;
      layer.payloadLength = size;
    }
    at += (length + 3) & ~3;
  }
  return layer.payloadAt < 0 ? 'NFLOG message without a payload' : layer;
}

/** Lengths and types are in the byte order of the host that captured; the first TLV shows which it was. */
function isLittleEndian(bytes: Uint8Array): boolean {
  const type = u16(bytes, HEADER + 2) & TYPE_MASK;
  const length = u16(bytes, HEADER);
  return !(type < TYPE_LIMIT && length >= TLV && HEADER + length <= bytes.length);
}

function text(bytes: Uint8Array, from: number, to: number): string {
  let end = from;
  while (end < to && bytes[end] !== 0) end++;
  return utf8.decode(bytes.subarray(from, end));
}
