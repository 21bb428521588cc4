import { parseAddress } from '../../address/ip.js';
import type { Frame } from '../../capture/frame.js';
import { addressText } from '../../packet/addresses.js';
import { u16 } from '../../packet/bytes.js';
import { Ipv4 } from '../../packet/ipv4.js';
import { decodeLink, LinkLayer } from '../../packet/link.js';
import { decodePacket, type Packet } from '../../packet/packet.js';
import { hasPorts, isIcmpError } from '../../packet/rewrite.js';
import { bodyHash } from '../../packet/body.js';

/** ns that a packet may take through the host. */
const THROUGH = 1e8;
/** Bytes of an ICMP error before the packet that it tells of. */
const ICMP_HEADER = 8;

/**
 * The frames of a capture in groups that hardly touch each other: both directions of a flow, as it was before and behind
 * NAT, with the ICMP errors about it and its fragments.
 */
export class Flows {
  private readonly parent: number[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly groups = new Map<number, number>();
  private readonly passing = new Map<number, { time: number; group: number }>();
  private readonly link = new LinkLayer();

  add(frame: Frame): void {
    const layer = decodeLink(frame.linkType, frame.bytes, this.link);
    if (typeof layer === 'string') return;
    const packet = decodePacket(frame.bytes.subarray(layer.network));
    if (typeof packet === 'string') return;
    const group = this.numberOf(keyOf(packet));
    this.groups.set(frame.number, group);
    for (const key of alsoOf(packet)) this.unite(group, this.numberOf(key));
    // What left with other addresses shortly after it came is the same packet.
    const body = bodyHash(packet);
    const before = this.passing.get(body);
    if (before && frame.time - before.time < THROUGH) this.unite(group, before.group);
    this.passing.set(body, { time: frame.time, group });
  }

  /** The group of a frame; -1 for a frame without a packet. */
  of(frame: number): number {
    const group = this.groups.get(frame);
    return group === undefined ? -1 : this.root(group);
  }

  /** The group of the packet that a LOG line tells of; -1 where no frame has it. */
  ofLine(fields: ReadonlyMap<string, string>): number {
    const key = (mark: string): string =>
      endsKey(
        shortest(fields.get(`${mark}SRC`)),
        shortest(fields.get(`${mark}DST`)),
        Number(fields.get(`${mark}SPT`) ?? 0),
        Number(fields.get(`${mark}DPT`) ?? 0),
      );
    const group = this.numbers.get(key('')) ?? (fields.has('[SRC') ? this.numbers.get(key('[')) : undefined);
    return group === undefined ? -1 : this.root(group);
  }

  private numberOf(key: string): number {
    let number = this.numbers.get(key);
    if (number === undefined) {
      this.numbers.set(key, (number = this.parent.length));
      this.parent.push(number);
    }
    return number;
  }

  private root(of: number): number {
    let at = of;
    while (this.parent[at] !== at) at = this.parent[at] = this.parent[this.parent[at]];
    return at;
  }

  private unite(a: number, b: number): void {
    const [x, y] = [this.root(a), this.root(b)];
    this.parent[Math.max(x, y)] = Math.min(x, y);
  }
}

function shortest(address: string | undefined): string {
  return (address && parseAddress(address)?.toString()) ?? '';
}

function endsKey(source: string, destination: string, sourcePort: number, destinationPort: number): string {
  const [from, to] = [`${source} ${sourcePort}`, `${destination} ${destinationPort}`];
  return from < to ? `${from} ${to}` : `${to} ${from}`;
}

function keyOf(packet: Packet): string {
  const ports = packet.hasTransport && hasPorts(packet.protocol);
  return endsKey(
    addressText(packet, 'source'),
    addressText(packet, 'destination'),
    ports ? packet.sourcePort : 0,
    ports ? packet.destinationPort : 0,
  );
}

/** Other names of its flow: that of the datagram which it is a part of, of the packet that it is an error about. */
function alsoOf(packet: Packet): string[] {
  const out: string[] = [];
  if (packet.fragmentOffset > 0 || packet.moreFragments)
    out.push(
      `part ${addressText(packet, 'source')} ${addressText(packet, 'destination')} ${idOf(packet)} ${packet.protocol}`,
    );
  if (packet.hasTransport && isIcmpError(packet)) {
    const inner = decodePacket(packet.data.subarray(packet.transport + ICMP_HEADER));
    if (typeof inner !== 'string') out.push(keyOf(inner));
  }
  return out;
}

function idOf({ version, data }: Packet): number {
  return version === 4 ? u16(data, Ipv4.id) : 0;
}
