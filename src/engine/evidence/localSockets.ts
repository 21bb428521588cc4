import type { IpAddress } from '../../address/ip.js';
import type { Host } from '../../host/host.js';
import type { ListeningSocket } from '../../host/sockets.js';
import { addressOf, addressText } from '../../packet/addresses.js';
import { u8 } from '../../packet/bytes.js';
import { Protocol, SocketKind } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { hasPorts, isIcmpError } from '../../packet/rewrite.js';
import { Tcp, TcpFlag } from '../../packet/transport.js';
import type { LocalSocket } from '../../rules/context.js';
import type { Share } from '../share/share.js';

/** Tuples remembered at most, of each kind. */
const MOST = 65_536;

const { fin: FIN, syn: SYN, ack: ACK, rst: RST } = TcpFlag;

/** The sockets of the host: those that `ss` listed, and those that packets tell of. */
export class LocalSockets {
  /** By protocol and port, those that the host was seen to send from: an answer finds them open. */
  private readonly sendsFrom = new Set<number>();
  /** TCP connections whose SYN a listener took and that nobody has accepted yet (TCP_NEW_SYN_RECV). */
  private readonly requests = new Set<string>();
  /** Connections that tproxy gave to a proxy; it answers for addresses that are not the host's. */
  private readonly diverted = new Set<string>();
  /** TCP connections in which the host has sent its FIN, as it sends. */
  private readonly closed = new Set<string>();

  /** @param isTaken whether the capture shows a socket to take what came in */
  constructor(
    private readonly host: Host,
    private readonly share: Share | null = null,
    private readonly isTaken: (packet: Packet) => boolean = () => false,
  ) {}

  /** The host sends this. */
  sent(packet: Packet): void {
    if (!packet.hasTransport || !hasPorts(packet.protocol)) return;
    this.noteOpen((packet.protocol << 16) | packet.sourcePort, packet.frame);
    if (packet.protocol !== Protocol.tcp) return;
    const flags = u8(packet.data, packet.transport + Tcp.flags);
    if (this.closed.size > 0 && flags & SYN) this.closed.delete(tupleText(packet));
    else if (flags & FIN) remember(this.closed, tupleText(packet));
  }

  private noteOpen(socket: number, frame: number): void {
    if (this.share && !this.sendsFrom.has(socket)) this.share.noted.sentFrom.set(socket, frame);
    this.sendsFrom.add(socket);
  }

  /** Whether the host has sent a FIN before this packet of its. */
  isClosed(packet: Packet): boolean {
    if (packet.protocol !== Protocol.tcp || this.closed.size === 0) return false;
    if (u8(packet.data, packet.transport + Tcp.flags) & (SYN | FIN)) return false;
    return this.closed.has(tupleText(packet));
  }

  /** The user of the socket that is bound to the port which the host sends from, where `ss -e` listed it; undefined: not known. */
  ownerOf(packet: Packet): number | undefined {
    if (!packet.hasTransport || !hasPorts(packet.protocol)) return undefined;
    const source = addressOf(packet, 'source');
    return this.host.sockets.find(
      ({ protocol, port, versions, address }) =>
        protocol === packet.protocol &&
        port === packet.sourcePort &&
        versions.includes(packet.version) &&
        (address === null || address.equals(source)),
    )?.uid;
  }

  /** A packet got through INPUT. */
  delivered(packet: Packet): void {
    if (packet.protocol !== Protocol.tcp) return;
    const flags = flagsOf(packet);
    if (flags === SYN) {
      if (this.listener(packet)) remember(this.requests, tupleText(packet));
    } else if (this.requests.size > 0 && flags === ACK) this.requests.delete(tupleText(packet));
  }

  /**
   * tproxy takes the packet for a proxy that listens where the rule says; one is taken to be there where nobody told
   * which sockets the host has. False: none is there, `nf_tproxy_get_sock_v4()` (net/ipv4/netfilter/nf_tproxy_ipv4.c).
   * @param address null or no address at all: that of the device (`nf_tproxy_laddr4()`)
   * @param port null or 0: the packet's own
   */
  divert(packet: Packet, address: IpAddress | null, port: number | null): boolean {
    const isKnown = this.diverted.has(tupleText(packet));
    if (!isKnown && this.host.parts.sockets !== undefined && !this.proxy(packet, address, port)) return false;
    remember(this.diverted, tupleText(packet));
    if (packet.protocol === Protocol.tcp && flagsOf(packet) === SYN)
      remember(this.requests, tupleText(packet));
    return true;
  }

  /** Whether a packet that leaves is what a proxy answers, to which tproxy gave the connection. */
  isFromProxy(packet: Packet): boolean {
    return this.diverted.size > 0 && this.diverted.has(answeredText(packet));
  }

