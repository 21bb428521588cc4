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
  lost: { above: true, below: false },
  undecidable: { above: true, below: false },
};

/** From the axis outwards. */
const ORDER = Object.keys(SIDES) as readonly LineStanding[];

interface Bin {
  readonly counts: Map<LineStanding, number>;
}

/**
 * Predicted lines above the axis, the host's below it, what is alike in one colour on both sides. Each bar that has a
 * difference leads to its lines.
 * @param end ns since capture start
 */
export function timeline(lines: readonly StandingLine[], end: number): Markup {
  const last = Math.max(1, end, lines.at(-1)?.time ?? 0);
  const first = Math.min(0, lines[0]?.time ?? 0);
  const width = (last - first) / BINS;
  const bins = Array.from({ length: BINS }, (): Bin => ({ counts: new Map() }));
  for (const { time, standing } of lines) {
    const { counts } = bins[Math.min(BINS - 1, Math.floor((time - first) / width))];
    counts.set(standing, (counts.get(standing) ?? 0) + 1);
  }
  const highest = Math.max(1, ...bins.flatMap((bin) => [height(bin, 'above'), height(bin, 'below')]));
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
      ${bins.map((bin, i) => binMarkup(bin, i, highest, [first + i * width, first + (i + 1) * width]))}
    </svg>
    <p class="side">
      <span>${stamp(first)}</span>${isHeld ? markup`<span>logged by the host</span>` : null}<span>${stamp(last)}</span>
    </p>`;
}

function height({ counts }: Bin, side: 'above' | 'below'): number {
  let sum = 0;
  for (const [standing, n] of counts) if (SIDES[standing][side]) sum += n;
  return sum;
}

function binMarkup(
  bin: Bin,
  index: number,
  highest: number,
  [from, to]: readonly [number, number],
): Markup | null {
  if (bin.counts.size === 0) return null;
  const step = WIDTH / BINS;
  const bars = (['above', 'below'] as const).flatMap((side) => {
    let y = side === 'above' ? HALF : HALF + AXIS;
    return ORDER.filter((standing) => SIDES[standing][side] && bin.counts.has(standing)).map((standing) => {
      const n = bin.counts.get(standing) ?? 0;
      const tall = Math.max(2, (n / highest) * (HALF - 2));
      const top = side === 'above' ? y - tall : y;
      y += side === 'above' ? -tall : tall;
      return markup`<rect
        class="${classOf(standing)}"
        x="${round(index * step)}"
        y="${round(top)}"
        width="${round(step - 1)}"
        height="${round(tall)}"
      />`;
    });
  });
  const title = `${stamp(from)} to ${stamp(to)}: ${[...bin.counts].map(([s, n]) => `${n} ${s}`).join(', ')}`;
  const isWrong = [...bin.counts.keys()].some((standing) => !isAlike(standing));
  return markup`<a
    href="#time=${Math.floor(from / 1000)}-${Math.ceil(to / 1000)}"
    tabindex="${isWrong ? 0 : -1}"
    aria-label="${title}"
    ><title>${title}</title>${bars}</a
  >`;
}

/** The name that style sheet and script know a standing by. */
function classOf(standing: LineStanding): string {
  return standing.replaceAll(' ', '-');
}

function stamp(ns: number): string {
  return `${(ns / 1e9).toFixed(3)} s`;
}

function round(n: number): number {
  return Math.round(n * 10) / 10;
}
