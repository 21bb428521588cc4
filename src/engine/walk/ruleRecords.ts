import type { IpNetwork } from '../../address/ip.js';
import { i32 } from '../../packet/bytes.js';
import type { Packet } from '../../packet/packet.js';
import { hasPorts } from '../../packet/rewrite.js';
import type { PortRange } from '../../rules/ports.js';
import type { Wanted } from '../../rules/wanted.js';
import type { CompiledChain, CompiledRule } from './program.js';
import { hasWholeHeader, wantedByRule } from './wantedByRule.js';

/*
 * What the first tests of a rule want, as a record of eight words: a rule that the packet cannot match is passed over after
 * a few comparisons of integers, without asking its tests one by one. As with the index of long chains (ruleIndex.ts), a
 * rule that is passed over is one whose tests would have missed without doing anything; what a record cannot say is
 * left out of it, and the rule is run as it is.
 */

/** Where in a record each word stands. */
const Word = {
  flags: 0,
  source: 1,
  sourceMask: 2,
  destination: 3,
  destinationMask: 4,
  sourcePorts: 5,
  destinationPorts: 6,
  devices: 7,
} as const;
const WORDS = 8;

/** The lowest byte of the flags is the protocol. */
const Flag = {
  protocol: 1 << 8,
  ports: 1 << 9,
  version4: 1 << 10,
  version6: 1 << 11,
  input: 1 << 12,
  output: 1 << 13,
  /** Anything but what the record says. */
  notInput: 1 << 14,
  notOutput: 1 << 15,
  notSource: 1 << 20,
  notDestination: 1 << 21,
} as const;
const PROTOCOL = 0xff;
/** Which word of an IPv6 address is compared: two bits of the flags for each side. */
const SOURCE_WORD = 16;
const DESTINATION_WORD = 18;
const ANY_PORT = 0xffff;
/** Devices are told apart by so many numbers. */
const MOST_DEVICES = 0xffff;

/** The records of a program's chains, each made when its chain is first walked; and the packet at hand in the same form. */
export class RuleRecords {
  private records = new Int32Array(1024 * WORDS);
  private count = 0;
  private readonly devices = new Map<string, number>();
  /** Addresses by word, the source's four and the destination's four. */
  private readonly addresses = new Int32Array(8);
  private packet: Packet | null = null;
  private version = 0;
  private protocol = 0;
  private sourcePort = 0;
  private destinationPort = 0;
  /** Tests of ports are no misses but unknown, or drop the packet, where its header is not all there. */
  private isWhole = false;
  private hasPorts = false;

  /** What was read of the packet may have changed. */
  forget(): void {
    this.packet = null;
  }

  /** The first rule of the chain from `index` on that the packet may match; the number of its rules where there is none. */
  next(chain: CompiledChain, index: number, packet: Packet): number {
    if (chain.records < 0) this.add(chain);
    if (this.packet !== packet) this.read(packet);
    const { records, addresses, version, protocol } = this;
    const end = chain.rules.length;
    let at = (chain.records + index) * WORDS;
    for (let i = index; i < end; i++, at += WORDS) {
      const flags = records[at];
      if (flags === 0) return i;
      if (flags & Flag.protocol && (flags & PROTOCOL) !== protocol) continue;
      if (flags & (Flag.version4 | Flag.version6)) {
        if (((flags & Flag.version4) !== 0) !== (version === 4)) continue;
        const source = addresses[(flags >> SOURCE_WORD) & 3] ^ records[at + Word.source];
        const isElsewhere = (source & records[at + Word.sourceMask]) !== 0;
        if (isElsewhere !== ((flags & Flag.notSource) !== 0)) continue;
        const destination = addresses[4 + ((flags >> DESTINATION_WORD) & 3)] ^ records[at + Word.destination];
        const isForAnother = (destination & records[at + Word.destinationMask]) !== 0;
        if (isForAnother !== ((flags & Flag.notDestination) !== 0)) continue;
      }
      if (flags & Flag.ports && this.isWhole && !this.hasPortsOf(at)) continue;
      if (flags & (Flag.input | Flag.output) && !this.hasDevicesOf(at, flags, packet)) continue;
      return i;
    }
    return end;
  }

  private hasPortsOf(at: number): boolean {
    if (!this.hasPorts) return false;
    const { records, sourcePort, destinationPort } = this;
    const source = records[at + Word.sourcePorts];
    const destination = records[at + Word.destinationPorts];
    return (
      sourcePort >= source >>> 16 &&
      sourcePort <= (source & 0xffff) &&
      destinationPort >= destination >>> 16 &&
      destinationPort <= (destination & 0xffff)
    );
  }

  private hasDevicesOf(at: number, flags: number, packet: Packet): boolean {
    const wanted = this.records[at + Word.devices];
    if (flags & Flag.input) {
      const isOther = this.deviceNumber(packet.in?.name) !== wanted >>> 16;
      if (isOther !== ((flags & Flag.notInput) !== 0)) return false;
    }
    if ((flags & Flag.output) === 0) return true;
    const isOther = this.deviceNumber(packet.out?.name) !== (wanted & 0xffff);
    return isOther === ((flags & Flag.notOutput) !== 0);
  }

