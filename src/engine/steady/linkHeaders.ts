import type { Frame } from '../../capture/frame.js';
import type { Device } from '../../packet/device.js';
import { LinkType } from '../../packet/linkType.js';
import { PacketType } from '../../packet/numbers.js';
import type { Arrival } from '../arrival.js';

/** Link headers remembered; a power of two. */
const PLACES = 256;
const WORDS = 5;

/** Bytes of a link header without tags; 0: this link type is not read here. */
export function lengthOfLink(linkType: number): number {
  switch (linkType) {
    case LinkType.linuxSll2:
      return 20;
    case LinkType.linuxSll:
      return 16;
    case LinkType.ethernet:
      return 14;
    default:
      return 0;
  }
}

/**
 * Link headers with which IPv4 packets came in to this host. A frame with the same header, link type, and interface and
 * direction told beside it, comes in by the same device: what tells (`Arrivals`) is the same, as long as no bridge learns
 * in between, tags lead to no other device, and where the header has no direction, the device's address tells it.
 */
export class LinkHeaders {
  private readonly words = new Int32Array(PLACES * WORDS);
  private readonly known = new Array<{ readonly device: Device; readonly frame: Told } | null>(PLACES).fill(
    null,
  );
  /** The header looked at last. */
  private readonly header = new Int32Array(WORDS);

  /** By which device the frame came in; null: not known. @param length of its link header, which is there */
  deviceOf(frame: Frame, memory: DataView, at: number, length: number): Device | null {
    const place = this.look(memory, at, length);
    const { header, words } = this;
    const from = place * WORDS;
    for (let i = 0; i < WORDS; i++) if (words[from + i] !== header[i]) return null;
    const known = this.known[place];
    if (known === null) return null;
    const told = known.frame;
    const isSame =
      told.linkType === frame.linkType &&
      told.interface === frame.interface &&
      told.direction === frame.direction;
    return isSame ? known.device : null;
  }

  /** Remembers what became of a frame. */
  learn(frame: Frame, { packet, direction, device, below, message }: Arrival): void {
    const { linkType, bytes } = frame;
    const length = lengthOfLink(linkType);
    if (length === 0 || bytes.length < length || direction !== 'in' || message !== null) return;
    if (packet.version !== 4 || packet.etherType !== 0 || packet.packetType !== PacketType.host) return;
    if (device !== below || device.master !== null || device.isLoopback) return;
    if (linkType === LinkType.ethernet && device.mac.length === 0) return;
    // A tag or session before the packet is no part of the header that is compared.
    if (bytes[typeAt(linkType)] !== 0x08 || bytes[typeAt(linkType) + 1] !== 0x00) return;
    const place = this.look(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, length);
    this.words.set(this.header, place * WORDS);
    const { interface: name, direction: told } = frame;
    this.known[place] = { device, frame: { linkType, interface: name, direction: told } };
  }

  /** Takes a header's words, and says where it stands if it is known. */
  private look(memory: DataView, at: number, length: number): number {
    const { header } = this;
    header[0] = memory.getInt32(at);
    header[1] = memory.getInt32(at + 4);
    header[2] = memory.getInt32(at + 8);
    header[3] = length === 14 ? memory.getUint16(at + 12) : memory.getInt32(at + 12);
    header[4] = length === 20 ? memory.getInt32(at + 16) : 0;
    const mixed = header[0] ^ header[1] ^ header[2] ^ header[3] ^ header[4];
    return Math.imul(mixed, 0x9e3779b1) >>> 24;
  }
}

type Told = Pick<Frame, 'linkType' | 'interface' | 'direction'>;

/** Where the EtherType stands in the header. */
function typeAt(linkType: number): number {
  return linkType === LinkType.linuxSll2 ? 0 : linkType === LinkType.linuxSll ? 14 : 12;
}
