import { isLinkLocal6, isMulticast4, isMulticast6 } from '../../address/scope.js';
import type { IpAddress } from '../../address/ip.js';
import type { Route } from '../../host/routeModel.js';
import { addressOf, addressText } from '../../packet/addresses.js';
import { echoReply, icmpError, type Origin, tcpReset, timestampReply } from '../../packet/build.js';
import { i32, u8 } from '../../packet/bytes.js';
import { headerSum, verifyForReject, verifyTransport } from '../../packet/checksum.js';
import { Ipv6 } from '../../packet/ipv6.js';
import { PacketType, Protocol, SocketKind } from '../../packet/numbers.js';
import type { Device } from '../../packet/device.js';
import type { Packet } from '../../packet/packet.js';
import { setTtl, ttlOf } from '../../packet/rewrite.js';
import { IcmpType, Icmpv6Type } from '../../packet/transport.js';
import { CtState, CtStatus, Direction } from '../../rules/connection.js';
import type { RejectKind } from '../../rules/context.js';
import { Hook } from '../../rules/hook.js';
import { HZ } from '../../rules/jiffies.js';
import { HostLimit, PeerLimit } from './icmpLimit.js';
import { isMalformedUdp } from '../conntrack/protocols.js';
import { setClosing } from '../conntrack/tcp.js';
import { TcpConnState } from '../conntrack/tcpState.js';
import type { KernelHost } from '../world.js';
import type { OptionRecords } from './optionRecords.js';
import { Passage } from '../passage.js';
import { REJECT_CODES } from '../../rules/rejectCodes.js';
import { socketOfAnswer } from './senders.js';

/** Protocols that the IPv4 stack itself takes; the sender of another one is told so (`inet_protos`). */
const HANDLED_4 = new Set<number>([
  Protocol.icmp,
  Protocol.igmp,
  Protocol.tcp,
  Protocol.udp,
  Protocol.udplite,
  Protocol.pim,
]);
const HANDLED_6 = new Set<number>([
  Protocol.icmpv6,
  Protocol.tcp,
  Protocol.udp,
  Protocol.udplite,
  Protocol.none,
  Protocol.pim,
]);

/** What the host itself answers: echo, closed ports, unknown protocols, and the errors of forwarding and REJECT. */
export class LocalStack {
  private readonly peerLimit = new PeerLimit();
  private readonly hostLimit = new HostLimit();
  /** The capture has shown an answer of the host: it would show others. */
  private isShown = false;

  /**
   * @param send takes an answer into OUTPUT, with the packet that caused it
   * @param answered whether the capture shows an answer
   */
  constructor(
    private readonly host: KernelHost,
    private readonly send: (answer: Passage, cause: Passage) => void,
    private readonly answered: (answer: Packet) => boolean,
    private readonly records: OptionRecords,
  ) {}

  /** A packet has passed INPUT. */
  deliver(passage: Passage): void {
    const { packet } = passage;
    switch (packet.protocol) {
      case Protocol.icmp:
      case Protocol.icmpv6:
        return this.answerQuery(passage);
      case Protocol.tcp:
        return this.closedTcpPort(passage);
      case Protocol.udp:
      case Protocol.udplite:
        return this.closedUdpPort(passage);
      default: {
        const handled = packet.version === 4 ? HANDLED_4 : HANDLED_6;
        if (handled.has(packet.protocol)) return;
        // RFC 1122 section 3.2.2.1; RFC 8200 section 4: parameter problem, unrecognised next header.
        if (packet.version === 4) return this.error(passage, IcmpType.destinationUnreachable, 2);
        return this.error(passage, Icmpv6Type.parameterProblem, 1);
      }
    }
  }