  /** 0: no rule names it. */
  private deviceNumber(name = ''): number {
    return this.devices.get(name) ?? 0;
  }

  private read(packet: Packet): void {
    const { addresses } = this;
    const { data, protocol, sourceOffset, destinationOffset } = packet;
    this.packet = packet;
    this.version = packet.version;
    this.protocol = protocol;
    addresses[0] = i32(data, sourceOffset);
    addresses[4] = i32(data, destinationOffset);
    if (packet.version === 6)
      for (let i = 1; i < 4; i++) {
        addresses[i] = i32(data, sourceOffset + 4 * i);
        addresses[4 + i] = i32(data, destinationOffset + 4 * i);
      }
    this.hasPorts = hasPorts(protocol);
    this.isWhole = hasWholeHeader(packet);
    this.sourcePort = packet.sourcePort;
    this.destinationPort = packet.destinationPort;
  }

  private add(chain: CompiledChain): void {
    const { rules } = chain;
    chain.records = this.count;
    this.count += rules.length;
    if (this.count * WORDS > this.records.length) {
      const more = new Int32Array(2 * this.count * WORDS);
      more.set(this.records);
      this.records = more;
    }
    rules.forEach((rule, i) => this.write((chain.records + i) * WORDS, rule));
  }

  private write(at: number, rule: CompiledRule): void {
    const { records } = this;
    records[at + Word.sourcePorts] = records[at + Word.destinationPorts] = ANY_PORT;
    for (const wanted of wantedByRule(rule)) this.want(at, wanted);
  }

  /** Of several conditions on one field the last one is kept: each of them must hold. */
  private want(at: number, wanted: Wanted): void {
    const { records } = this;
    switch (wanted.field) {
      case 'ip.source':
        return this.wantAddress(at, wanted, Word.source, SOURCE_WORD, Flag.notSource);
      case 'ip.destination':
        return this.wantAddress(at, wanted, Word.destination, DESTINATION_WORD, Flag.notDestination);
      case 'sourcePort':
        records[at] |= Flag.ports;
        records[at + Word.sourcePorts] = hull(wanted.ranges);
        return;
      case 'destinationPort':
        records[at] |= Flag.ports;
        records[at + Word.destinationPorts] = hull(wanted.ranges);
        return;
      case 'ip.protocol':
        records[at] = (records[at] & ~PROTOCOL) | Flag.protocol | wanted.protocol;
        return;
      case 'in':
      case 'out': {
        const number = this.numberFor(wanted.name);
        if (number === 0) return;
        const isInput = wanted.field === 'in';
        // Two conditions on one device: the first one is enough.
        if (records[at] & (isInput ? Flag.input : Flag.output)) return;
        records[at] |= isInput ? Flag.input : Flag.output;
        if (wanted.isNot) records[at] |= isInput ? Flag.notInput : Flag.notOutput;
        records[at + Word.devices] |= isInput ? number << 16 : number;
      }
    }
  }

  private wantAddress(
    at: number,
    { networks, isNot = false }: { readonly networks: readonly IpNetwork[]; readonly isNot?: boolean },
    place: typeof Word.source | typeof Word.destination,
    wordPlace: number,
    not: number,
  ): void {
    if (networks.length !== 1) return;
    const { records } = this;
    const [{ version, address, mask }] = networks;
    // One word does not tell what is outside of a network of IPv6.
    if (isNot && version === 6) return;
    // Of one family; a rule for addresses of both matches nothing, and is run to find out.
    const flag = version === 4 ? Flag.version4 : Flag.version6;
    if (records[at] & (Flag.version4 | Flag.version6) & ~flag) return;
    // The last word that the mask has anything of tells networks best.
    const masks = [mask.a, mask.b, mask.c, mask.d];
    let word = version === 4 ? 0 : 3;
    while (word > 0 && masks[word] === 0) word--;
    records[at] = (records[at] & ~((3 << wordPlace) | not)) | flag | (word << wordPlace) | (isNot ? not : 0);
    records[at + place] = [address.a, address.b, address.c, address.d][word];
    records[at + place + 1] = masks[word];
  }

  private numberFor(name: string): number {
    const known = this.devices.get(name);
    if (known !== undefined) return known;
    if (this.devices.size >= MOST_DEVICES) return 0;
    this.devices.set(name, this.devices.size + 1);
    return this.devices.size;
  }
}

/** From the lowest to the highest port of all. */
function hull(ranges: readonly PortRange[]): number {
  const min = Math.min(...ranges.map((range) => range.min));
  const max = Math.max(...ranges.map((range) => range.max));
  return ranges.length === 0 ? ANY_PORT : (min << 16) | max;
}
