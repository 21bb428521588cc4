import type { Passage } from '../engine/passage.js';
import type { Sight } from '../engine/evidence/sight.js';
import { formatIpv4, formatIpv6 } from '../address/ip.js';
import { addressText } from '../packet/addresses.js';
import { bodyHash } from '../packet/body.js';
import { i32, u16 } from '../packet/bytes.js';
import type { Device } from '../packet/device.js';
import { Ipv4 } from '../packet/ipv4.js';
import type { Packet } from '../packet/packet.js';
import { hasPorts } from '../packet/rewrite.js';
import { protocolName } from '../rules/protocols.js';
import type { Difference } from './result.js';

/** Holds the packets that were predicted to leave against those that the capture shows leaving. */
export interface EgressWatch {
  /** The simulation sends a packet. */
  sent(passage: Passage): void;
  /** The capture shows one leave. @param isPredicted the simulation accounts for it */
  seen(packet: Packet, device: Device, isPredicted: boolean): void;
  /** What it came to, when the capture has ended. */
  end(): Leavings;
}

export interface Leavings {
  /** In order of time. */
  readonly differences: Difference[];
  /** How many more there are. */
  readonly untold: number;
  /** ns; those up to then are all told. */
  readonly listedUntil: number;
  /** Interfaces by which packets were to leave, and of which the capture does not show what left. */
  readonly unshown: readonly string[];
}

/** ns after which a packet that was to leave will not. */
const LATEST = 1e9;
/** Packets that wait at most, the next one takes the place of the oldest: a power of two. And differences that are told. */
const MOST_WAITING = 16_384;
const MOST_TOLD = 10_000;
/** Packets that look alike are held against a frame, at most so many. */
const MOST_ALIKE = 1024;
const NOBODY = -1;

/**
 * Only forwarded packets are held against the capture, whose way in and out it shows; a packet that had to be
 * fragmented, or of which something is not known, is left out.
 * @param sight where a capture shows nothing that leaves, that a packet was not seen to leave tells nothing
 */
export function createEgressWatch(sight: Pick<Sight, 'has' | 'showsLeaving'>): EgressWatch {
  const waiting = new WaitingPackets();
  /** Differences by interfaces of which nothing was seen to leave so far. */
  const unshown = new Map<Device, Missed>();
  const told: Difference[] = [];
  let untold = 0;
  let listedUntil = Infinity;

  const tell = (about: Leaving, difference: Pick<Difference, 'field' | 'simulated' | 'host'>): void => {
    const { time, frame, text: line } = about;
    const { field, host } = difference;
    const reason =
      field === null ? (host === null ? 'it was not seen to leave' : 'it was seen to leave') : null;
    const rest = { rule: null, reason, position: null, finding: null };
    told.push({ kind: 'egress', time, frame, line, ...difference, ...rest });
  };
  const leaveOut = (time: number): void => {
    untold++;
    listedUntil = Math.min(listedUntil, time);
  };
  const missed = (row: number): void => {
    const device = waiting.device(row);
    if (!sight.showsLeaving(device)) {
      let list = unshown.get(device);
      if (!list) unshown.set(device, (list = { leaving: [], more: 0 }));
      if (list.leaving.length < MOST_TOLD) list.leaving.push(waiting.leaving(row));
      else list.more++;
    } else if (told.length >= MOST_TOLD) leaveOut(waiting.time(row));
    else tellMissed(waiting.leaving(row));
  };
  const tellMissed = (leaving: Leaving): void =>
    tell(leaving, { field: null, simulated: leaving.text, host: null });

  return {
    sent({ packet, doubt, isOwn }) {
      const { in: came, out, moreFragments, fragmentOffset, largestFragment, length } = packet;
      if (isOwn || !came || !out || out.isLoopback || doubt !== null || packet.frame === 0) return;
      if (moreFragments || fragmentOffset > 0 || largestFragment > 0 || length > out.mtu) return;
      if (!sight.has(out)) return;
      waiting.expire(packet.time - LATEST, missed);
      waiting.add(packet, out, missed);
    },
    seen(packet, device, isPredicted) {
      waiting.expire(packet.time - LATEST, missed);
      const row = waiting.find(packet, device);
      if (row === NOBODY) {
        if (isPredicted) return;
        if (told.length >= MOST_TOLD) return leaveOut(packet.time);
        const seen = leavingOf(packet, device);
        tell(seen, { field: null, simulated: null, host: seen.text });
        return;
      }
      if (!waiting.leftJustSo(row, packet, device)) {
        const seen = leavingOf(packet, device);
        const expected = waiting.leaving(row);
        for (const [field, simulated] of expected.fields) {
          const host = seen.fields.get(field) ?? null;
          if (host === simulated) continue;
          if (told.length < MOST_TOLD) tell(expected, { field, simulated, host });
          else leaveOut(expected.time);
        }
      }
      waiting.remove(row);
    },
    end() {
      waiting.expire(Infinity, missed);
      const mute: string[] = [];
      for (const [device, { leaving, more }] of unshown)
        if (sight.showsLeaving(device)) {
          leaving.forEach(tellMissed);
          untold += more;
          if (more > 0) listedUntil = Math.min(listedUntil, leaving[leaving.length - 1].time);
        } else mute.push(device.name);
      return { differences: told.sort((a, b) => a.time - b.time), untold, listedUntil, unshown: mute };
    },
  };
}

