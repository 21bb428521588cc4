import type { Frame } from '../../capture/frame.js';
import type { Link } from '../../host/links.js';
import { fields } from '../../klog/fields.js';
import type { LogRecord } from '../../klog/record.js';
import { parseAddress } from '../../address/ip.js';
import { addressText } from '../../packet/addresses.js';
import { u16 } from '../../packet/bytes.js';
import type { Device } from '../../packet/device.js';
import { Ipv4 } from '../../packet/ipv4.js';
import { LinkType } from '../../packet/linkType.js';
import type { Packet } from '../../packet/packet.js';
import { Hook } from '../../rules/hook.js';
import { flowLabelOf } from './flowLabels.js';

/** Packets that were not run, remembered at most. */
const MOST = 65_536;

interface LeftOut {
  readonly source: string;
  readonly destination: string;
  readonly reason: string;
}

/** Why the simulation may not know of a packet that the host saw. */
export interface Unseen {
  /** false: the capture does not have it; true: that cannot be told, or it has and nothing can be said of it. */
  readonly mayBeCaptured: boolean;
  readonly reason: string;
}

/** What the capture shows of the host's traffic, and so which of its log lines nothing can be said of. */
export class Sight {
  private readonly seen = new Map<string, Device>();
  /** Those that were captured themselves, not by what carries their packets. */
  private readonly own = new Set<string>();
  private everything = false;
  /** Those by which packets were seen to come in, and to leave. */
  private readonly came = new Set<string>();
  private readonly left = new Set<string>();
  /** Some packet was predicted to leave. */
  private isToLeave = false;
  private readonly leftOut = new Map<string, LeftOut[]>();
  private leftOutCount = 0;
  /** Answers that the host was predicted to make, and that nobody has seen leave. */
  private readonly answers = new Set<string>();
  /** From whom to whom it may have made others: whose packets it had is in doubt. */
  private readonly doubtful = new Set<string>();

  /** Only what rules told of was captured (NFLOG). */
  private isTold = false;

  /** All interfaces were captured. */
  get isWhole(): boolean {
    return this.everything;
  }

  /** All interfaces were captured, in both directions. */
  get isComplete(): boolean {
    return this.everything && !this.isTold && this.came.size > 0 && this.left.size > 0;
  }

  /** Of some interface one direction was seen so far, or none: that the capture has but one is not told by that yet. */
  get isOneSided(): boolean {
    const { came, left } = this;
    if (this.everything) return came.size === 0 || left.size === 0;
    for (const { name, isLoopback } of this.seen.values())
      if (!isLoopback && !(came.has(name) && left.has(name))) return true;
    return false;
  }

  /** An interface that was captured, whether packets crossed it or not. */
  add(device: Device): void {
    this.seen.set(device.name, device);
    this.own.add(device.name);
  }

  /** The packets of a device are seen on the one below it, within their tags. */
  addWithin(device: Device): void {
    this.seen.set(device.name, device);
  }

  /** Whether the device's packets are in the capture as it has them itself. */
  hasOwn(device: Device): boolean {
    return this.everything || this.own.has(device.name);
  }

  /** A frame with a packet that crossed this interface. */
  note({ linkType, interface: name }: Frame, device: Device, direction: 'in' | 'out'): void {
    // What loops is seen once, on its way in.
    if (!device.isLoopback) (direction === 'out' ? this.left : this.came).add(device.name);
    if (!this.own.has(device.name)) this.add(device);
    // Cooked headers are those of `any`, and of links that have no header of their own (PPP), which are then named.
    if (linkType === LinkType.linuxSll2) this.everything = true;
    else if (linkType === LinkType.nflog) this.everything = this.isTold = true;
    else if (linkType === LinkType.linuxSll && (name === '' || name === 'any')) this.everything = true;
  }

  /** Whether a packet that crossed the device is in the capture, there or at a port of its bridge. */
  has(device: Device): boolean {
    if (this.isTold) return false;
    if (this.everything || this.seen.has(device.name)) return true;
    if (this.hasPort(device.name)) return true;
    return device.master !== null && this.seen.has(device.master.name);
  }

  /** Whether a port of the bridge was captured. */
  hasPort(bridge: string): boolean {
    for (const { master } of this.seen.values()) if (master?.name === bridge) return true;
    return false;
  }

  /**
   * Whether the capture shows what leaves by the device: not if it has only what came in (`tcpdump -Q in`), so that
   * nothing was seen to leave, there or, of a capture of all interfaces, anywhere.
   */
  showsLeaving(device: Device): boolean {
    return this.shows(device, this.left);
  }

  /** The host was predicted to make an answer, which is not in the capture: lines about it can be held against the rules. */
  answer(packet: Packet): void {
    if (this.answers.size < MOST && !this.isComplete)
      this.answers.add(
        `${packet.length} ${addressText(packet, 'source')} ${addressText(packet, 'destination')}`,
      );
  }

  /** A packet is predicted to leave. */
  foretell(device: Device | null): void {
    if (device && !device.isLoopback) this.isToLeave = true;
  }

  /** Nothing was seen to leave all interfaces, as nothing was to: the host may well have sent nothing. */
  get mayBeSilent(): boolean {
    return this.everything && this.left.size === 0 && !this.isToLeave;
  }

  /** The same of what comes in (`tcpdump -Q out`). */
  showsArriving(device: Device): boolean {
    return this.shows(device, this.came);
  }

