import type { Route } from '../../host/routeModel.js';
import { u8 } from '../../packet/bytes.js';
import { hasIpOptions } from '../../packet/ipOptions.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { ttlOf } from '../../packet/rewrite.js';
import { Tcp, TcpFlag } from '../../packet/transport.js';
import { CtState, CtStatus, Direction, Tuple } from '../../rules/connection.js';
import type { FlowTable } from '../../rules/context.js';
import type { ConnectionEntry } from './entry.js';
import { TcpConnState, TcpFlagBit } from './tcpState.js';
import { DEFAULT_ZONE } from './table.js';
import type { Tracker } from './tracker.js';
import { readTuple } from './tuple.js';
import type { Passage } from '../passage.js';

/** A flow without packets for so long leaves its table (nf_flowtable_tcp_timeout, nf_flowtable_udp_timeout), ns. */
const LIFETIME = 30e9;
/** What conntrack is told meanwhile: `nf_ct_offload_timeout()`. */
const DAY = 86_400e9;

interface Flow {
  readonly table: FlowTable;
  readonly entry: ConnectionEntry;
  /** By Direction: the way of the packets that travel so. */
  readonly routes: readonly [Route, Route];
  last: number;
}

/** The connections that a flow table forwards past the hooks of IP: net/netfilter/nf_flow_table_core.c, nf_flow_table_ip.c. */
export class FlowTables {
  private readonly flows = new Map<number, Flow>();
  private readonly scratch = new Tuple();

  constructor(private readonly tracker: Tracker) {}

  get isEmpty(): boolean {
    return this.flows.size === 0;
  }

  /** `nft_flow_offload_eval()` (net/netfilter/nft_flow_offload.c). False: the connection is not one to offload, or is already. */
  add(passage: Passage, table: FlowTable, back: Route): boolean {
    const { connection: entry, packet, route, direction } = passage;
    if (!entry || !route || !entry.confirmed || this.flows.has(entry.id)) return false;
    if (entry.helper !== null || entry.has(CtStatus.seqAdjust) || hasIpOptions(packet)) return false;
    if (packet.protocol === Protocol.tcp) {
      const tcp = entry.tcpState();
      if (flagsOf(packet) & (TcpFlag.fin | TcpFlag.rst)) return false;
      if (tcp?.state !== TcpConnState.established || !entry.has(CtStatus.assured)) return false;
      tcp.side(0).flags |= TcpFlagBit.beLiberal;
      tcp.side(1).flags |= TcpFlagBit.beLiberal;
      entry.keepTcp(tcp);
    } else if (packet.protocol !== Protocol.udp && packet.protocol !== Protocol.gre) return false;
    const routes = direction === Direction.original ? ([route, back] as const) : ([back, route] as const);
    entry.expires = packet.time + DAY;
    this.flows.set(entry.id, { table, entry, routes, last: packet.time });
    return true;
  }

  /**
   * The way of a packet that a flow table takes at its device, which then has its connection; null: the hooks have it
   * (`nf_flow_offload_lookup()`, `nf_flow_offload_forward()`).
   */
  take(passage: Passage): Route | null {
    const { packet } = passage;
    if (this.flows.size === 0 || !packet.in || packet.moreFragments || packet.fragmentOffset !== 0)
      return null;
    const { protocol } = packet;
    if (protocol !== Protocol.tcp && protocol !== Protocol.udp) return null;
    if (ttlOf(packet) <= 1 || hasIpOptions(packet)) return null;
    const { scratch } = this;
    if (!readTuple(scratch, packet.data, packet.version, protocol, 0, packet.transport, packet.length))
      return null;
    const found = this.tracker.find(scratch, DEFAULT_ZONE, packet.time);
    const flow = found && this.flows.get(found.entry.id);
    if (!flow?.table.devices.includes(packet.in.name)) return null;
    const { entry, table } = flow;
    const direction = found?.direction ?? Direction.original;
    if (packet.time - flow.last > LIFETIME) return this.end(flow, flow.last + LIFETIME);
    const mtu = flow.routes[direction].mtu ?? 0;
    if (mtu > 0 && packet.length > mtu) return null;
    if (protocol === Protocol.tcp && flagsOf(packet) & (TcpFlag.fin | TcpFlag.rst))
      return this.end(flow, packet.time);
    flow.last = packet.time;
    entry.expires = packet.time + DAY;
    if (table.counter && entry.counted) {
      entry.packets[direction]++;
      entry.bytes[direction] += packet.length;
    }
    passage.connection = entry;
    passage.direction = direction;
    passage.state = CtState.established;
    return flow.routes[direction];
  }

  /** Back to the hooks: `flow_offload_teardown()`, `flow_offload_fixup_ct()`. */
  private end({ entry }: Flow, now: number): null {
    this.flows.delete(entry.id);
    const settings = entry.timeouts ?? this.tracker.settings;
    const tcp = entry.tcpState();
    if (tcp) {
      tcp.side(0).maxWindow = tcp.side(1).maxWindow = 0;
      entry.keepTcp(tcp);
    }
    const timeout = tcp ? settings.tcp[tcp.state] : settings.udpStream;
    entry.expires = Math.min(entry.expires, now + Math.max(0, timeout - LIFETIME));
    return null;
  }
}

function flagsOf(packet: Packet): number {
  return u8(packet.data, packet.transport + Tcp.flags);
}