/** Packets that were to leave by an interface. */
interface Missed {
  readonly leaving: Leaving[];
  more: number;
}

/** What is compared of a packet on its way out. */
interface Leaving {
  readonly frame: number;
  readonly time: number;
  readonly text: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** The longest source and destination: those of IPv6. */
const ADDRESSES = 32;
const NO_PORTS = -1;

/**
 * The packets that are to leave, found by what NAT leaves alone of them. They stand in rows: nearly all leave just so, and
 * nothing is told of them.
 */
class WaitingPackets {
  private readonly addresses = new Uint8Array(MOST_WAITING * ADDRESSES);
  /** Both ports in one number; NO_PORTS for a packet without. */
  private readonly ports = new Float64Array(MOST_WAITING);
  private readonly lengths = new Float64Array(MOST_WAITING);
  private readonly protocols = new Int32Array(MOST_WAITING);
  private readonly versions = new Uint8Array(MOST_WAITING);
  private readonly devices: (Device | null)[] = new Array<Device | null>(MOST_WAITING).fill(null);
  private readonly frames = new Float64Array(MOST_WAITING);
  private readonly times = new Float64Array(MOST_WAITING);
  private readonly hashes = new Int32Array(MOST_WAITING);
  /** The first and last row of each bucket, and the row behind a row, in the order of sending. */
  private readonly firsts = new Int32Array(MOST_WAITING).fill(NOBODY);
  private readonly lasts = new Int32Array(MOST_WAITING).fill(NOBODY);
  private readonly behind = new Int32Array(MOST_WAITING).fill(NOBODY);
  /** The row of the packet that was sent first of those that may still wait, and how many rows there are from it on. */
  private oldest = 0;
  private count = 0;

  /** @param missed is told of the row whose place it takes */
  add(packet: Packet, device: Device, missed: (row: number) => void): void {
    if (this.count === MOST_WAITING) this.giveUp(missed);
    const row = (this.oldest + this.count++) & (MOST_WAITING - 1);
    const { data, version, sourceOffset } = packet;
    const at = row * ADDRESSES;
    const length = version === 4 ? 8 : ADDRESSES;
    for (let i = 0; i < length; i++) this.addresses[at + i] = data[sourceOffset + i];
    this.ports[row] = portsOf(packet);
    this.lengths[row] = packet.length;
    this.protocols[row] = packet.protocol;
    this.versions[row] = version;
    this.devices[row] = device;
    this.frames[row] = packet.frame;
    this.times[row] = packet.time;
    const hash = bodyHash(packet);
    this.hashes[row] = hash;
    this.behind[row] = NOBODY;
    const bucket = hash & (MOST_WAITING - 1);
    if (this.firsts[bucket] === NOBODY) this.firsts[bucket] = row;
    else this.behind[this.lasts[bucket]] = row;
    this.lasts[bucket] = row;
  }