  /** `icmp_echo()`, `icmp_timestamp()` (net/ipv4/icmp.c), `icmpv6_echo_reply()`. */
  private answerQuery(passage: Passage): void {
    const { packet } = passage;
    if (verifyTransport(packet) === 'bad') return;
    const type = u8(packet.data, packet.transport);
    const v4 = packet.version === 4;
    const toMany = isToMany(passage);
    if (type === (v4 ? IcmpType.echo : Icmpv6Type.echoRequest)) {
      const where = v4 ? 'net.ipv4' : 'net.ipv6.icmp';
      const name = v4 ? 'icmp_echo_ignore_all' : 'echo_ignore_all';
      if (this.host.sysctl(`${where}.${name}`, 0)) return;
      if (
        toMany &&
        this.host.sysctl(
          v4 ? 'net.ipv4.icmp_echo_ignore_broadcasts' : 'net.ipv6.icmp.echo_ignore_multicast',
          v4 ? 1 : 0,
        )
      )
        return;
      const origin = this.originOf(passage, this.ownAddress(passage));
      if (origin) this.reply(passage, echoReply(packet, origin));
    } else if (v4 && type === IcmpType.timestamp && !toMany) {
      const origin = this.originOf(passage, this.ownAddress(passage));
      if (origin) this.reply(passage, timestampReply(packet, 0, origin));
    }
  }

  /** The address that answers come from: the one asked, or where that was a broadcast, the interface's. */
  private ownAddress(passage: Passage): ReturnType<typeof addressOf> {
    const { packet } = passage;
    const asked = addressOf(packet, 'destination');
    if (!isToMany(passage)) return asked;
    return this.host.routing.redirectAddress(asked, packet.in) ?? asked;
  }

  /** `tcp_v4_rcv()`, `tcp_v6_rcv()`: nobody is there. */
  private closedTcpPort(passage: Passage): void {
    const { packet } = passage;
    if (isToMany(passage) || this.someoneListens(passage)) return;
    const origin = this.originOf(passage, addressOf(packet, 'destination'));
    if (origin) this.reply(passage, tcpReset(packet, 'stack', origin));
  }

  /** `__udp4_lib_rcv()`, `__udp6_lib_rcv()`. */
  private closedUdpPort(passage: Passage): void {
    const { packet } = passage;
    if (packet.packetType !== PacketType.host || isMalformedUdp(packet)) return;
    if (verifyTransport(packet) === 'bad') return;
    if (this.someoneListens(passage)) return;
    // UDP has let go of the connection by now (`nf_reset_ct()`), so the error is not attached to it.
    const alone = new Passage(packet);
    alone.route = passage.route;
    alone.doubt = passage.doubt;
    alone.options = passage.options;
    if (packet.version === 4) this.error(alone, IcmpType.destinationUnreachable, 3);
    else this.error(alone, Icmpv6Type.destinationUnreachable, 4, 0, hasLostSum(passage));
  }

  /** A listening socket, or the one that this host opened the connection from. */
  private someoneListens(passage: Passage): boolean {
    const { connection, direction, packet } = passage;
    if (connection?.fromHost && direction === Direction.reply) return true;
    // synproxy has had its answer, which the server's ACK goes to.
    if (connection?.proxied && connection.has(CtStatus.seenReply)) return true;
    return this.host.listens(packet) === true;
  }

  /** The TTL or hop limit ran out on the way (RFC 1812 section 5.3.1, RFC 4443 section 3.3). */
  timeExceeded(passage: Passage): void {
    this.error(passage, passage.packet.version === 4 ? IcmpType.timeExceeded : Icmpv6Type.timeExceeded, 0);
  }

  /** What the way out takes, bytes; 0: not known. */
  mtuOf({ packet, route }: Passage): number {
    return route?.mtu ?? packet.out?.mtu ?? 0;
  }

  /** An option of the header is wrong from this byte on (RFC 792). */
  parameterProblem(passage: Passage, at: number): void {
    this.error(passage, IcmpType.parameterProblem, 0, at * 2 ** 24);
  }

