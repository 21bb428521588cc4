import { u16, u32, u8 } from '../../packet/bytes.js';
import { addressText } from '../../packet/addresses.js';
import { Protocol } from '../../packet/numbers.js';
import { decodePacket, Packet } from '../../packet/packet.js';
import { innerSite } from '../../packet/rewrite.js';
import { Tcp } from '../../packet/transport.js';

/** RFC 8200 section 3: the lower 20 bits of the first word. */
export function flowLabelOf(packet: Packet): number {
  return u32(packet.data, 0) & 0xfffff;
}

export function setFlowLabel(packet: Packet, label: number): void {
  const data = packet.own();
  data[1] = (data[1] & 0xf0) | (label >>> 16);
  data[2] = label >>> 8;
  data[3] = label;
}

/** Flows remembered at most; more than this many is a server, whose labels are not worth the memory. */
const MOST = 65_536;

/**
 * The flow labels that a host gives its own IPv6 packets: a hash of the flow with a secret (`ip6_make_flowlabel()`),
 * so the same flow has the same label again, and one packet that was captured tells of others that were not.
 */
export class FlowLabels {
  private readonly known = new Map<string, number>();
  /** Of segments in quotations, whose addresses may be those behind a translation. */
  private readonly quoted = new Map<string, number>();

  learn(packet: Packet): void {
    if (packet.version !== 6 || this.known.size >= MOST) return;
    const label = flowLabelOf(packet);
    if (label !== 0) this.known.set(keyOf(packet), label);
    // An error about a packet of the host itself quotes it.
    const inner = innerSite(packet);
    const quoted = inner?.hasTransport ? decodePacket(packet.data.subarray(inner.network)) : null;
    if (!(quoted instanceof Packet)) return;
    this.learn(quoted);
    const key = segmentOf(quoted);
    if (key !== null && flowLabelOf(quoted) !== 0) this.quoted.set(key, flowLabelOf(quoted));
  }

  of(packet: Packet): number | undefined {
    const key = segmentOf(packet);
    return this.known.get(keyOf(packet)) ?? (key === null ? undefined : this.quoted.get(key));
  }
}

/** What the hash is made of: addresses, protocol, and ports or ICMPv6 type and code. */
function keyOf(packet: Packet): string {
  const { data, transport, protocol } = packet;
  const more = protocol === Protocol.icmpv6 ? u16(data, transport) : u32(data, transport);
  return `${addressText(packet, 'source')} ${addressText(packet, 'destination')} ${protocol} ${more}`;
}

/** What no translation changes of a segment, and hardly another one has. */
function segmentOf({ data, transport, protocol }: Packet): string | null {
  if (protocol !== Protocol.tcp || data.length < transport + Tcp.minimumLength) return null;
  const number = u32(data, transport + Tcp.sequence);
  const acknowledged = u32(data, transport + Tcp.acknowledgment);
  return `${number} ${acknowledged} ${u8(data, transport + Tcp.flags)}`;
}