  /** @param missed is told of the rows that were sent before that time */
  expire(before: number, missed: (row: number) => void): void {
    while (this.count > 0 && this.times[this.oldest] < before) this.giveUp(missed);
  }

  /** The row of that packet, of several alike the one that was to leave just so; NOBODY for none. */
  find(packet: Packet, device: Device): number {
    const hash = bodyHash(packet);
    let first = NOBODY;
    let looked = 0;
    for (
      let row = this.firsts[hash & (MOST_WAITING - 1)];
      row !== NOBODY && looked < MOST_ALIKE;
      row = this.behind[row], looked++
    ) {
      if (this.hashes[row] !== hash || this.lengths[row] !== packet.length) continue;
      if (this.leftJustSo(row, packet, device)) return row;
      if (first === NOBODY) first = row;
    }
    return first;
  }

  leftJustSo(row: number, packet: Packet, device: Device): boolean {
    if (this.devices[row] !== device || this.ports[row] !== portsOf(packet)) return false;
    const { data, version, sourceOffset } = packet;
    const at = row * ADDRESSES;
    const length = version === 4 ? 8 : ADDRESSES;
    for (let i = 0; i < length; i++) if (this.addresses[at + i] !== data[sourceOffset + i]) return false;
    return true;
  }

  remove(row: number): void {
    const bucket = this.hashes[row] & (MOST_WAITING - 1);
    let before = NOBODY;
    for (let at = this.firsts[bucket]; at !== row; at = this.behind[at]) before = at;
    const next = this.behind[row];
    if (before === NOBODY) this.firsts[bucket] = next;
    else this.behind[before] = next;
    if (next === NOBODY) this.lasts[bucket] = before;
    this.devices[row] = null;
  }

  device(row: number): Device {
    return this.devices[row]!;
  }

  time(row: number): number {
    return this.times[row];
  }

  leaving(row: number): Leaving {
    const at = row * ADDRESSES;
    const isV4 = this.versions[row] === 4;
    const word = (n: number): number => i32(this.addresses, at + 4 * n);
    const address = (n: number): string =>
      isV4 ? formatIpv4(word(n)) : formatIpv6(word(4 * n), word(4 * n + 1), word(4 * n + 2), word(4 * n + 3));
    return {
      frame: this.frames[row],
      time: this.times[row],
      ...toldOf(this.device(row), [address(0), address(1)], this.ports[row], {
        length: this.lengths[row],
        protocol: this.protocols[row],
      }),
    };
  }

  private giveUp(missed: (row: number) => void): void {
    const row = this.oldest;
    if (this.devices[row]) {
      missed(row);
      this.remove(row);
    }
    this.oldest = (row + 1) & (MOST_WAITING - 1);
    this.count--;
  }
}

function portsOf(packet: Packet): number {
  return packet.hasTransport && hasPorts(packet.protocol)
    ? packet.sourcePort * 65_536 + packet.destinationPort
    : NO_PORTS;
}

function leavingOf(packet: Packet, device: Device): Leaving {
  const ends = [addressText(packet, 'source'), addressText(packet, 'destination')] as const;
  const { frame, time, length, protocol, version, data } = packet;
  const id = version === 4 ? u16(data, Ipv4.id) : undefined;
  return { frame, time, ...toldOf(device, ends, portsOf(packet), { length, protocol, id }) };
}

function toldOf(
  device: Device,
  [source, destination]: readonly [string, string],
  ports: number,
  { length, protocol, id }: Pick<Packet, 'length' | 'protocol'> & { readonly id?: number },
): Pick<Leaving, 'text' | 'fields'> {
  const fields = new Map([
    ['OUT', device.name],
    ['SRC', source],
    ['DST', destination],
  ]);
  if (ports !== NO_PORTS) fields.set('SPT', String(ports >>> 16)).set('DPT', String(ports & 0xffff));
  const text = [...fields].map(([name, value]) => `${name}=${value}`).join(' ');
  const which = id === undefined ? '' : ` ID=${id}`;
  return { text: `${text} LEN=${length}${which} PROTO=${protocolName(protocol).toUpperCase()}`, fields };
}
