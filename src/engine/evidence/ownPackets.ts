import { isLinkLocal6, isMulticast6, isNoHost4 } from '../../address/scope.js';
import { addressOf } from '../../packet/addresses.js';
import type { Device } from '../../packet/device.js';
import { PacketType, SocketKind } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { isIcmpError, rewrite } from '../../packet/rewrite.js';
import type { Host } from '../../host/host.js';
import { type Route, Table } from '../../host/routeModel.js';
import { Direction } from '../../rules/connection.js';
import { Hook } from '../../rules/hook.js';
import { quotedPacket } from '../conntrack/quoted.js';
import { connectionOfSent } from './evidence.js';
import type { Kernel } from '../kernel.js';
import type { LocalSockets } from './localSockets.js';
import { Passage, type StandIn } from '../passage.js';
import { reservedTailroom } from '../stack/reservedTailroom.js';
import { isMembershipReport, isNeighbourMessage, socketOf } from '../stack/senders.js';
import { type Program, StepKind } from '../walk/program.js';
import { isOwnAddress, tupleOf, undo, undoAll } from './unseen.js';

/** What the host itself sent: seen as it left, run from OUTPUT on as it was made. */
export class OwnPackets {
  /** Of some nothing told the owner. */
  assumesOwners = false;

  constructor(
    private readonly host: Host,
    private readonly kernel: Kernel,
    private readonly sockets: LocalSockets,
  ) {}

  /** What of the last packet that was given its own numbers back nothing tells. */
  private guessed: StandIn | null = null;

  /** The packet as it was before OUTPUT and POSTROUTING translated it; null: it is not this host's. */
  beforeTranslation(packet: Packet): Packet | null {
    const own = packet.clone();
    this.guessed = null;
    const found = connectionOfSent(this.kernel.tracker, packet);
    if (found) {
      undoAll(own, found);
      this.guessed = found.entry.proxied?.guessed ?? null;
      if (found.direction === Direction.original && !found.entry.fromHost) return null;
    }
    const { host } = this;
    if (isOwnAddress(host, addressOf(own, 'source'))) return found ? own : this.asMade(own);
    if (this.sockets.isFromProxy(own)) return own;
    if (found) return null;
    const expected = this.kernel.tracker.expectations.isEmpty ? null : this.beforeFollowing(packet);
    if (expected) return expected;
    // A source that is not the host's was given to it by SNAT: it was made with the address that its route has.
    if (!givesForeignSources(this.kernel.program)) return null;
    return this.withSourceOfRoute(own);
  }

  /**
   * The first packet of a connection, which rules may have given another destination or source. Who names no source, as
   * hardly anybody does, has that of the route to the destination.
   */
  private asMade(left: Packet): Packet {
    const { kernel } = this;
    const aim = kernel.aimOf(left);
    if (aim && this.hasSourceOfRoute(aim)) return aim;
    const before = this.withSourceOfRoute(left);
    if (!before || sameSource(before, left)) return left;
    if (kernel.mayLeaveAs(left, before)) return before;
    // Who calls the host by an address of its own has the same for a source.
    return kernel.aimOf(left, Hook.output, [addressOf(left, 'source')]) ?? left;
  }

  private hasSourceOfRoute(packet: Packet): boolean {
    const made = this.withSourceOfRoute(packet);
    return made !== null && sameSource(made, packet);
  }

  /** null: there is no way there. */
  private withSourceOfRoute(packet: Packet): Packet | null {
    const { routing } = this.host;
    const route = routing.output(packet);
    const source = route && routing.sourceAddress(addressOf(packet, 'destination'), route);
    if (!source) return null;
    const made = packet.clone();
    rewrite(made, { source });
    return made;
  }

  /** The first packet of a connection of the host that a helper waits for: it has got the addresses of the helper's one. */
  private beforeFollowing(packet: Packet): Packet | null {
    const { tracker } = this.kernel;
    const tuple = tupleOf(packet);
    const met = tuple && tracker.expectations.behind(tuple, packet.time);
    if (!met || !isOwnAddress(this.host, met.tuple.source)) return null;
    const own = packet.clone();
    undo(own, Object.assign(met.tuple.copy(), { sourcePort: packet.sourcePort }));
    return own;
  }

