/** How `--limit` and `--hashlimit` write a rate: a number, then a unit of time or nothing for a second. */

const UNITS: readonly (readonly [name: string, long: string, seconds: number])[] = [
  ['day', 'day', 86400],
  ['hour', 'hour', 3600],
  ['min', 'minute', 60],
  ['sec', 'second', 1],
];

export interface Rate {
  /** Time between two packets, in 1/scale seconds. */
  readonly period: number;
  /** Seconds of the unit that was written. */
  readonly unit: number;
}

/**
 * Reads `3/hour`; any beginning of a unit's name will do (iptables-extensions(8)).
 * @param scale 10,000 for limit, 1,000,000 for hashlimit
 */
export function parseRate(text: string, scale: number): Rate | undefined {
  const found = /^(\d{1,10})(?:\/([a-z]+))?$/i.exec(text);
  if (!found) return undefined;
  const word = (found[2] ?? 'second').toLowerCase();
  const unit = UNITS.find(([, long]) => long.startsWith(word) || (word === 'minutes' && long === 'minute'));
  const count = Number(found[1]);
  if (!unit || count === 0) return undefined;
  const period = Math.floor((scale * unit[2]) / count);
  return period === 0 ? undefined : { period, unit: unit[2] };
}

/** The rate in the largest unit that shows it as a whole number well enough, as libxt_limit prints it. */
export function printRate(period: number, scale: number): { readonly text: string; readonly unit: number } {
  let best = UNITS[0];
  for (const unit of UNITS.slice(1)) {
    const length = unit[2] * scale;
    if (period > length || Math.floor(length / period) < length % period) break;
    best = unit;
  }
  return { text: `${Math.floor((best[2] * scale) / period)}/${best[0]}`, unit: best[2] };
}
