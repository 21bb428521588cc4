import { setU16, u16, u32 } from '../../packet/bytes.js';
import { ipv4HeaderChecksum } from '../../packet/checksum.js';
import { Ipv4, Ipv4Fragment } from '../../packet/ipv4.js';
import { Ipv6, Ipv6FragmentHeader } from '../../packet/ipv6.js';
import { Protocol } from '../../packet/numbers.js';
import { Packet } from '../../packet/packet.js';

/** ns that a datagram waits for its fragments (net.ipv4.ipfrag_time, nf_conntrack_frag6_timeout). */
const LIFETIME = { 4: 30e9, 6: 60e9 } as const;
/** Datagrams in the making that are kept; beyond it the oldest goes (net.ipv4.ipfrag_high_thresh in spirit). */
const MOST_QUEUES = 4096;
const MOST_FRAGMENTS = 1024;
const LARGEST = 65_535;

interface Queue {
  readonly started: number;
  readonly parts: { readonly offset: number; readonly bytes: Uint8Array }[];
  /** The fragment with offset 0, whose headers the datagram takes. */
  first: Packet | null;
  /** Payload length, known from the last fragment; -1 before. */
  total: number;
  /** All fragments so far forbid fragmenting. */
  allDf: boolean;
  dead: boolean;
  largest: number;
}

/** Puts datagrams together again: `ip_defrag()` (net/ipv4/ip_fragment.c), `nf_ct_frag6_gather()` (nf_conntrack_reasm.c). */
export class Defragmenter {
  private readonly queues = new Map<string, Queue>();
  /** Datagrams that waited at once. */
  most = 0;

  /**
   * The datagram that this fragment completes; null: it waits, or was of no use. What is no fragment comes back as it is.
   * @param unwraps conntrack also takes the fragment header off an IPv6 datagram that is whole (RFC 6946)
   */
  add(packet: Packet, unwraps = false): Packet | null {
    if (packet.fragmentOffset === 0 && !packet.moreFragments && !(unwraps && isWrapped(packet)))
      return packet;
    this.expire(packet.time);
    const key = keyOf(packet);
    let queue = this.queues.get(key);
    if (!queue) {
      queue = {
        started: packet.time,
        parts: [],
        first: null,
        total: -1,
        allDf: true,
        dead: false,
        largest: 0,
      };
      this.queues.set(key, queue);
      this.most = Math.max(this.most, this.queues.size);
      if (this.queues.size > MOST_QUEUES) this.queues.delete(this.queues.keys().next().value as string);
    }
    if (queue.dead || !insert(queue, packet)) return null;
    const whole = assemble(queue);
    if (whole) this.queues.delete(key);
    if (whole) {
      whole.time = packet.time;
      whole.frame = packet.frame;
    }
    return whole;
  }

  private expire(now: number): void {
    for (const [key, queue] of this.queues) {
      if (queue.started + LIFETIME[key.startsWith('4') ? 4 : 6] > now) return;
      this.queues.delete(key);
    }
  }
}

/** It has an IPv6 fragment header, though it is no fragment. */
function isWrapped(packet: Packet): boolean {
  if (packet.version === 4 || packet.transport < Ipv6.length + Ipv6FragmentHeader.length) return false;
  const { data } = packet;
  let next = data[Ipv6.nextHeader];
  for (let at: number = Ipv6.length; at < packet.transport; at += (data[at + 1] + 1) * 8) {
    if (next === Protocol.fragment) return true;
    if (next === Protocol.ah) return false;
    next = data[at];
  }
  return false;
}

function keyOf(packet: Packet): string {
  const { data, version } = packet;
  const addresses = version === 4 ? data.subarray(12, 20) : data.subarray(8, 40);
  const hex = Buffer.from(addresses.buffer, addresses.byteOffset, addresses.length).toString('latin1');
  const id = version === 4 ? u16(data, Ipv4.id) : u32(data, fragmentHeader(packet) + Ipv6FragmentHeader.id);
  return `${version}${packet.protocol} ${id} ${packet.in?.index ?? 0} ${hex}`;
}

