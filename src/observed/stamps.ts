import type { ObservedTime, WallTime } from './entry.js';

/** What stamps do not say. */
export interface ClockOptions {
  /** Minutes east of UTC, for stamps without a zone; 0 unless given. */
  readonly utcOffset?: number;
  /** For stamps without a year; unless given, the one that brings the stamp nearest to `near`. */
  readonly year?: number;
  /** ns since the epoch, such as the capture's start; without it and `year` such stamps get 1970. */
  readonly near?: bigint;
}

/** The names of the months, one behind the other. */
export const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';
const MONTH = '(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const WEEKDAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const CLOCK = '(\\d\\d):(\\d\\d):(\\d\\d)(?:[.,](\\d{1,9}))?';

/** RFC 3164 and journalctl short: `Nov 22 01:23:21`, with the year that some devices put behind the day or the clock. */
const BSD = new RegExp(`${MONTH} +(\\d{1,2}),? (?:(\\d{4}),? )?${CLOCK}(?: (\\d{4})(?= ))?`, 'y');
/** ctime(3): dmesg -T, logread. */
const CTIME = new RegExp(`${WEEKDAY} ${MONTH} +(\\d{1,2}) ${CLOCK} (?:([A-Z]{3,4}) )?(\\d{4})`, 'y');
/** RFC 3339 and its relatives: rsyslog, dmesg --time-format iso (with a comma), journalctl short-iso and -full. */
const ISO = new RegExp(
  `(?:${WEEKDAY} )?(\\d{4})-(\\d\\d)-(\\d\\d)[T ]${CLOCK}(?: ?(Z|UTC|GMT)| ?([+-]\\d\\d):?(\\d\\d)?(?!\\d)| ([A-Z]{3,5})(?= ))?`,
  'y',
);
const UNIX = /(\d{9,10})\.(\d{1,9})(?=[ \]])/y;
/** printk time, also with the caller that CONFIG_PRINTK_CALLER adds, and journalctl short-delta's and dmesg -d's difference. */
const KERNEL = /\[ *(\d{1,10})\.(\d{1,9})(?: *<[^>\]]{0,20}>)? *\](?:\[ *[TC]\d+\])? ?/y;

/** dmesg -e: a difference to the line before, or the minute; neither is a time that can be used. */
const RELATIVE = new RegExp(`\\[(?: *\\+\\d+\\.\\d+|${MONTH} ?\\d{1,2} \\d\\d:\\d\\d)\\] `, 'y');

export interface Stamp {
  readonly time: ObservedTime;
  /** Where the text behind the stamp begins; one space is skipped. */
  readonly end: number;
  /** `dmesg` where only dmesg writes so, and no host name follows. */
  readonly writer?: 'dmesg';
}

/** The kernel's stamp at `at`: `[ 4075.248816] `. */
export function readKernelStamp(line: string, at: number): Stamp | undefined {
  KERNEL.lastIndex = at;
  const match = KERNEL.exec(line);
  if (!match) return undefined;
  const ns = Number(match[1]) * 1e9 + fraction(match[2]);
  return { time: { kernel: { ns, resolution: 10 ** (9 - match[2].length) } }, end: at + match[0].length };
}

/** A wall-clock stamp of any form at `at`; undefined where none stands there. */
export function readWallStamp(line: string, at: number, options: ClockOptions): Stamp | undefined {
  const bracket = line[at] === '[';
  RELATIVE.lastIndex = at;
  if (bracket && RELATIVE.test(line)) return { time: {}, end: RELATIVE.lastIndex, writer: 'dmesg' };
  const start = bracket ? at + 1 : at;
  const found = readIso(line, start, options) ?? readBsd(line, start, options) ?? readUnix(line, start);
  if (!found) return bracket ? readForeignCtime(line, at, options) : undefined;
  let { end } = found;
  if (bracket) {
    if (line[end] !== ']') return undefined;
    end++;
  }
  if (end < line.length && line[end] !== ' ' && line[end] !== ':') return undefined;
  const dmesg = bracket || line.slice(start, end).includes(',');
  return {
    time: { wall: found.wall },
    end: line[end] === ' ' ? end + 1 : end,
    ...(dmesg && { writer: 'dmesg' }),
  };
}

/** dmesg -T in another language: its names of days and months are those of the locale (strftime(3), %a %b). */
const FOREIGN = new RegExp(
  `\\[(\\p{L}{1,5})\\.? +(\\p{L}{1,6})\\.? +(\\d{1,2}) ${CLOCK} (\\d{4})\\](?: |$)`,
  'uy',
);
/** Those whose short names are letters, and tell the month by their first three or the whole. */
const LOCALES = ['en', 'de', 'fr', 'es', 'it', 'pt', 'nl', 'sv', 'nb', 'pl', 'cs', 'tr', 'ru', 'uk'];