  /** Larger than the way out takes: answered where it must not be fragmented. */
  tooBig(passage: Passage): boolean {
    const { packet } = passage;
    const mtu = this.mtuOf(passage);
    if (mtu === 0 || packet.length <= mtu) return false;
    if (packet.version === 4 && !(u8(packet.data, 6) & 0x40)) return false;
    // A datagram that came in fragments leaves in fragments no larger than those.
    if (packet.largestFragment > 0 && packet.largestFragment <= mtu) return false;
    if (packet.version === 4) this.error(passage, IcmpType.destinationUnreachable, 4, mtu);
    else this.error(passage, Icmpv6Type.packetTooBig, 0, mtu);
    return true;
  }

  /** A route that refuses: destination unreachable. */
  unreachable(passage: Passage, code: number): void {
    const { packet } = passage;
    const v4 = packet.version === 4;
    if (v4) {
      const cost = this.host.sysctl('net.ipv4.route.error_cost', HZ) * (1e9 / HZ);
      const burst = this.host.sysctl('net.ipv4.route.error_burst', 5 * HZ) * (1e9 / HZ);
      if (!this.peerLimit.allowsUnrouted(addressOf(packet, 'source'), cost, burst, packet.time)) return;
    }
    this.error(passage, v4 ? IcmpType.destinationUnreachable : Icmpv6Type.destinationUnreachable, code);
  }

  /** -j REJECT: `nf_send_unreach()`, `nf_send_reset()` (net/ipv4/netfilter/nf_reject_ipv4.c) and their IPv6 siblings. */
  reject(passage: Passage, packet: Packet, kind: RejectKind, hook: Hook): void {
    if (packet.fragmentOffset !== 0) return;
    if (kind !== 'tcp-reset') {
      if (hook !== Hook.output && verifyForReject(packet) === 'bad') return;
      const type = packet.version === 4 ? IcmpType.destinationUnreachable : Icmpv6Type.destinationUnreachable;
      return this.error(passage, type, REJECT_CODES[kind]);
    }
    if (isToMany(passage)) return;
    const reset = tcpReset(packet, 'reject');
    if (!reset) return;
    const closed = this.host.sysctl('net.netfilter.nf_conntrack_tcp_timeout_close', 10) * 1e9;
    if (passage.connection)
      setClosing(
        passage.connection,
        packet.time,
        passage.connection.timeouts?.tcp[TcpConnState.close] ?? closed,
      );
    // What came in by a bridge's port is answered there, past the hooks (`nf_bridge_info_exists()`).
    if (packet.physIn) return;
    // `nf_send_reset()` hands it on without a socket.
    const answer = attached(reset, passage);
    answer.byReject = true;
    this.out(answer, passage, SocketKind.none);
  }

  /**
   * `icmp_send()` (net/ipv4/icmp.c), `icmp6_send()` (net/ipv6/icmp.c).
   * @param ifSeen only where the capture shows it
   */
  private error(passage: Passage, type: number, code: number, mtu = 0, ifSeen = false): void {
    const { packet } = passage;
    // One CPU sends one ICMP message at a time: none about another one on its way (`icmp_xmit_lock()`).
    if (passage.byIcmp || goesToMany(passage)) return;
    const source = this.records.wayBack(passage);
    const device = linkTo(passage, source);
    const route = this.host.routing.lookup({
      destination: source,
      mark: this.replyMark(packet),
      out: device,
    });
    if (!route || (device && route.device !== device)) return;
    const isForUs = passage.route?.type === 'local' && packet.in !== null;
    const from = isForUs ? addressOf(packet, 'destination') : this.errorSource(passage, source, route);
    if (!from) return;
    const pointer = packet.version === 6 && type === Icmpv6Type.parameterProblem;
    const rest = pointer ? nextHeaderOffset(packet) : mtu;
    const origin = this.originOf(passage, from);
    if (!origin) return;
    const answer = icmpError(packet, { type, code, rest }, origin);
    if (!answer || (ifSeen && !this.answered(answer))) return;
    this.message(attached(answer, passage), passage);
  }