  private shows(device: Device, crossed: ReadonlySet<string>): boolean {
    if (!this.has(device)) return false;
    if (device.isLoopback) return true;
    if (this.everything || crossed.has(device.name)) return crossed.size > 0;
    if (device.master !== null && crossed.has(device.master.name)) return true;
    for (const { name, master } of this.seen.values())
      if (master?.name === device.name && crossed.has(name)) return true;
    return false;
  }

  /** Those of the host's interfaces that packets may have crossed unseen. */
  lacking(links: readonly Link[]): string[] {
    if (this.isWhole && !this.isTold) return [];
    return links.filter(({ up, device }) => up && !this.has(device)).map(({ device }) => device.name);
  }

  /** Whether packets that cross a hook may be missing: what came in, for OUTPUT what left, and for POSTROUTING both. */
  lacks(hook: Hook, links: readonly Link[]): boolean {
    if (this.isComplete || this.mayBeSilent) return false;
    const misses = (crossed: ReadonlySet<string>): boolean =>
      crossed.size === 0 || this.lacking(links).some((name) => name !== 'lo');
    if (hook !== Hook.output && misses(this.came)) return true;
    return (hook === Hook.output || hook === Hook.postrouting) && misses(this.left);
  }

  /** A packet of the capture was not run. */
  leaveOut(packet: Packet, reason: string): void {
    if (this.leftOutCount++ >= MOST) return;
    this.doubtful.add(`${addressText(packet, 'destination')} ${addressText(packet, 'source')}`);
    const key = keyOf(packet.length, packet.version === 4 ? u16(packet.data, Ipv4.id) : flowLabelOf(packet));
    const left = {
      source: addressText(packet, 'source'),
      destination: addressText(packet, 'destination'),
      reason,
    };
    const others = this.leftOut.get(key);
    if (others) others.push(left);
    else this.leftOut.set(key, [left]);
  }

  /** Why the simulation may not know of the packet that a log line tells of; null: it does. */
  whyUnseen(record: LogRecord | null): Unseen | null {
    if (!record) return null;
    const elsewhere = this.whyNotCaptured(record);
    if (elsewhere !== null) return { mayBeCaptured: false, reason: elsewhere };
    const reason = this.whyLeftOut(record) ?? this.whyUncaused(record);
    return reason === null ? null : { mayBeCaptured: true, reason };
  }

  private whyNotCaptured(record: LogRecord): string | null {
    if (this.isTold) return 'the capture has only the packets that NFLOG told of';
    const { out = '', physIn = '' } = record;
    if (this.everything) return this.whyOneSided(record);
    const name = record.in || out;
    const lacks = (device: string): boolean => !this.seen.has(device) && !this.hasPort(device);
    if (this.seen.size > 0 && name !== '' && lacks(name) && lacks(physIn || name))
      return `${name} was not captured`;
    // br_netfilter runs PREROUTING at the port: the bridge shows only what came through it.
    if (physIn !== '' && lacks(physIn) && !this.hasPort(record.in))
      return `${physIn} was not captured, and ${record.in} shows only what PREROUTING let through`;
    return this.whyOneSided(record);
  }

  /** Of one direction the capture has nothing, there where the packet went. */
  private whyOneSided(record: LogRecord): string | null {
    const { out = '', physIn = '' } = record;
    const device = this.seen.get(physIn) ?? this.seen.get(record.in || out);
    const crossed = record.in ? this.came : this.left;
    const isShown = device ? this.shows(device, crossed) : !this.everything || crossed.size > 0;
    if (isShown || this.tellsOfAnswer(record)) return null;
    const name = physIn || record.in || out;
    return `nothing that ${record.in ? 'came in' : 'left'} by ${name} was captured`;
  }

  /** What the host made of itself and then dropped is in no capture; here not even what it may have answered, for sure. */
  private whyUncaused(record: LogRecord): string | null {
    const { in: from, out = '' } = record;
    if (from || this.isComplete) return null;
    const of = fields(record);
    if (this.doubtful.has(endsIn(of)))
      return 'it may answer a packet of which it is in doubt what became of it';
    const device = this.seen.get(out);
    if (device ? this.shows(device, this.came) : !this.everything || this.came.size > 0) return null;
    if (this.tellsOfAnswer(record)) return null;
    return `the capture does not have what came in by ${out}, and the host may have answered`;
  }

  private tellsOfAnswer(record: LogRecord): boolean {
    if (record.in || this.answers.size === 0) return false;
    const of = fields(record);
    const ends = endsIn(of);
    return !this.doubtful.has(ends) && this.answers.has(`${of.get('LEN')} ${ends}`);
  }

  private whyLeftOut(record: LogRecord): string | null {
    if (this.leftOut.size === 0) return null;
    const of = fields(record);
    const key = keyOf(Number(of.get('LEN')), Number(of.get('ID') ?? of.get('FLOWLBL')));
    const [source, destination] = [addressIn(of, 'SRC'), addressIn(of, 'DST')];
    const found = this.leftOut
      .get(key)
      ?.find((left) => left.source === source || left.destination === destination);
    return found?.reason ?? null;
  }
}

function endsIn(of: ReadonlyMap<string, string>): string {
  return `${addressIn(of, 'SRC')} ${addressIn(of, 'DST')}`;
}

/** As packets tell theirs: the log writes all digits of an IPv6 address. */
function addressIn(of: ReadonlyMap<string, string>, field: 'SRC' | 'DST'): string {
  const text = of.get(field) ?? '';
  return text.includes(':') ? (parseAddress(text)?.toString() ?? text) : text;
}

function keyOf(length: number, id: number): string {
  return `${length} ${id}`;
}
