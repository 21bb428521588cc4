const BOX = { width: 430, head: 30, row: 22, gap: 34, columns: [4, 526] } as const;
const MOST_MARKS = 13;

interface Box {
  readonly x: number;
  readonly y: number;
  readonly height: number;
}

/** What stands in the right column: on a narrow screen it is left out where the packet did not come there. */
const RIGHT = ['INPUT', 'host', 'OUTPUT'];

function isNarrow(): boolean {
  return matchMedia('(max-width: 48rem)').matches;
}

/** Where the way goes from stop to stop, the loop through the host included. */
const EDGES: readonly (readonly [string, string])[] = [
  ['in', 'PREROUTING'],
  ['PREROUTING', 'route'],
  ['route', 'FORWARD'],
  ['route', 'INPUT'],
  ['INPUT', 'host'],
  ['host', 'OUTPUT'],
  ['OUTPUT', 'POSTROUTING'],
  ['FORWARD', 'POSTROUTING'],
  ['POSTROUTING', 'out'],
];

/** The packet's way through the hooks: what it passed is lit, the rest of the map is dim. */
function drawTrip(trip: PageTrip): SVGSVGElement {
  const map = mapTrip(trip);
  const boxes = layOut(map);
  const isHalf = isNarrow() && !map.stops.some((stop) => RIGHT.includes(stop));
  const bottom = Math.max(...[...boxes.values()].map((box) => box.y + box.height)) + 4;
  const lit = new Set(map.stops.slice(1).map((stop, i) => `${map.stops[i]} ${stop}`));
  const edges = EDGES.map(([from, to]) => edge(boxes, from, to, lit.has(`${from} ${to}`)));
  edges.sort((a, b) => Number(a.classList.contains('lit')) - Number(b.classList.contains('lit')));
  const label = `${trip.title}. ${map.stops.join(', then ')}. ${outcomeText(map)}`;
  return svg(
    'svg',
    {
      class: isHalf ? 'picture half' : 'picture',
      viewBox: `0 0 ${isHalf ? BOX.columns[0] + BOX.width + 2 : 960} ${bottom}`,
      role: 'img',
      'aria-label': label,
    },
    svg('title', {}, label),
    ...edges,
    ...[...boxes].map(([name, box]) => drawBox(name, box, map)),
  );
}

/** Left the way of what is forwarded, right what passes through the host itself. */
function layOut({ stations }: TripMap): Map<string, Box> {
  const boxes = new Map<string, Box>();
  const height = (hook: string): number => {
    const station = stations.get(hook);
    return (
      BOX.head +
      (station
        ? (station.rows.length + station.changes.length) * BOX.row + (station.rows.length > 0 ? 6 : 0)
        : 0)
    );
  };
  const place = (name: string, column: 0 | 1, y: number, tall: number): number => {
    boxes.set(name, { x: BOX.columns[column], y, height: tall });
    return y + tall + BOX.gap;
  };
  let left = place('in', 0, 4, height('in'));
  left = place('PREROUTING', 0, left, height('PREROUTING'));
  const routeAt = left;
  left = place('route', 0, left, height('route'));
  left = place('FORWARD', 0, left, height('FORWARD'));
  let right = place('INPUT', 1, routeAt, height('INPUT'));
  right = place('host', 1, right, height('host'));
  right = place('OUTPUT', 1, right, height('OUTPUT'));
  left = place('POSTROUTING', 0, Math.max(left, right), height('POSTROUTING'));
  place('out', 0, left, BOX.head);
  return boxes;
}

function edge(boxes: ReadonlyMap<string, Box>, from: string, to: string, isLit: boolean): SVGElement {
  const a = boxes.get(from)!;
  const b = boxes.get(to)!;
  const middle = BOX.width / 2;
  let way: string;
  if (a.x === b.x) way = `M${a.x + middle} ${a.y + a.height} V${b.y - 7}`;
  else if (a.x < b.x) way = `M${a.x + BOX.width} ${a.y + BOX.head / 2} H${b.x - 7}`;
  else way = `M${a.x + middle} ${a.y + a.height} V${b.y + BOX.head / 2} H${b.x + BOX.width + 7}`;
  const tip =
    a.x === b.x
      ? `M${b.x + middle - 5} ${b.y - 8} l5 8 l5 -8 z`
      : a.x < b.x
        ? `M${b.x - 8} ${b.y + BOX.head / 2 - 5} l8 5 l-8 5 z`
        : `M${b.x + BOX.width + 8} ${b.y + BOX.head / 2 - 5} l-8 5 l8 5 z`;
  return svg(
    'g',
    { class: isLit ? 'edge lit' : 'edge' },
    svg('path', { class: 'line', d: way }),
    svg('path', { class: 'tip', d: tip }),
  );
}

