import type { Frame } from '../../capture/frame.js';
import { u16 } from '../../packet/bytes.js';
import type { Device } from '../../packet/device.js';
import { LinkType } from '../../packet/linkType.js';
import { Ethernet, Sll, Sll2 } from '../../packet/link.js';
import { EtherType, PacketType } from '../../packet/numbers.js';
import type { Arrival } from '../evidence/arrival.js';

/** Link headers remembered; a power of two. */
const PLACES = 256;
const WORDS = 5;

/** Where the EtherType stands in a link header without tags, and its length, bytes; of the link types that are read here. */
const HEADERS: ReadonlyMap<number, { readonly type: number; readonly length: number }> = new Map([
  [LinkType.linuxSll2, { type: Sll2.protocol, length: Sll2.length }],
  [LinkType.linuxSll, { type: Sll.protocol, length: Sll.length }],
  [LinkType.ethernet, { type: Ethernet.type, length: Ethernet.length }],
]);

/** Bytes of a link header without tags; 0: this link type is not read here. */
export function lengthOfLink(linkType: number): number {
  return HEADERS.get(linkType)?.length ?? 0;
}

/** What is the same for frames with the same link header. */
export interface LinkHeader {
  readonly device: Device;
  readonly isOut: boolean;
  readonly told: Pick<Frame, 'linkType' | 'interface' | 'direction'>;
}

/**
 * Link headers of IPv4 packets that came in for this host, or left it. A frame with the same header, link type, and
 * interface and direction told beside it, crosses the same device in the same direction: what tells (`Arrivals`) is the
 * same, as long as no bridge learns in between, tags lead to no other device, and where the header has no direction, the
 * device's address tells it.
 */
export class LinkHeaders {
  private readonly words = new Int32Array(PLACES * WORDS);
  private readonly known = new Array<LinkHeader | null>(PLACES).fill(null);
  /** The header looked at last. */
  private readonly header = new Int32Array(WORDS);

  /** @param isNumbered the host's interfaces have the numbers that a header may tell; else the packets say which one it is */
  constructor(private readonly isNumbered: boolean) {}

  /** null: the frame's is not known. @param length of its link header, which is there */
  of(frame: Frame, memory: DataView, at: number, length: number): LinkHeader | null {
    const place = this.look(memory, at, length);
    const { header, words } = this;
    const from = place * WORDS;
    for (let i = 0; i < WORDS; i++) if (words[from + i] !== header[i]) return null;
    const known = this.known[place];
    if (known === null) return null;
    const { told } = known;
    const isSame =
      told.linkType === frame.linkType &&
      told.interface === frame.interface &&
      told.direction === frame.direction;
    return isSame ? known : null;
  }

  /** Remembers what became of a frame. */
  learn(frame: Frame, { packet, direction, device, below, message }: Arrival): void {
    const { linkType, bytes } = frame;
    const header = HEADERS.get(linkType);
    if (!header || bytes.length < header.length || message !== null) return;
    if (packet.version !== 4 || packet.etherType !== 0 || packet.packetType !== PacketType.host) return;
    if (device !== below || device.master !== null || device.isLoopback) return;
    if (linkType === LinkType.ethernet && device.mac.length === 0) return;
    if (linkType === LinkType.linuxSll2 && !this.isNumbered) return;
    // A tag or session before the packet is no part of the header that is compared.
    if (u16(bytes, header.type) !== EtherType.ipv4) return;
    const place = this.look(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, header.length);
    this.words.set(this.header, place * WORDS);
    const told = { linkType, interface: frame.interface, direction: frame.direction };
    this.known[place] = { device, isOut: direction === 'out', told };
  }

  /** Takes a header's words, and says where it stands if it is known. */
  private look(memory: DataView, at: number, length: number): number {
    const { header } = this;
    header[0] = memory.getInt32(at);
    header[1] = memory.getInt32(at + 4);
    header[2] = memory.getInt32(at + 8);
    header[3] = length === Ethernet.length ? memory.getUint16(at + 12) : memory.getInt32(at + 12);
    header[4] = length === Sll2.length ? memory.getInt32(at + 16) : 0;
    const mixed = header[0] ^ header[1] ^ header[2] ^ header[3] ^ header[4];
    return Math.imul(mixed, 0x9e3779b1) >>> 24;
  }
}
