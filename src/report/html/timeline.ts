import { bin, max, range, rollup, sum } from 'd3-array';
import { type ScaleLinear, scaleLinear } from 'd3-scale';
import { span } from '../time.js';
import { plural } from '../verdict.js';
import type { LineStanding } from './data.js';
import { isAlike, type StandingLine } from './lines.js';
import { markup, type Markup } from './markup.js';

const BINS = 120;
const WIDTH = 960;
const HALF = 70;
/** Between predicted and host. */
const AXIS = 4;

/** Which side of the time line a line is drawn on. */
const SIDES: Readonly<Record<LineStanding, { readonly above: boolean; readonly below: boolean }>> = {
  predicted: { above: true, below: false },
  doubtful: { above: true, below: false },
  alike: { above: true, below: true },
  'field differs': { above: true, below: true },
  'only simulated': { above: true, below: false },
  'only on the host': { above: false, below: true },
  'not captured': { above: false, below: true },
  lost: { above: true, below: false },
  undecidable: { above: true, below: false },
};

/** From the axis outwards. */
const ORDER = Object.keys(SIDES) as readonly LineStanding[];

/** About so many times stand below. */
const TICKS = 5;

/** The lines of one bar, by standing, and the seconds that it reaches over. */
interface Bin {
  readonly from: number;
  readonly to: number;
  readonly counts: ReadonlyMap<LineStanding, number>;
}

/**
 * Predicted lines above the axis, the host's below it, what is alike in one colour on both sides. Each bar that has a
 * difference leads to its lines.
 * @param end ns since capture start
 */
export function timeline(lines: readonly StandingLine[], end: number): Markup {
  const first = Math.min(0, lines[0]?.time ?? 0);
  const last = Math.max(1, end, lines.at(-1)?.time ?? 0);
  const across = scaleLinear([first / 1e9, last / 1e9], [0, WIDTH]);
  const bins = binsOf(lines, across);
  const highest = max(bins, (one) => Math.max(height(one, 'above'), height(one, 'below'))) ?? 1;
  const up = scaleLinear([0, highest], [0, HALF - 2]);
  const wrong = lines.filter((line) => !isAlike(line.standing)).length;
  const isHeld = lines.some((line) => line.standing !== 'predicted' && line.standing !== 'doubtful');
  const sides = isHeld
    ? `, ${wrong} of them not alike. Predicted above, logged by the host below.`
    : ', as predicted.';
  const label = `Log lines over ${span(last - first)}: ${lines.length}${sides}`;
  const foot = isHeld ? 2 * HALF + AXIS : HALF;
  // The words stand beside the picture: it is stretched to the width of the page, and they are not.
  return markup`<p class="side">
      <span>predicted</span><span>highest bar: ${highest} ${plural(highest, 'line')}</span>
    </p>
    <svg
      class="timeline"
      viewBox="0 0 ${WIDTH} ${foot}"
      preserveAspectRatio="none"
      role="group"
      aria-label="${label}"
    >
      <line class="axis" x1="0" x2="${WIDTH}" y1="${HALF}" y2="${HALF}" />
      ${isHeld ? markup`<line class="axis" x1="0" x2="${WIDTH}" y1="${HALF + AXIS}" y2="${HALF + AXIS}" />` : null}
      ${bins.map((one) => binMarkup(one, across, up))}
    </svg>
    ${ticks(across)} ${isHeld ? markup`<p class="side"><span>logged by the host</span></p>` : null}`;
}

function binsOf(lines: readonly StandingLine[], across: ScaleLinear<number, number>): Bin[] {
  const edges = range(1, BINS).map((i) => across.invert((i * WIDTH) / BINS));
  const [first, last] = across.domain();
  const grouped = bin<StandingLine, number>()
    .domain([first, last])
    .thresholds(edges)
    .value(({ time }) => time / 1e9)(lines);
  return grouped
    .filter((group) => group.length > 0)
    .map((group) => ({
      from: group.x0 ?? first,
      to: group.x1 ?? last,
      counts: rollup(
        group,
        (alike) => alike.length,
        ({ standing }) => standing,
      ),
    }));
}

/** Times along the axis. They are placed in percent: the picture is stretched, and words are not. */
function ticks(across: ScaleLinear<number, number>): Markup {
  const format = across.tickFormat(TICKS);
  const marks = across.ticks(TICKS).map((seconds) => {
    const at = (100 * across(seconds)) / WIDTH;
    const anchor = at < 2 ? 'start' : at > 98 ? 'end' : 'middle';
    return markup`<text x="${round(at)}%" y="12" text-anchor="${anchor}">${format(seconds)} s</text>`;
  });
  return markup`<svg class="ticks" role="presentation">${marks}</svg>`;
}

function height({ counts }: Bin, side: 'above' | 'below'): number {
  return sum(counts, ([standing, count]) => (SIDES[standing][side] ? count : 0));
}

function binMarkup(
  { from, to, counts }: Bin,
  across: ScaleLinear<number, number>,
  up: ScaleLinear<number, number>,
): Markup {
  const bars = (['above', 'below'] as const).flatMap((side) => {
    let y = side === 'above' ? HALF : HALF + AXIS;
    return ORDER.filter((standing) => SIDES[standing][side] && counts.has(standing)).map((standing) => {
      const tall = Math.max(2, up(counts.get(standing) ?? 0));
      const top = side === 'above' ? y - tall : y;
      y += side === 'above' ? -tall : tall;
      return markup`<rect
        class="${classOf(standing)}"
        x="${round(across(from))}"
        y="${round(top)}"
        width="${round(WIDTH / BINS - 1)}"
        height="${round(tall)}"
      />`;
    });
  });
  const title = `${stamp(from)} to ${stamp(to)}: ${[...counts].map(([s, n]) => `${n} ${s}`).join(', ')}`;
  const isWrong = [...counts.keys()].some((standing) => !isAlike(standing));
  return markup`<a
    href="#time=${Math.floor(from * 1e6)}-${Math.ceil(to * 1e6)}"
    tabindex="${isWrong ? 0 : -1}"
    aria-label="${title}"
    ><title>${title}</title>${bars}</a
  >`;
}

/** The name that style sheet and script know a standing by. */
function classOf(standing: LineStanding): string {
  return standing.replaceAll(' ', '-');
}

function stamp(seconds: number): string {
  return `${seconds.toFixed(3)} s`;
}

function round(n: number): number {
  return Math.round(n * 10) / 10;
}