function drawBox(name: string, box: Box, map: TripMap): SVGElement {
  const isPassed = map.stops.includes(name);
  const isLast = map.stops.at(-1) === name && map.end !== 'delivered' && map.end !== 'sent';
  const station = map.stations.get(name);
  const group = svg(
    'g',
    {
      class: `box${isPassed ? ' lit' : ''}${isLast ? ' last' : ''}`,
      transform: `translate(${box.x} ${box.y})`,
    },
    svg('rect', { class: 'frame', width: BOX.width, height: box.height, rx: 6 }),
    svg('text', { class: 'name', x: 12, y: 20 }, nameOf(name)),
    svg(
      'text',
      { class: 'detail', x: BOX.width - 12, y: 20, 'text-anchor': 'end' },
      short(detailOf(name, map, isLast), 52),
    ),
  );
  let y = BOX.head;
  for (const row of station?.rows ?? []) {
    group.append(drawRow(row, y));
    y += BOX.row;
  }
  for (const change of station?.changes ?? []) {
    group.append(
      svg('text', { class: 'change', x: 12, y: y + 15 }, short(`⇄ ${change}`, 66), svg('title', {}, change)),
    );
    y += BOX.row;
  }
  return group;
}

function drawRow(row: ChainRow, y: number): SVGElement {
  const name = row.depth === 0 ? row.chain : `↳ ${row.chain.slice(row.chain.lastIndexOf(':') + 1)}`;
  const x = 12 + Math.min(row.depth, 6) * 12;
  const group = svg(
    'g',
    { class: row.skipped === null ? 'chain' : 'chain skipped', transform: `translate(0 ${y})` },
    svg(
      'text',
      { class: 'chain-name', x, y: 15 },
      short(name, Math.floor((190 - x) / 7)),
      svg('title', {}, row.chain),
    ),
  );
  if (row.skipped !== null) {
    group.append(svg('text', { class: 'detail', x: 200, y: 15 }, `not asked: ${row.skipped}`));
    return group;
  }
  shownMarks(row.marks).forEach((mark, i) => group.append(drawMark(mark, 204 + i * 12)));
  group.append(
    svg(
      'text',
      { class: `verdict ${row.verdict}`, x: BOX.width - 12, y: 15, 'text-anchor': 'end' },
      row.verdict === 'CONTINUE' ? '' : row.verdict,
    ),
  );
  return group;
}

/** The first and the last marks of a long chain, and every hit as far as there is room. */
function shownMarks(marks: readonly Mark[]): readonly Mark[] {
  if (marks.length <= MOST_MARKS) return marks;
  const half = (MOST_MARKS - 1) / 2;
  const between = marks.slice(half, -half);
  const hits = between.filter((mark) => mark.outcome === 'hit').length;
  const title = `${between.reduce((sum, mark) => sum + mark.count, 0)} rules more, ${hits} of them hit`;
  return [
    ...marks.slice(0, half),
    { outcome: hits > 0 ? 'hit' : 'miss', title, count: between.length },
    ...marks.slice(-half),
  ];
}

function drawMark({ outcome, title, count }: Mark, x: number): SVGElement {
  if (count > 1) return svg('text', { class: `mark ${outcome}`, x, y: 15 }, '…', svg('title', {}, title));
  return outcome === 'hit'
    ? svg('rect', { class: `mark ${outcome}`, x, y: 6, width: 9, height: 11, rx: 2 }, svg('title', {}, title))
    : svg('circle', { class: `mark ${outcome}`, cx: x + 4.5, cy: 11.5, r: 3.5 }, svg('title', {}, title));
}

const NAMES: Readonly<Record<string, string>> = {
  in: 'received',
  out: 'sent',
  host: 'this host',
  route: 'routing',
};

function nameOf(stop: string): string {
  return NAMES[stop] ?? stop;
}

function detailOf(name: string, map: TripMap, isLast: boolean): string {
  if (isLast) return `✕ ${outcomeText(map)}`;
  const { stops, came, ended, routes, end } = map;
  if (name === 'route') return stops.includes('route') ? (routes[0] ?? '') : '';
  if (name === stops[0]) return came;
  if (name === 'out' || (name === 'host' && end === 'delivered')) return stops.includes(name) ? ended : '';
  return '';
}

function outcomeText({ end, reason }: TripMap): string {
  if (end === 'delivered') return 'delivered to this host';
  return reason === '' ? end : `${end}: ${reason}`;
}

function short(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