  private proxy(packet: Packet, address: IpAddress | null, port: number | null): boolean {
    const own = this.host.addresses.filter((a) => a.address.version === packet.version).map((a) => a.address);
    const at = address === null || isNone(address) ? own : [address];
    return this.host.sockets.some(
      (s) =>
        s.protocol === packet.protocol &&
        s.port === (port === null || port === 0 ? packet.destinationPort : port) &&
        s.versions.includes(packet.version) &&
        (s.address === null || at.some((a) => s.address?.equals(a))),
    );
  }

  /** Whether somebody takes a packet that came in. */
  takes(packet: Packet): boolean {
    const socket = (packet.protocol << 16) | packet.destinationPort;
    if (this.sendsFrom.has(socket)) return true;
    if (this.diverted.size > 0 && this.diverted.has(tupleText(packet))) return true;
    if (this.listener(packet) !== undefined) return true;
    const mayOpen = packet.protocol !== Protocol.tcp || flagsOf(packet) === SYN;
    if (mayOpen && this.isTaken(packet)) {
      // It was opened after the host was looked at, or its list is not there.
      this.noteOpen(socket, packet.frame);
      return true;
    }
    this.share?.noted.foundNobody.set(socket, packet.frame);
    return false;
  }

  /**
   * The socket that a packet belongs to: `nf_sk_lookup_slow_v4()` (net/ipv4/netfilter/nf_socket_ipv4.c) and its IPv6
   * sibling for what came in, `skb->sk` for what the host sends. null: none; undefined: not known.
   */
  of(packet: Packet): LocalSocket | null | undefined {
    const { protocol } = packet;
    const isTcp = protocol === Protocol.tcp;
    if (!packet.in) return this.ofSender(packet);
    // An ICMP error belongs to the socket of the packet that it is about.
    if (protocol === Protocol.icmp || protocol === Protocol.icmpv6)
      return isIcmpError(packet) ? undefined : null;
    if ((!isTcp && protocol !== Protocol.udp) || !packet.hasTransport) return null;
    const tuple = tupleText(packet);
    const transparent = this.diverted.has(tuple);
    if (this.requests.has(tuple) && flagsOf(packet) !== SYN) return { transparent, wildcard: undefined };
    if (transparent) return { transparent, wildcard: false };
    const listener = this.listener(packet);
    if (listener) {
      this.relyOnPlain();
      const wildcard = listener.address === null;
      return { transparent, wildcard: isTcp ? wildcard && flagsOf(packet) === SYN : wildcard };
    }
    if (!this.sendsFrom.has((protocol << 16) | packet.destinationPort)) return null;
    return { transparent, wildcard: isTcp ? false : null };
  }

  private ofSender(packet: Packet): LocalSocket | null | undefined {
    const isTcp = packet.protocol === Protocol.tcp;
    const isOfProcess = packet.socket === SocketKind.process;
    if (!isTcp && packet.protocol !== Protocol.udp) return isOfProcess ? undefined : null;
    this.relyOnPlain();
    if (!isTcp) return isOfProcess ? { transparent: false, wildcard: null, uid: packet.uid } : null;
    const flags = flagsOf(packet);
    // A reset of the stack is of the socket that sends all resets.
    if (flags & RST) return undefined;
    return { transparent: false, wildcard: flags === (SYN | ACK) ? undefined : false, uid: packet.uid };
  }

  private listener(packet: Packet): ListeningSocket | undefined {
    const { protocol, destinationPort: port, version } = packet;
    const destination = addressOf(packet, 'destination');
    return this.host.sockets.find(
      (s) =>
        s.protocol === protocol &&
        s.port === port &&
        s.versions.includes(version) &&
        (s.address === null || s.address.equals(destination)),
    );
  }

  private relyOnPlain(): void {
    this.host.assumptions.record(
      'transparent sockets',
      'ss does not tell which sockets are transparent; those that no tproxy rule leads to were taken for plain ones.',
      true,
    );
  }
}

function isNone({ a, b, c, d }: IpAddress): boolean {
  return (a | b | c | d) === 0;
}

function remember(set: Set<string>, tuple: string): void {
  if (set.size < MOST) set.add(tuple);
}

function tupleText(packet: Packet): string {
  return [
    packet.protocol,
    addressText(packet, 'source'),
    packet.sourcePort,
    addressText(packet, 'destination'),
    packet.destinationPort,
  ].join(' ');
}

/** The tuple of what this packet answers. */
function answeredText(packet: Packet): string {
  return [
    packet.protocol,
    addressText(packet, 'destination'),
    packet.destinationPort,
    addressText(packet, 'source'),
    packet.sourcePort,
  ].join(' ');
}

function flagsOf(packet: Packet): number {
  return u8(packet.data, packet.transport + Tcp.flags) & (SYN | ACK | RST);
}