function readForeignCtime(line: string, at: number, options: ClockOptions): Stamp | undefined {
  FOREIGN.lastIndex = at;
  const match = FOREIGN.exec(line);
  if (!match) return undefined;
  const [text, , name, day, hour, minute, second, digits, year] = match;
  const month = foreignMonths().get(plain(name));
  if (month === undefined) return { time: {}, end: at + text.length, writer: 'dmesg' };
  const days = Date.UTC(Number(year), month, Number(day)) / 1000;
  const wall = wallOf(days + seconds(hour, minute, second), digits, undefined, options, false);
  return { time: { wall }, end: at + text.length, writer: 'dmesg' };
}

let months: Map<string, number> | undefined;

/** Names that stand for different months in different languages are left out. */
function foreignMonths(): ReadonlyMap<string, number> {
  if (months) return months;
  const found = new Map<string, number>();
  const ambiguous = new Set<string>();
  for (const locale of LOCALES) {
    const format = new Intl.DateTimeFormat(locale, { month: 'short', timeZone: 'UTC' });
    for (let month = 0; month < 12; month++) {
      const whole = plain(format.format(Date.UTC(2026, month, 15)));
      for (const name of [whole, whole.slice(0, 3)])
        if ((found.get(name) ?? month) === month) found.set(name, month);
        else ambiguous.add(name);
    }
  }
  for (const name of ambiguous) found.delete(name);
  return (months = found);
}

/** Small letters without accents and points. */
function plain(name: string): string {
  return name
    .toLowerCase()
    .normalize('NFD')
    .replace(/[^\p{L}]/gu, '');
}

interface Found {
  readonly wall: WallTime;
  readonly end: number;
}

function readIso(line: string, at: number, options: ClockOptions): Found | undefined {
  ISO.lastIndex = at;
  const match = ISO.exec(line);
  if (!match) return undefined;
  const [text, year, month, day, hour, minute, second, digits, utc, hours, minutes] = match;
  const zone =
    utc !== undefined
      ? 0
      : hours !== undefined
        ? Number(hours) * 60 + (hours.startsWith('-') ? -1 : 1) * Number(minutes ?? 0)
        : undefined;
  const days = Date.UTC(Number(year), Number(month) - 1, Number(day)) / 1000;
  const wall = wallOf(days + seconds(hour, minute, second), digits, zone, options, false);
  return { wall, end: at + text.length };
}

function readBsd(line: string, at: number, options: ClockOptions): Found | undefined {
  BSD.lastIndex = CTIME.lastIndex = at;
  const ctime = CTIME.exec(line);
  const match = ctime ?? BSD.exec(line);
  if (!match) return undefined;
  let month, day, hour, minute, second, digits, year: string | undefined, zone: string | undefined;
  if (ctime) [, month, day, hour, minute, second, digits, zone, year] = ctime;
  else {
    let late: string | undefined;
    [, month, day, year, hour, minute, second, digits, late] = match;
    year ??= late;
  }
  const at0 = (y: number): number =>
    Date.UTC(y, MONTHS.indexOf(month) / 3, Number(day)) / 1000 + seconds(hour, minute, second);
  const known = zone === 'UTC' || zone === 'GMT' ? 0 : undefined;
  const chosen = year === undefined ? likelyYear(at0, options) : Number(year);
  return { wall: wallOf(at0(chosen), digits, known, options, year === undefined), end: at + match[0].length };
}

function readUnix(line: string, at: number): Found | undefined {
  UNIX.lastIndex = at;
  const match = UNIX.exec(line);
  if (!match) return undefined;
  return {
    wall: {
      ns: BigInt(match[1]) * 1_000_000_000n + BigInt(fraction(match[2])),
      resolution: 10 ** (9 - match[2].length),
    },
    end: at + match[0].length,
  };
}

function wallOf(
  local: number,
  digits: string | undefined,
  zone: number | undefined,
  options: ClockOptions,
  yearAssumed: boolean,
): WallTime {
  const utc = local - 60 * (zone ?? options.utcOffset ?? 0);
  return {
    ns: BigInt(Math.round(utc)) * 1_000_000_000n + BigInt(fraction(digits ?? '')),
    resolution: 10 ** (9 - (digits?.length ?? 0)),
    ...(zone === undefined && { zoneAssumed: true as const }),
    ...(yearAssumed && { yearAssumed: true as const }),
  };
}

function likelyYear(at: (year: number) => number, options: ClockOptions): number {
  if (options.year !== undefined) return options.year;
  if (options.near === undefined) return 1970;
  const near = Number(options.near / 1_000_000_000n);
  const year = new Date(near * 1000).getUTCFullYear();
  let best = year;
  for (const other of [year - 1, year + 1])
    if (Math.abs(at(other) - near) < Math.abs(at(best) - near)) best = other;
  return best;
}

function seconds(hour: string, minute: string, second: string): number {
  return Number(hour) * 3600 + Number(minute) * 60 + Number(second);
}

/** Digits behind the point as ns. */
function fraction(digits: string): number {
  return Number(digits.padEnd(9, '0'));
}