  /**
   * Of an error about what is not for this host: the route's own choice, or the address of where it came in; for IPv6 among
   * the addresses of where it came in.
   */
  private errorSource(
    { packet, errorDevice, route: way }: Passage,
    source: IpAddress,
    route: Route,
  ): IpAddress | null {
    const { routing } = this.host;
    if (packet.version === 6) {
      const device = errorDevice ?? packet.in;
      return routing.sourceAddress(source, device ? { ...route, device } : route);
    }
    const inbound = packet.in !== null && way !== null && this.host.sysctl(INBOUND_ADDRESS, 0) !== 0;
    return inbound && packet.in
      ? routing.inboundAddress(packet.in, source)
      : routing.sourceAddress(source, route);
  }

  /** What an answer has of the host; null: what came in has options that cannot be answered. */
  private originOf(passage: Passage, source: IpAddress): Origin | null {
    const { options } = passage;
    if (!options) return { source };
    const echoed = this.records.echo(passage, options, source);
    return echoed && { source, options: echoed, destination: this.records.wayBack(passage) };
  }

  private reply(cause: Passage, packet: Packet | null): void {
    if (!packet) return;
    const answer = new Passage(packet);
    if (packet.protocol !== Protocol.tcp) return this.message(answer, cause);
    const device = linkTo(cause, addressOf(packet, 'destination'));
    if (device) answer.route = this.host.routing.output(packet, device);
    if (device && !answer.route) return;
    this.out(answer, cause);
  }

  /** An ICMP message of the host's own, within its limits: `icmpv4_xrlim_allow()`, `icmpv6_xrlim_allow()`. */
  private message(answer: Passage, cause: Passage): void {
    const { packet } = answer;
    answer.byIcmp = true;
    packet.mark = this.replyMark(cause.packet);
    const device = linkTo(cause, addressOf(packet, 'destination'));
    answer.route = this.host.routing.output(packet, device);
    if (device && !answer.route) return;
    if (this.isLimited(packet) && !this.isAllowed(answer, cause)) return;
    this.out(answer, cause);
  }

  private isAllowed(answer: Passage, cause: Passage): boolean {
    const { host } = this;
    const { packet, route } = answer;
    const rate = cause.packet.in?.isLoopback ? null : host.sysctl('net.ipv4.icmp_msgs_per_sec', 1000);
    const burst = rate === null ? 0 : host.sysctl('net.ipv4.icmp_msgs_burst', 50);
    const interval = route?.device?.isLoopback ? null : this.interval(packet.version);
    const allowed = this.isWithin(answer, rate, burst, interval);
    const { frame, time } = cause.packet;
    host.askedMessage?.({
      ...{ frame, time, rate, burst, interval, allowed },
      destination: addressText(packet, 'destination'),
    });
    return allowed;
  }

  /** @param rate null: the host's own limit does not count. @param interval null: that of the destination does not */
  private isWithin(answer: Passage, rate: number | null, burst: number, interval: number | null): boolean {
    const { hostLimit } = this;
    const { packet } = answer;
    if (rate !== null) {
      const allowed = hostLimit.allows(rate, burst, packet.time);
      if (allowed === false) return false;
      if (allowed === null) {
        if (this.isShown || this.answered(packet)) hostLimit.told(this.answered(packet));
        else answer.doubt = OUT_OF_CREDITS;
        if (!hostLimit.isLikely) return false;
      }
    }
    if (interval !== null && !this.peerLimit.allows(addressOf(packet, 'destination'), interval, packet.time))
      return false;
    hostLimit.consume();
    return true;
  }

  /** Whether messages of this type are limited: `icmpv4_mask_allow()`, `icmpv6_mask_allow()`. */
  private isLimited({ version, data, transport }: Packet): boolean {
    const type = u8(data, transport);
    if (version === 6) return this.host.limitsIcmpv6(type);
    // Path MTU discovery is not to suffer (RFC 1191).
    if (type === IcmpType.destinationUnreachable && u8(data, transport + 1) === FRAGMENTATION_NEEDED)
      return false;
    return ((this.host.sysctl('net.ipv4.icmp_ratemask', 6168) >>> type) & 1) !== 0;
  }