/** Offset of the IPv6 fragment header: `walkExtensionHeaders` has found one. */
function fragmentHeader(packet: Packet): number {
  const { data } = packet;
  let next = data[Ipv6.nextHeader];
  let at: number = Ipv6.length;
  while (next !== Protocol.fragment && at + 2 <= data.length) {
    next = data[at];
    at += (data[at + 1] + 1) * 8;
  }
  return at;
}

/** Overlapping fragments kill the whole datagram (RFC 5722; the kernel does so for IPv4, too). */
function insert(queue: Queue, packet: Packet): boolean {
  const start = packet.version === 4 ? packet.transport : fragmentHeader(packet) + Ipv6FragmentHeader.length;
  const length = packet.length - start;
  const offset = packet.fragmentOffset;
  const end = offset + length;
  if (length <= 0 || end > LARGEST || queue.parts.length >= MOST_FRAGMENTS) return false;
  if (packet.moreFragments && length % 8 !== 0) return false;
  if (!packet.moreFragments) {
    if (queue.total >= 0 && queue.total !== end) return kill(queue);
    queue.total = end;
  }
  for (const part of queue.parts) {
    if (part.offset === offset && part.bytes.length === length) return false;
    if (offset < part.offset + part.bytes.length && end > part.offset) return kill(queue);
  }
  queue.largest = Math.max(queue.largest, packet.length);
  if (packet.version === 4 && !(u16(packet.data, Ipv4.fragment) & Ipv4Fragment.dontFragment))
    queue.allDf = false;
  const bytes = new Uint8Array(length);
  bytes.set(packet.data.subarray(start, start + length));
  queue.parts.push({ offset, bytes });
  if (offset === 0) {
    // It may wait for long, and is not to keep what its bytes stand among.
    queue.first = packet.clone();
  }
  return true;
}

function kill(queue: Queue): boolean {
  queue.dead = true;
  return false;
}

function assemble(queue: Queue): Packet | null {
  const { first, total, parts } = queue;
  if (!first || total < 0) return null;
  let have = 0;
  for (const part of parts) have += part.bytes.length;
  if (have !== total) return null;
  const headers = first.version === 4 ? first.data.subarray(0, first.transport) : unfragmentedHeaders(first);
  const data = new Uint8Array(headers.length + total);
  data.set(headers);
  for (const part of parts) data.set(part.bytes, headers.length + part.offset);
  if (first.version === 4) {
    setU16(data, Ipv4.totalLength, data.length);
    setU16(data, Ipv4.fragment, queue.allDf ? Ipv4Fragment.dontFragment : 0);
    setU16(data, Ipv4.checksum, 0);
    setU16(data, Ipv4.checksum, ipv4HeaderChecksum(data));
  } else setU16(data, Ipv6.payloadLength, data.length - Ipv6.length);
  const whole = first.clone();
  whole.data = data;
  whole.length = data.length;
  whole.fragmentOffset = 0;
  whole.largestFragment = queue.largest;
  whole.moreFragments = false;
  whole.transport = first.version === 4 ? first.transport : first.transport - Ipv6FragmentHeader.length;
  return whole;
}

/** The headers before the fragment header, with the next header that stood in it. */
function unfragmentedHeaders(first: Packet): Uint8Array {
  const at = fragmentHeader(first);
  const headers = first.data.slice(0, at);
  let next = headers[Ipv6.nextHeader];
  let field: number = Ipv6.nextHeader;
  for (let here: number = Ipv6.length; next !== Protocol.fragment && here < at;) {
    field = here;
    next = headers[here];
    here += (headers[here + 1] + 1) * 8;
  }
  headers[field] = first.data[at];
  return headers;
}
