import { i32, u16, u8 } from '../../packet/bytes.js';
import { Ipv4, Ipv4Fragment } from '../../packet/ipv4.js';
import { Ipv6 } from '../../packet/ipv6.js';
import { Protocol } from '../../packet/numbers.js';
import { decodePacket, Packet } from '../../packet/packet.js';
import { Icmp, quotesPacket } from '../../packet/transport.js';
import type { Tuple } from '../../rules/connection.js';
import type { Translated } from './translated.js';

/*
 * Several replays of one capture, each of its own share of the connections, so that they can run at the same time. A
 * packet's share hangs on those of its addresses that no translation changes: so both directions of a connection, what
 * it looks like on either side of the router, its fragments, the ICMP errors about it and the connections that it leads
 * to have the same one. What all connections have in common is either known beforehand to be absent (`whyWhole`), or
 * noted while a share runs and looked at afterwards (`whyNotAlike`).
 */

/** A message of the host's own that a limit was asked about. */
export interface AskedMessage {
  readonly frame: number;
  /** ns since capture start. */
  readonly time: number;
  /** null: the host's limit was not asked. */
  readonly rate: number | null;
  readonly burst: number;
  readonly destination: string;
  /** ns between messages to one destination; 0: no limit; null: it was not asked. */
  readonly interval: number | null;
  readonly allowed: boolean;
}

/** What a share has noted of what it has in common with others. */
export interface Noted {
  /** By protocol and port: the first frame that the host sent from it, and the last one that found nobody there. */
  readonly sentFrom: Map<number, number>;
  readonly foundNobody: Map<number, number>;
  readonly messages: AskedMessage[];
}

/** Messages noted at most. */
const MOST_MESSAGES = 100_000;

/** Nobody's in particular. */
export const FIRST = 0;

/** One share of a capture's connections. */
export class Share {
  /** Why the connections cannot be told apart after all; null: nothing was found. */
  refusal: string | null = null;
  readonly noted: Noted = { sentFrom: new Map(), foundNobody: new Map(), messages: [] };

  /** @param index which of the `count` shares, from 0 on */
  constructor(
    readonly index: number,
    readonly count: number,
    private readonly translated: Translated,
  ) {}

  refuse(why: string): void {
    this.refusal ??= why;
  }

  noteMessage(message: AskedMessage): void {
    if (this.noted.messages.length < MOST_MESSAGES) this.noted.messages.push(message);
    else
      this.refuse('the host answers too often, and its answers share a limit (net.ipv4.icmp_msgs_per_sec)');
  }

  /** Whether the packet is of this share. @param at where its network header begins */
  owns(bytes: Uint8Array, at: number): boolean {
    return this.shareOf(bytes, at) === this.index;
  }

  ownsTuple(tuple: Tuple): boolean {
    return this.shareOfKey(this.keyOfTuple(tuple)) === this.index;
  }

  /** Which share the connection's packets would be of, going by one of its tuples. */
  keyOfTuple(t: Tuple): number {
    return t.version === 4
      ? this.key4(t.s0, t.d0)
      : this.keyOf(
          mix(t.s0, t.s1, t.s2, t.s3),
          this.isTranslated6(t, 's'),
          mix(t.d0, t.d1, t.d2, t.d3),
          this.isTranslated6(t, 'd'),
        );
  }

  private isTranslated6(t: Tuple, side: 's' | 'd'): boolean {
    return side === 's'
      ? this.translated.has6(t.s0, t.s1, t.s2, t.s3)
      : this.translated.has6(t.d0, t.d1, t.d2, t.d3);
  }

  private shareOf(bytes: Uint8Array, at: number): number {
    if (at >= bytes.length) return FIRST;
    const version = bytes[at] >> 4;
    if (version === 4 && at + Ipv4.minimumLength <= bytes.length) return this.shareOf4(bytes, at);
    if (version === 6 && at + Ipv6.length <= bytes.length) return this.shareOf6(bytes, at);
    return FIRST;
  }

  private shareOf4(bytes: Uint8Array, at: number): number {
    if (bytes[at + Ipv4.protocol] === Protocol.icmp) {
      const transport = at + (bytes[at] & 15) * 4;
      const fragment = u16(bytes, at + Ipv4.fragment) & (Ipv4Fragment.offset | Ipv4Fragment.moreFragments);
      if ((fragment & Ipv4Fragment.offset) === 0 && quotesPacket(u8(bytes, transport))) {
        if (fragment !== 0)
          this.refuse('a fragmented ICMP error does not tell its connection by each fragment');
        const quoted = transport + Icmp.headerLength;
        if (quoted + Ipv4.minimumLength <= bytes.length && bytes[quoted] >> 4 === 4) at = quoted;
      }
    }
    return this.shareOfKey(this.key4(i32(bytes, at + Ipv4.source), i32(bytes, at + Ipv4.destination)));
  }

  private shareOf6(bytes: Uint8Array, at: number): number {
    let from = at;
    const next = bytes[at + Ipv6.nextHeader];
    if (next !== Protocol.tcp && next !== Protocol.udp) {
      const packet = decodePacket(bytes, at);
      if (packet instanceof Packet && packet.protocol === Protocol.icmpv6 && packet.fragmentOffset === 0) {
        const quoted = at + packet.transport + Icmp.headerLength;
        if (u8(bytes, at + packet.transport) < 128) {
          if (packet.moreFragments)
            this.refuse('a fragmented ICMP error does not tell its connection by each fragment');
          if (quoted + Ipv6.length <= bytes.length && bytes[quoted] >> 4 === 6) from = quoted;
        }
      }
    }
    const word = (offset: number): number => i32(bytes, from + offset);
    const s = Ipv6.source;
    const d = Ipv6.destination;
    return this.shareOfKey(
      this.keyOf(
        mix(word(s), word(s + 4), word(s + 8), word(s + 12)),
        this.translated.has6(word(s), word(s + 4), word(s + 8), word(s + 12)),
        mix(word(d), word(d + 4), word(d + 8), word(d + 12)),
        this.translated.has6(word(d), word(d + 4), word(d + 8), word(d + 12)),
      ),
    );
  }

  private key4(source: number, destination: number): number {
    return this.keyOf(
      mix(source, 0, 0, 0),
      this.translated.has4(source),
      mix(destination, 0, 0, 0),
      this.translated.has4(destination),
    );
  }

  private keyOf(source: number, fromChanges: boolean, destination: number, toChanges: boolean): number {
    if (fromChanges) return toChanges ? 0 : destination;
    return toChanges ? source : source ^ destination;
  }

  private shareOfKey(key: number): number {
    return (Math.imul(key ^ (key >>> 15), 0x2c1b3c6d) >>> 8) % this.count;
  }
}

function mix(a: number, b: number, c: number, d: number): number {
  const high = Math.imul(a ^ Math.imul(b, 0x85ebca6b), 0x9e3779b1);
  const low = Math.imul(c ^ Math.imul(d, 0xc2b2ae35), 0x27d4eb2f);
  return (high ^ (high >>> 13) ^ low ^ (low >>> 15)) | 0;
}