  private interval(version: 4 | 6): number {
    const name = version === 4 ? 'net.ipv4.icmp_ratelimit' : 'net.ipv6.icmp.ratelimit';
    return this.host.sysctl(name, 1000) * 1e6;
  }

  /** `IP4_REPLY_MARK()`, `IP6_REPLY_MARK()`: what answers a marked packet may be marked alike. */
  private replyMark({ version, mark }: Packet): number {
    return mark !== 0 && this.host.sysctl(`net.ipv${version}.fwmark_reflect`, 0) !== 0 ? mark : 0;
  }

  /** Into OUTPUT, with the TTL that the host gives by the way out. */
  private out(answer: Passage, cause: Passage, socket = socketOfAnswer(answer.packet)): void {
    const { packet } = answer;
    packet.mark = this.replyMark(cause.packet);
    packet.socket = socket;
    answer.route ??= this.host.routing.output(packet);
    const hops = this.host.hopLimit(packet.version, answer.route?.device ?? null);
    if (hops !== ttlOf(packet)) setTtl(packet, hops);
    this.send(answer, cause);
    this.isShown ||= !answer.uncaptured;
  }
}

/**
 * The link that an answer to a link-local address has to take: the one that the question came in by (`icmp6_send()`,
 * `icmpv6_echo_reply()`, `tcp_v6_send_response()`). null: any.
 */
function linkTo({ packet }: Passage, destination: IpAddress): Device | null {
  return packet.version === 6 && isLinkLocal6(destination.a) ? packet.in : null;
}

const OUT_OF_CREDITS = 'the host may have sent too many ICMP messages before it (net.ipv4.icmp_msgs_per_sec)';

const FRAGMENTATION_NEEDED = 4;
const INBOUND_ADDRESS = 'net.ipv4.icmp_errors_use_inbound_ifaddr';

/** The checksum of a short one is added up again (CHECKSUM_BREAK of linux/skbuff.h); bytes, UDP's header with them. */
const SUMMED_AGAIN = 76;

/**
 * Conntrack has summed the packet, and rules have changed its header since, of which the sum knows nothing: UDP takes that
 * for a bad checksum (`udp6_csum_init()`, `csum_complete_sw`). Only where no device had summed it before.
 */
function hasLostSum({ packet, summedHeader }: Passage): boolean {
  if (packet.protocol !== Protocol.udp || summedHeader < 0) return false;
  return packet.length - packet.transport > SUMMED_AGAIN && summedHeader !== headerSum(packet);
}

/** The route says so, whatever the link address was (`RTCF_BROADCAST`, `RTCF_MULTICAST`); for some addresses none is looked up. */
function goesToMany({ route, packet }: Passage): boolean {
  if (route) return route.type === 'broadcast' || route.type === 'multicast';
  const first = i32(packet.data, packet.destinationOffset);
  if (packet.version === 6) return isMulticast6(first);
  return first === -1 || first === 0 || isMulticast4(first);
}

function isToMany(passage: Passage): boolean {
  return passage.packet.packetType !== PacketType.host || goesToMany(passage);
}

/** Where the next-header field stands that names the transport protocol (RFC 4443 section 3.4). */
function nextHeaderOffset(packet: Packet): number {
  let field: number = Ipv6.nextHeader;
  for (let at: number = Ipv6.length; at < packet.transport;) {
    const length = (u8(packet.data, at + 1) + 1) * 8;
    field = at;
    at += length;
  }
  return field;
}

/**
 * An error or reset belongs to the connection of the packet that it is about, confirmed or not, and is RELATED to
 * it: `nf_conntrack_attach()` (net/netfilter/nf_conntrack_core.c).
 */
function attached(packet: Packet, cause: Passage): Passage {
  const answer = new Passage(packet);
  answer.isAboutUntracked = cause.state === CtState.untracked;
  if (!cause.connection) return answer;
  answer.connection = cause.connection;
  answer.state = CtState.related;
  answer.direction = cause.direction === Direction.original ? Direction.reply : Direction.original;
  return answer;
}