  /**
   * The packet about which the host sends an error to itself: a rule rejected it in OUTPUT, or no neighbour took it
   * (`arp_error_report()`, net/ipv4/arp.c). It left by no interface, and stands in the error only; null: there is none.
   */
  refusedBy(error: Packet): Packet | null {
    const quoted = isIcmpError(error) ? quotedPacket(error) : null;
    if (!quoted || !isOwnAddress(this.host, addressOf(quoted, 'source'))) return null;
    // What goes to the host itself was seen on its own.
    if (isOwnAddress(this.host, addressOf(quoted, 'destination'))) return null;
    const refused = quoted.clone();
    refused.time = error.time;
    refused.frame = error.frame;
    return refused;
  }

  /** The capture does not tell whose a packet is: the listing of sockets may, and most of what a firewall host sends is root's. */
  private findOwner(own: Packet): void {
    if (own.socket !== SocketKind.request && own.socket !== SocketKind.process) return;
    const uid = this.sockets.ownerOf(own);
    own.ownerAssumed = uid === undefined || uid !== 0;
    own.uid = own.gid = uid ?? 0;
    if (this.sockets.isClosed(own)) {
      // What acknowledges behind the FIN has no process any more, if that has closed its socket (`sock_orphan()`).
      own.ownerAssumed = true;
      own.socket = SocketKind.none;
    }
    this.assumesOwners ||= own.ownerAssumed;
  }

  /** The way of a packet that left by `device`, from the socket that made it. */
  start(own: Packet, device: Device): Passage {
    const passage = new Passage(own);
    passage.guessed = this.guessed;
    own.in = null;
    own.out = null;
    own.link = NO_LINK;
    own.packetType = PacketType.host;
    own.socket = socketOf(own);
    this.findOwner(own);
    this.sockets.sent(own);
    if (isOfLink(own) && !device.isLoopback)
      passage.route =
        this.host.routing.output(own, device) ?? (isNeighbourMessage(own) ? linkRoute(device) : null);
    if (isMembershipReport(own)) {
      const mark = reservedTailroom(device, own.version);
      if (mark === null) passage.doubt = UNKNOWN_MARK;
      else own.mark = mark;
    }
    return passage;
  }
}

function sameSource(a: Packet, b: Packet): boolean {
  return addressOf(a, 'source').equals(addressOf(b, 'source'));
}

const UNKNOWN_MARK =
  'the mark of what the kernel itself reports to a group hangs on the tunnel that it leaves by';
const NO_LINK = new Uint8Array(0);

/** Whether it goes to a group or an address of one link: its sender names the device, which no route tells. */
function isOfLink(packet: Packet): boolean {
  const { a } = addressOf(packet, 'destination');
  return packet.version === 4 ? isNoHost4(a) : isMulticast6(a) || isLinkLocal6(a);
}

/** Neighbour discovery asks no route: `icmp6_dst_alloc()` (net/ipv6/route.c). */
function linkRoute(device: Device): Route {
  return {
    type: 'unicast',
    device,
    gateway: null,
    preferredSource: null,
    mtu: null,
    table: Table.main,
    realm: 0,
    prefixLength: 128,
    entry: null,
    alternatives: [],
  };
}

/** Targets that may give a source which is no address of the host; that of MASQUERADE always is one. */
const FOREIGN_SOURCES: ReadonlySet<string> = new Set(['SNAT', 'NETMAP']);

function givesForeignSources({ chains }: Program): boolean {
  return chains.some(({ rules }) =>
    rules.some(({ steps }) =>
      steps.some((step) =>
        step.kind === StepKind.statement
          ? step.statement.statement.kind === 'nat' && step.statement.statement.nat === 'snat'
          : step.kind === StepKind.target && FOREIGN_SOURCES.has(step.definition.name),
      ),
    ),
  );
}
