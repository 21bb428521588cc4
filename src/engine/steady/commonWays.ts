import type { Device } from '../../packet/device.js';
import type { Route } from '../../host/routeModel.js';
import type { Direction } from '../../rules/connection.js';
import type { FlowPath } from './flowPath.js';

/** What connections have in common whose packets go a common way; their route as well. */
export interface Kind {
  readonly input: Device;
  readonly direction: Direction;
  readonly protocol: number;
  /** Bits of the entry's status that are a translation's. */
  readonly translated: number;
}

/**
 * Ways of established connections' packets on which no rule of any chain asks who talks to whom (lasting.ts): all of a kind
 * go them, so the first packet of a connection that is answered needs no walk of its own. Of each kind the last one is kept.
 */
export class CommonWays {
  private readonly byRoute = new WeakMap<Route, (Kind & { way: FlowPath })[]>();

  keep(way: FlowPath, kind: Kind): void {
    let ways = this.byRoute.get(way.route);
    if (!ways) this.byRoute.set(way.route, (ways = []));
    const known = ways.find((other) => isSame(other, kind));
    if (known) known.way = way;
    else ways.push({ ...kind, way });
  }

  of(route: Route, kind: Kind): FlowPath | null {
    const ways = this.byRoute.get(route);
    if (!ways) return null;
    for (let i = 0; i < ways.length; i++) if (isSame(ways[i], kind)) return ways[i].way;
    return null;
  }
}

function isSame(a: Kind, b: Kind): boolean {
  return (
    a.input === b.input &&
    a.direction === b.direction &&
    a.protocol === b.protocol &&
    a.translated === b.translated
  );
}
