type PageTrip = import('../data.js').PageTrip;

/** One rule of a chain as the packet met it; or a number of rules that all missed. */
interface Mark {
  readonly outcome: 'hit' | 'miss' | 'unknown' | 'hotdrop';
  readonly title: string;
  readonly count: number;
}

/** A chain that was walked, or skipped. */
interface ChainRow {
  readonly chain: string;
  readonly depth: number;
  readonly skipped: string | null;
  readonly marks: Mark[];
  verdict: string;
}

/** A hook on the packet's way, or the routing between two. */
interface Station {
  readonly hook: string;
  readonly rows: ChainRow[];
  /** What was rewritten there. */
  readonly changes: string[];
}

/** A trip by hooks: what the picture is drawn from. */
interface TripMap {
  readonly stations: ReadonlyMap<string, Station>;
  /** Hooks, `route`, `host`, `in` and `out`, in the order in which the packet came to them. */
  readonly stops: readonly string[];
  readonly routes: readonly string[];
  /** The packet as it came in, and as it ended. */
  readonly came: string;
  readonly ended: string;
  readonly end: string;
  readonly reason: string;
}

function mapTrip({ title, events }: PageTrip): TripMap {
  const stations = new Map<string, Station>();
  const stops: string[] = [/, (made by|the answer of) the host: /.test(title) ? 'host' : 'in'];
  const routes: string[] = [];
  // Chains before the first hook are those of an interface or a bridge.
  let station: Station = { hook: stops[0], rows: [], changes: [] };
  stations.set(stops[0], station);
  let came = '';
  const arriveAt = (stop: string): void => {
    station = stations.get(stop) ?? { hook: stop, rows: [], changes: [] };
    stations.set(stop, station);
    if (stops.at(-1) !== stop) stops.push(stop);
  };
  let last = { end: '', reason: '', packet: '' };
  for (const event of events) {
    switch (event.kind) {
      case 'hook':
        arriveAt(event.hook);
        came ||= event.packet;
        break;
      case 'chain':
        station.rows.push({ chain: event.chain, depth: event.depth, skipped: null, marks: [], verdict: '' });
        break;
      case 'skip':
        station.rows.push({ chain: event.chain, depth: 0, skipped: event.reason, marks: [], verdict: '' });
        break;
      case 'rule': {
        const { outcome, rule, text } = event;
        const chain = rule.slice(0, rule.lastIndexOf(':'));
        station.rows
          .findLast((r) => r.chain === chain)
          ?.marks.push({ outcome, title: `${outcome}: ${rule} ${text}`, count: 1 });
        break;
      }
      case 'missed': {
        const row = station.rows.findLast((r) => r.depth === event.depth);
        row?.marks.push({ outcome: 'miss', title: `${event.count} rules missed`, count: event.count });
        break;
      }
      case 'verdict': {
        const row = station.rows.findLast((r) => r.chain === event.chain);
        if (row) row.verdict = event.verdict;
        break;
      }
      case 'change':
        station.changes.push(
          `${event.field}: ${event.from} → ${event.to}${event.rule === null ? '' : ` by ${event.rule}`}`,
        );
        break;
      case 'done':
        station.changes.push(event.what);
        break;
      case 'route':
        routes.push(event.decision);
        if (stops.at(-1) === 'PREROUTING') arriveAt('route');
        break;
      case 'end':
        last = event;
    }
  }
  if (last.end === 'delivered') stops.push('host');
  else if (last.end === 'sent') stops.push('out');
  return { stations, stops, routes, came, ended: last.packet, end: last.end, reason: last.reason };
}
