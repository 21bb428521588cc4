import { isLinkLocal6, isMulticast6, isNoHost4 } from '../../address/scope.js';
import { addressOf } from '../../packet/addresses.js';
import type { Device } from '../../packet/device.js';
import { PacketType, SocketKind } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { rewrite } from '../../packet/rewrite.js';
import type { Host } from '../../host/host.js';
import { type Route, Table } from '../../host/routeModel.js';
import { Direction } from '../../rules/connection.js';
import { connectionOfSent } from './evidence.js';
import type { Kernel } from '../kernel.js';
import type { LocalSockets } from './localSockets.js';
import { Passage } from '../passage.js';
import { reservedTailroom } from '../stack/reservedTailroom.js';
import { isMembershipReport, isNeighbourMessage, socketOf } from '../stack/senders.js';
import { type Program, StepKind } from '../walk/program.js';
import { isOwnAddress, undo } from './unseen.js';

/** What the host itself sent: seen as it left, run from OUTPUT on as it was made. */
export class OwnPackets {
  constructor(
    private readonly host: Host,
    private readonly kernel: Kernel,
    private readonly sockets: LocalSockets,
  ) {}

  /** The packet as it was before OUTPUT and POSTROUTING translated it; null: it is not this host's. */
  beforeTranslation(packet: Packet): Packet | null {
    const own = packet.clone();
    const found = connectionOfSent(this.kernel.tracker, packet);
    if (found) {
      undo(own, found.entry.tuple(found.direction));
      if (found.direction === Direction.original && !found.entry.fromHost) return null;
    }
    const { host } = this;
    if (isOwnAddress(host, addressOf(own, 'source'))) return found ? own : (this.kernel.aimOf(own) ?? own);
    if (this.sockets.isFromProxy(own)) return own;
    if (found) return null;
    // A source that is not the host's was given to it by SNAT: it was made with the address that its route has.
    const route = host.routing.output(own);
    const address = route && host.routing.sourceAddress(addressOf(own, 'destination'), route);
    if (!address || !givesForeignSources(this.kernel.program)) return null;
    rewrite(own, { source: address });
    return own;
  }

  /** The way of a packet that left by `device`, from the socket that made it. */
  start(own: Packet, device: Device): Passage {
    const passage = new Passage(own);
    own.in = null;
    own.out = null;
    own.link = NO_LINK;
    own.packetType = PacketType.host;
    own.socket = socketOf(own);
    if (own.socket === SocketKind.request || own.socket === SocketKind.process) {
      // The capture does not tell who; most of what a firewall host sends is root's.
      own.uid = 0;
      own.gid = 0;
    }
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
