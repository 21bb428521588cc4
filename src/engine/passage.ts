import type { Device } from '../packet/device.js';
import type { IpOptions } from '../packet/ipOptions.js';
import { SocketKind } from '../packet/numbers.js';
import type { Packet } from '../packet/packet.js';
import { CtState, Direction } from '../rules/connection.js';
import type { CtTemplate } from '../rules/context.js';
import type { Route } from '../host/routeModel.js';
import type { ConnectionEntry } from './conntrack/entry.js';

/** A field that is a secret of the host's. OPT: its clock, in the options of a TCP header; SEQ: that, and TCP's own numbers; UID: whose process it was, with the GID. */
export type StandIn = 'ID' | 'FLOWLBL' | 'SEQ' | 'OPT' | 'UID';

/** A packet on its way through the hooks, with what the kernel hangs on it: `skb->_nfct`, `skb_dst()`. */
export class Passage {
  connection: ConnectionEntry | null = null;
  state: CtState = CtState.invalid;
  direction: Direction = Direction.original;
  /** What -j CT said, until the connection is looked up. */
  template: CtTemplate | null = null;
  route: Route | null = null;
  /** Why what happens to it cannot be relied on: an `unknown` was met, a choice was made without evidence. */
  doubt: string | null = null;
  /** A packet of the host whose captured copy was not found. */
  uncaptured = false;
  /** Which field of an uncaptured packet is a stand-in. */
  guessed: StandIn | null = null;
  /** The port of the same bridge that the frame goes on to, past the routes: br_netfilter brought it here. */
  bridgedTo: Device | null = null;
  /** A rule of the bridge's own does not let it on to that port. */
  bridgeDrops = false;
  /** It is about a packet that is not tracked; -j CT leaves it alone for that (`nf_conntrack_attach()`: `_nfct` is not 0). */
  isAboutUntracked = false;
  /** The host made it. */
  isOwn = false;
  /** The host's ICMP socket sends it. */
  byIcmp = false;
  /** A reset of REJECT, which has no flow label (`nf_send_reset6()`). */
  byReject = false;
  /** synproxy opens the connection to a server with it. */
  bySynproxy = false;
  /** IPv6: whose addresses an error about it is sent from, where that is not what it came in by (`IP6CB(skb)->iif`). */
  errorDevice: Device | null = null;
  /** IPv6: what its header added up to when conntrack summed the packet; -1: it was not summed. */
  summedHeader = -1;
  /** IPv4: its options, as the host read them when it came in; null: it has none. */
  options: IpOptions | null = null;
  /** What an observer keeps of it. */
  watched: object | null = null;

  constructor(public packet: Packet) {}
}

/** A copy of a packet with the connection that it has, which is no socket's any more. */
export function again(passage: Passage): Passage {
  const copy = new Passage(passage.packet.clone());
  copy.connection = passage.connection;
  copy.state = passage.state;
  copy.direction = passage.direction;
  copy.route = passage.route;
  copy.doubt = passage.doubt;
  copy.uncaptured = passage.uncaptured;
  copy.guessed = passage.guessed;
  copy.packet.socket = SocketKind.none;
  return copy;
}
