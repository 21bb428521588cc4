import type { Device } from '../../packet/device.js';
import type { Route } from '../../host/routeModel.js';
import type { Routing } from '../../host/routes.js';
import type { Direction } from '../../rules/connection.js';
import type { Program } from '../walk/program.js';
import type { FlowPath } from './flowPath.js';
import type { Glimpse } from './glimpse.js';

/** What packets have in common that go a common way, beside their interface and route. */
export interface Kind {
  readonly direction: Direction;
  readonly protocol: number;
  /** Bits of the status of the connection's entry that are a translation's. */
  readonly translated: number;
}

interface CommonWay extends Kind {
  readonly way: FlowPath;
}

/** Ways kept of a route at most; the next one takes the place of the oldest. */
const MOST = 64;

/**
 * Ways on which no rule of any chain asks who talks to whom (lasting.ts), of packets of established connections, or of any
 * where nothing is tracked: all of a kind go them, so the first one of a flow needs no walk of its own.
 */
export class CommonWays {
  private readonly byRoute = new WeakMap<Route, CommonWay[]>();
  private isEmpty = true;

  constructor(private readonly routing: Pick<Routing, 'known4'>) {}

  keep(way: FlowPath, { direction, protocol, translated }: Kind): void {
    if (!way.countsPlainly) return;
    this.isEmpty = false;
    let ways = this.byRoute.get(way.route);
    if (!ways) this.byRoute.set(way.route, (ways = []));
    for (const known of ways) if (known.way === way && isOf(known, direction, protocol, translated)) return;
    if (ways.length === MOST) ways.shift();
    ways.push({ way, direction, protocol, translated });
  }

  /** Whether packets with these addresses that came in by the device find the way here. */
  knows(way: FlowPath, device: Device, source: number, destination: number): boolean {
    const ways = this.byRoute.get(way.route);
    if (!ways?.some((known) => known.way === way)) return false;
    return this.routing.known4(device, source, destination)?.route === way.route;
  }

  /**
   * The way that a packet goes as others of its kind did.
   * @param destination IPv4, as PREROUTING leaves it
   */
  of(
    packet: Glimpse,
    program: Program,
    destination: number,
    direction: Direction,
    translated: number,
  ): FlowPath | null {
    const { device, tuple, protocol } = packet;
    if (this.isEmpty || !device) return null;
    const decision = this.routing.known4(device, tuple.s0, destination);
    if (decision?.action !== 'forward' || !decision.route || decision.doubt !== null) return null;
    const ways = this.byRoute.get(decision.route);
    if (!ways) return null;
    for (let i = 0; i < ways.length; i++) {
      const known = ways[i];
      if (isOf(known, direction, protocol, translated) && known.way.takes(packet, program)) return known.way;
    }
    return null;
  }
}

function isOf(known: Kind, direction: Direction, protocol: number, translated: number): boolean {
  return known.direction === direction && known.protocol === protocol && known.translated === translated;
}
