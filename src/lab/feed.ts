import { type MacAddress, formatMac, macEquals } from '../address/mac.js';
import { addressOf, addressText } from '../packet/addresses.js';
import { setU16, u16 } from '../packet/bytes.js';
import { fillTransportChecksum, ipv4HeaderChecksum, isOffloaded } from '../packet/checksum.js';
import { Ipv4 } from '../packet/ipv4.js';
import { PacketType } from '../packet/numbers.js';
import { decodePacket, type Packet } from '../packet/packet.js';
import type { Admission } from '../engine/replayOptions.js';
import type { Passage } from '../engine/passage.js';
import type { LabNeighbour } from './namespaces.js';
import { type LabPacket, PEER, SPACING } from './record.js';

/** Bytes that are kept to be fed; what comes later in a capture is not. */
const MOST_BYTES = 256 * 1024 * 1024;
/** Neighbours that are told to the host. */
const MOST_NEIGHBOURS = 20_000;

/** What of a capture a lab can be fed, gathered while it is replayed. */
export interface Feed {
  /** For the replay that it watches. */
  readonly admits: Admission;
  sent(passage: Passage): void;
  /** @param speed so many times the capture's own pace */
  packets(speed: number): LabPacket[];
  neighbours(): LabNeighbour[];
  /** µs from the first to the last at the capture's own pace. */
  readonly duration: number;
  /** What of the capture is not fed as it was, a sentence each. */
  leftOut(): string[];
}

interface Fed {
  readonly time: number;
  readonly interface: string;
  readonly bytes: Uint8Array;
  readonly to: MacAddress | undefined;
  readonly from: MacAddress | undefined;
}

export function createFeed(): Feed {
  const fed: Fed[] = [];
  const neighbours = new Map<string, LabNeighbour>();
  const counts = { own: 0, cut: 0, tooLong: 0, beyond: 0 };
  let bytes = 0;

  const meet = (name: string, address: string, mac: string): void => {
    const key = `${name} ${address}`;
    if (neighbours.size < MOST_NEIGHBOURS && !neighbours.has(key))
      neighbours.set(key, { interface: name, address, mac });
  };
  const take = (packet: Packet): void => {
    const device = packet.physIn ?? packet.in;
    if (!device || !packet.in) return;
    if (packet.length > packet.in.mtu) return void counts.tooLong++;
    if ((bytes += packet.length) > MOST_BYTES) return void counts.beyond++;
    if (packet.data.length < packet.length) counts.cut++;
    const { link } = packet;
    const to = link.length === 14 ? link.slice(0, 6) : undefined;
    const elsewhere = packet.packetType === PacketType.otherHost && to && macEquals(to, packet.in.mac);
    fed.push({
      time: packet.time / 1000,
      interface: device.name,
      bytes: whole(packet),
      to: elsewhere ? SOMEBODY : to,
      from: link.length === 14 ? link.slice(6, 12) : undefined,
    });
    if (link.length === 14)
      meet(packet.in.name, addressText(packet, 'source'), formatMac(link.subarray(6, 12)));
  };
  return {
    admits(packet, how) {
      if (how === 'sent') counts.own++;
      else take(packet);
      return true;
    },
    sent({ packet, route }) {
      if (!packet.out || packet.out.isLoopback) return;
      meet(packet.out.name, String(route?.gateway ?? addressOf(packet, 'destination')), PEER);
    },
    packets: (speed) => paced(fed, speed),
    neighbours: () => [...neighbours.values()].filter((n) => isUnicast(n.address)),
    get duration() {
      return fed.length === 0 ? 0 : fed[fed.length - 1].time - fed[0].time;
    },
    leftOut: () => words(counts),
  };
}

/** A locally administered address that is nobody's. */
const SOMEBODY = Uint8Array.from([2, 0, 0x5e, 0xff, 0xff, 0xff]);

function isUnicast(address: string): boolean {
  const first = parseInt(address, 10);
  return address.includes(':') ? !/^ff|^::$/i.test(address) : first > 0 && first < 224;
}

/** On the capture's clock, each at least `SPACING` behind the one before. */
function paced(fed: readonly Fed[], speed: number): LabPacket[] {
  let before = 0;
  return fed.map(({ time, ...rest }, i) => {
    const at = i === 0 ? 0 : Math.max((time - fed[0].time) / speed, before + SPACING);
    const wait = Math.round(at - before);
    before = at;
    return { ...rest, wait };
  });
}

/** The packet as a wire carries it: what the snaplen cut off is zeros, and a device has filled in the checksum. */
function whole(packet: Packet): Uint8Array {
  const cut = packet.data.length < packet.length;
  const bytes = new Uint8Array(packet.length);
  bytes.set(packet.data);
  // A length of 0 stands for one that the field cannot hold; such a packet is longer than any MTU.
  if (packet.version === 4 && u16(bytes, Ipv4.totalLength) === 0)
    setU16(bytes, Ipv4.totalLength, bytes.length);
  if (packet.version === 4) {
    setU16(bytes, Ipv4.checksum, 0);
    setU16(bytes, Ipv4.checksum, ipv4HeaderChecksum(bytes));
  }
  if (!cut && !isOffloaded(packet)) return bytes;
  const again = decodePacket(bytes);
  if (typeof again === 'string' || !again.hasTransport || again.moreFragments) return bytes;
  fillTransportChecksum(again);
  return again.data;
}

function words(counts: Record<'own' | 'cut' | 'tooLong' | 'beyond', number>): string[] {
  const packets = (n: number): string => (n === 1 ? '1 packet' : `${n} packets`);
  const say: [number, string][] = [
    [counts.own, 'that the host made by itself: its programs do not run here'],
    [counts.cut, 'cut by the snaplen: the rest is zeros'],
    [counts.tooLong, 'longer than the MTU, merged by the device: not fed'],
    [counts.beyond, 'beyond the first 256 MiB: not fed'],
  ];
  return say.filter(([n]) => n > 0).map(([n, what]) => `${packets(n)} ${what}`);
}
