import { isMulticast6, isNoHost4 } from '../../address/scope.js';
import type { IpAddress } from '../../address/ip.js';
import { addressOf } from '../../packet/addresses.js';
import type { Device } from '../../packet/device.js';
import { EtherType, LinkKind, PacketType, Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { hasPorts, rewrite, setTtl, ttlOf } from '../../packet/rewrite.js';
import { CtStatus, Direction, Tuple } from '../../rules/connection.js';
import { AddressType, Manip } from '../../rules/context.js';
import { Hook } from '../../rules/hook.js';
import type { Host } from '../../host/host.js';
import type { Route } from '../../host/routeModel.js';
import { undoHelp } from '../conntrack/helpers/asMade.js';
import { DEFAULT_ZONE, type Found } from '../conntrack/table.js';
import { invertTuple, readTuple } from '../conntrack/tuple.js';
import { adjustClock } from '../synproxy/clocks.js';
import { causeOfSynproxy } from './behindSynproxy.js';
import { connectionOfSent } from './evidence.js';
import type { Kernel } from '../kernel.js';
import { type Program, StepKind } from '../walk/program.js';
import type { Share } from '../share/share.js';
import type { Sight } from './sight.js';

/** What a packet is that was seen to leave and that nothing predicted. */
export type Origin =
  /** Made by the host, as far as the capture tells. */
  | { readonly kind: 'host'; readonly doubt: string | null }
  /** It came in where nobody captured: the packet as it must have been then. */
  | { readonly kind: 'forwarded'; readonly packet: Packet }
  /** Forwarded too, but nothing tells who sent it. */
  | { readonly kind: 'unknown'; readonly reason: string };

const HOST: Origin = { kind: 'host', doubt: null };
const PERHAPS_MASQUERADED: Origin = {
  kind: 'host',
  doubt: 'it may be another host’s that was not captured as it came in, and was given an address of this one',
};

/** Connections whose origin is not known, remembered at most. */
const MOST = 65_536;

/**
 * Whether an address is one of the host's own. So is the unspecified one where a packet leaves: no router forwards
 * it (RFC 4291 section 2.5.2, RFC 1122 section 3.2.1.3), and the host sends from it before it has another.
 */
export function isOwnAddress(host: Host, address: IpAddress): boolean {
  return (
    isUnspecified(address) ||
    host.addresses.some((a) => a.address.equals(address)) ||
    (host.routes.addressType(address, null) & AddressType.local) !== 0
  );
}

function isUnspecified({ a, b, c, d }: IpAddress): boolean {
  return (a | b | c | d) === 0;
}

/**
 * Where the capture has some of a router's interfaces only, packets leave through them that came in elsewhere. Each is
 * undone: the translation that its connection or the rules tell, the TTL, the way it must have come.
 */
export class UnseenArrivals {
  /** Connections of which only this side is known: their answers cannot be followed either. */
  private readonly unknown = new Set<string>();
  private readonly tuple = new Tuple();
  private readonly answered = new Tuple();

  private readonly translatesDestinations: boolean;

  constructor(
    private readonly host: Host,
    private readonly kernel: Kernel,
    private readonly sight: Sight,
    private readonly share: Share | null = null,
  ) {
    this.translatesDestinations = translates(kernel.program, Manip.destination);
  }

  /** Nobody waits for an answer of which nothing is known. */
  get isEmpty(): boolean {
    return this.unknown.size === 0;
  }

  originOf(packet: Packet, device: Device): Origin {
    if (this.sight.isComplete || isGroup(packet)) return HOST;
    const found = connectionOfSent(this.kernel.tracker, packet);
    const source = found ? found.entry.tuple(found.direction).source : addressOf(packet, 'source');
    if (isOwnAddress(this.host, source)) {
      const { fromHost } = found?.entry ?? { fromHost: true };
      if (found && !(found.direction === Direction.original && !fromHost)) return HOST;
      return this.ofHostOrMasqueraded(packet, device);
    }
    const route = this.wayTo(source, packet);
    const from = route?.device;
    if (!from || from === device || from.isLoopback || this.sight.showsArriving(from)) return HOST;
    if (ttlOf(packet) === 255 || packet.fragmentOffset !== 0 || packet.moreFragments)
      return { kind: 'unknown', reason: 'nothing tells how it came in' };
    const cause = causeOfSynproxy(packet, found);
    const before = cause ?? packet.clone();
    before.in = from;
    before.packetType = PacketType.host;
    if (found) undoAll(before, found);
    const arrived = found
      ? before
      : (this.kernel.aimOf(before, Hook.prerouting, this.addressesOf(from)) ?? before);
    if (!cause) setTtl(arrived, ttlOf(packet) + 1);
    arrived.link = this.linkHeader(from, source, route, arrived);
    return { kind: 'forwarded', packet: arrived };
  }

  /**
   * An answer to a connection whose origin is not known: whom it goes on to is not known either.
   * @param isTranslated it is seen with the destination that PREROUTING gave it
   */
  isAnswerToUnknown(packet: Packet, isTranslated: boolean): boolean {
    if (this.unknown.size === 0) return false;
    const tuple = tupleOf(packet);
    return (
      tuple !== null &&
      (this.unknown.has(keyOf(tuple)) || (isTranslated && this.unknown.has(keyOfAnswerer(tuple)))) &&
      !this.kernel.tracker.find(tuple, DEFAULT_ZONE, packet.time)
    );
  }

  /**
   * A packet as it came in, by its copy on a bridge: where br_netfilter runs PREROUTING at the port, that copy is
   * addressed to whom the host passes it on to.
   * @returns why it may be otherwise; null: it is not
   */
  beforeBridge(packet: Packet): string | null {
    const { tuple, answered } = this;
    if (!readTupleOf(tuple, packet) || this.kernel.tracker.find(tuple, DEFAULT_ZONE, packet.time))
      return null;
    if (!invertTuple(answered, tuple)) return null;
    const entry = this.kernel.nat.translatedFrom(answered);
    if (entry) undo(packet, entry.reply);
    else if (this.translatesDestinations)
      return `it was seen on ${packet.in?.name ?? 'a bridge'} alone, where PREROUTING may have changed its destination`;
    return null;
  }

  /** A packet as it came in, by what NFLOG told of it at a later hook, behind DNAT and perhaps forwarding. */
  beforeHook(packet: Packet, hook: Hook): void {
    if (hook === Hook.prerouting) return;
    const found = connectionOfSent(this.kernel.tracker, packet);
    if (found) undo(packet, found.entry.tuple(found.direction));
    else {
      const aim = packet.in && this.kernel.aimOf(packet, Hook.prerouting, this.addressesOf(packet.in));
      if (aim)
        rewrite(packet, {
          destination: addressOf(aim, 'destination'),
          destinationPort: hasPorts(aim.protocol) ? aim.destinationPort : null,
        });
    }
    if (hook !== Hook.input && ttlOf(packet) < 255) setTtl(packet, ttlOf(packet) + 1);
  }

  /** Says which rules went without packets that they would have counted: what they did may differ from the host's. */
  tellOfCounting(): void {
    if (this.sight.isWhole) return;
    const names = new Set<string>();
    for (const { rules } of this.kernel.program.chains)
      for (const { steps } of rules)
        for (const step of steps)
          if ((step.kind === StepKind.match || step.kind === StepKind.statement) && step.counting !== null)
            names.add(step.counting);
    if (names.size === 0) return;
    const lacking = this.sight.lacking(this.host.links).filter((name) => name !== 'lo');
    if (lacking.length > 0)
      this.host.assumptions.record(
        'counting rules',
        `${lacking.slice(0, 3).join(', ')}${lacking.length > 3 ? ' and others' : ''} ${lacking.length > 1 ? 'were' : 'was'} not captured: rules that count or remember packets (${[...names].join(', ')}) went without those.`,
        true,
      );
  }

  /** The host's addresses, those of the interface that a packet came in by first. */
  private addressesOf(device: Device): IpAddress[] {
    const { host } = this;
    const own = host.addressesOf(device);
    return [...own, ...host.addresses.filter((a) => a.device !== device && !a.device.isLoopback)].map(
      (a) => a.address,
    );
  }

  /**
   * A host sends with its default TTL (ip_default_ttl, hop_limit); one less or more was another host's. Programs can
   * choose one, mostly the highest, so it takes rules that give forwarded packets the host's address.
   */
  private ofHostOrMasqueraded(packet: Packet, device: Device): Origin {
    const { program } = this.kernel;
    if (!translates(program)) return HOST;
    const ttl = ttlOf(packet);
    if (ttl === 255) return PERHAPS_MASQUERADED;
    if (ttl !== this.host.hopLimit(packet.version, device)) return this.remember(packet);
    return program.setsTtl ? PERHAPS_MASQUERADED : HOST;
  }

  private remember(packet: Packet): Origin {
    this.share?.refuse('packets left whose senders were not captured');
    const tuple = tupleOf(packet);
    const answer = new Tuple();
    if (tuple && invertTuple(answer, tuple) && this.unknown.size < MOST)
      this.unknown.add(keyOf(answer)).add(keyOfAnswerer(answer));
    return {
      kind: 'unknown',
      reason: 'it was given the address of the host, and nothing tells by whom it was sent',
    };
  }

  /** The way back to a sender. */
  private wayTo(sender: IpAddress, packet: Packet): Route | null {
    const { version } = packet;
    if (sender.version !== version) return null;
    return this.host.routing.lookup({ destination: sender });
  }

  /** The Ethernet header it had, where the snapshot knows its sender's neighbour; empty where not. */
  private linkHeader(device: Device, sender: IpAddress, route: Route | null, packet: Packet): Uint8Array {
    const next = route?.gateway ?? sender;
    const neighbour = this.host.neighbours.find((n) => n.device === device && n.address.equals(next));
    if (device.kind !== LinkKind.ethernet || device.mac.length !== 6 || neighbour?.mac.length !== 6)
      return NO_LINK;
    const header = new Uint8Array(14);
    header.set(device.mac);
    header.set(neighbour.mac, 6);
    const type = packet.version === 4 ? EtherType.ipv4 : EtherType.ipv6;
    header[12] = type >> 8;
    header[13] = type & 255;
    return header;
  }
}

const NO_LINK = new Uint8Array(0);

/** Gives a packet the addresses and ports that its connection has in this direction, before any translation. */
export function undo(packet: Packet, tuple: Tuple): void {
  const ports = hasPorts(packet.protocol);
  const icmp = packet.protocol === Protocol.icmp || packet.protocol === Protocol.icmpv6;
  rewrite(packet, {
    source: tuple.source,
    destination: tuple.destination,
    sourcePort: ports ? tuple.sourcePort : null,
    destinationPort: ports ? tuple.destinationPort : null,
    icmpId: icmp ? tuple.sourcePort : null,
  });
}

/** The same, and what a helper has done to the packet of a known connection. */
export function undoAll(packet: Packet, { entry, direction }: Found): void {
  undo(packet, entry.tuple(direction));
  if (entry.helper !== null || entry.has(CtStatus.seqAdjust)) undoHelp(packet, entry, direction);
  if (entry.proxied) adjustClock(packet, direction, -entry.proxied.clockOffset);
}

/** Whether any rule gives packets another address, at this end of theirs or, without it, at any. */
function translates({ chains }: Program, manip?: Manip): boolean {
  return chains.some((chain) =>
    chain.rules.some((rule) =>
      rule.steps.some((step) =>
        step.kind === StepKind.target
          ? step.definition.translates?.some((one) => manip === undefined || one === manip) === true
          : step.kind === StepKind.statement && step.statement.statement.kind === 'nat',
      ),
    ),
  );
}

function isGroup(packet: Packet): boolean {
  const to = addressOf(packet, 'destination');
  return packet.version === 4 ? isNoHost4(to.a) : isMulticast6(to.a);
}

export function tupleOf(packet: Packet): Tuple | null {
  const tuple = new Tuple();
  return readTupleOf(tuple, packet) ? tuple : null;
}

function readTupleOf(tuple: Tuple, packet: Packet): boolean {
  const { data, version, protocol, transport, length } = packet;
  return packet.fragmentOffset === 0 && readTuple(tuple, data, version, protocol, 0, transport, length);
}

export function keyOf(t: Tuple): string {
  return `${t.protocol} ${t.source.toString()} ${t.sourcePort} ${t.destination.toString()} ${t.destinationPort}`;
}

/** The same without the address that is answered to. */
function keyOfAnswerer(t: Tuple): string {
  return `${t.protocol} ${t.source.toString()} ${t.sourcePort} ${t.destinationPort}`;
}
