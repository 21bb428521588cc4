import type { Packet } from '../../packet/packet.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import type { GivenOption, OptionList } from '../options.js';
import { refusal } from '../refusal.js';
import { outcomeOf } from '../outcomes.js';
import { Outcome } from '../verdict.js';

/** `struct xt_time_info` (linux/netfilter/xt_time.h). Times are UTC; the kernel's own time zone is taken to be UTC too. */
export interface TimeMatch {
  /** Seconds since the epoch, inclusive. */
  readonly dateStart: number;
  readonly dateStop: number;
  /** Seconds since midnight, inclusive; a stop before the start is on the next day. */
  readonly dayStart: number;
  readonly dayStop: number;
  /** Bit n: day n of the month. */
  readonly monthDays: number;
  /** Bit 1: Monday … bit 7: Sunday. */
  readonly weekDays: number;
  readonly kernelZone: boolean;
  /** A span over midnight belongs to the day it began on. */
  readonly contiguous: boolean;
}

const DAY = 86400;
const LAST_SECOND = DAY - 1;
const ALL_MONTH_DAYS = 0xfffffffe;
const ALL_WEEK_DAYS = 0xfe;
/** INT_MAX: what iptables 1.8.9 puts where no --datestop is given. */
const NO_STOP = 0x7fffffff;
const WEEK_DAYS = ['', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

function parseTimeOfDay(text: string): number | undefined {
  const found = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?$/.exec(text);
  if (!found) return undefined;
  const [hour, minute, second] = [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)];
  return hour < 24 && minute < 60 && second < 60 ? hour * 3600 + minute * 60 + second : undefined;
}

/** `YYYY[-MM[-DD[Thh[:mm[:ss]]]]]` */
function parseDate(text: string): number | undefined {
  const found = /^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:T(\d{1,2})(?::(\d{1,2})(?::(\d{1,2}))?)?)?)?)?$/.exec(
    text,
  );
  if (!found) return undefined;
  const [year, month = 1, day = 1, hour = 0, minute = 0, second = 0] = found
    .slice(1)
    .map((part) => (part === undefined ? undefined : Number(part)));
  if (year! < 1970 || year! > 2038 || month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return Date.UTC(year!, month - 1, day, hour, minute, second) / 1000;
}

function parse(options: OptionList): TimeMatch {
  const take = (name: string, read: (text: string) => number | undefined, otherwise: number): number => {
    const word = options.find(name)?.args[0];
    const value = word ? read(word.text) : otherwise;
    if (value === undefined) options.error(refusal.badValue('time', name, word!.text), word);
    return value ?? otherwise;
  };
  const days = (name: string, all: number, read: (text: string) => number | undefined): number => {
    const given: GivenOption | undefined = options.find(name);
    if (!given) return all;
    let bits = 0;
    for (const text of given.args[0].text.split(',')) {
      const day = read(text);
      if (day === undefined) options.error(refusal.badValue('time', name, text), given.args[0]);
      else bits |= 1 << day;
    }
    return ((given.negated ? ~bits : bits) & all) >>> 0;
  };
  const number =
    (max: number) =>
    (text: string): number | undefined =>
      /^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= max ? Number(text) : undefined;
  const weekday = (text: string): number | undefined => {
    const at = WEEK_DAYS.findIndex(
      (name, i) => i > 0 && text.length >= 2 && name.toLowerCase().startsWith(text.slice(0, 3).toLowerCase()),
    );
    return at > 0 ? at : number(7)(text);
  };
  return {
    dateStart: take('--datestart', parseDate, 0),
    dateStop: take('--datestop', parseDate, NO_STOP),
    dayStart: take('--timestart', parseTimeOfDay, 0),
    dayStop: take('--timestop', parseTimeOfDay, LAST_SECOND),
    monthDays: days('--monthdays', ALL_MONTH_DAYS, number(31)),
    weekDays: days('--weekdays', ALL_WEEK_DAYS, weekday),
    kernelZone: options.has('--kerneltz'),
    contiguous: options.has('--contiguous'),
  };
}

function clock(seconds: number): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function date(seconds: number, separator: string): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', separator);
}

function bitsOf(bits: number): number[] {
  return Array.from({ length: 31 }, (_, i) => i + 1).filter((day) => (bits >>> day) & 1);
}

function weekDayNames(bits: number): string {
  return bitsOf(bits)
    .map((day) => WEEK_DAYS[day])
    .join(',');
}

function print(data: TimeMatch): string {
  const parts: string[] = [];
  if (data.dayStart !== 0 || data.dayStop !== LAST_SECOND)
    parts.push(`--timestart ${clock(data.dayStart)} --timestop ${clock(data.dayStop)}`);
  if (data.monthDays !== ALL_MONTH_DAYS) parts.push(`--monthdays ${bitsOf(data.monthDays).join(',')}`);
  if (data.weekDays !== ALL_WEEK_DAYS) parts.push(`--weekdays ${weekDayNames(data.weekDays)}`);
  if (data.dateStart !== 0) parts.push(`--datestart ${date(data.dateStart, 'T')}`);
  parts.push(`--datestop ${date(data.dateStop, 'T')}`);
  if (data.kernelZone) parts.push('--kerneltz');
  if (data.contiguous) parts.push('--contiguous');
  return parts.join(' ');
}

/** The ending that libxt_time gives a number: 11st, 12nd and 13rd too. */
function ordinal(day: number): string {
  return `${day}${['th', 'st', 'nd', 'rd'][day % 10] ?? 'th'}`;
}

function list(data: TimeMatch): string {
  const parts = ['TIME'];
  if (data.dayStart !== 0 || data.dayStop !== LAST_SECOND)
    parts.push(`from ${clock(data.dayStart)} to ${clock(data.dayStop)}`);
  if (data.weekDays !== ALL_WEEK_DAYS) parts.push(`on ${weekDayNames(data.weekDays)}`);
  if (data.monthDays !== ALL_MONTH_DAYS) parts.push(`on ${bitsOf(data.monthDays).map(ordinal).join(',')}`);
  if (data.dateStart !== 0) parts.push(`starting from ${date(data.dateStart, ' ')}`);
  if (data.dateStop !== NO_STOP) parts.push(`until date ${date(data.dateStop, ' ')}`);
  if (!data.kernelZone) parts.push('UTC');
  if (data.contiguous) parts.push('contiguous');
  return parts.join(' ');
}

/** Seconds since the epoch at the packet. */
function wallClock(context: Context): number {
  return Number((context.epoch + BigInt(Math.floor(context.now))) / 1_000_000_000n);
}

/** `time_mt()` (net/netfilter/xt_time.c) */
function test(data: TimeMatch, _: Packet, context: Context): Outcome {
  let stamp = wallClock(context);
  if (stamp < data.dateStart || stamp > data.dateStop) return Outcome.miss;
  const ofDay = stamp % DAY;
  if (data.dayStart < data.dayStop) {
    if (ofDay < data.dayStart || ofDay > data.dayStop) return Outcome.miss;
  } else {
    if (ofDay < data.dayStart && ofDay > data.dayStop) return Outcome.miss;
    if (data.contiguous && ofDay <= data.dayStop) stamp -= DAY;
  }
  // 1970-01-01 was a Thursday.
  const weekDay = ((4 + Math.floor(stamp / DAY) - 1) % 7) + 1;
  if (!((data.weekDays >>> weekDay) & 1)) return Outcome.miss;
  const monthDay = new Date(stamp * 1000).getUTCDate();
  return outcomeOf(((data.monthDays >>> monthDay) & 1) === 1);
}

function explain(data: TimeMatch, packet: Packet, context: Context): Condition[] {
  const stamp = wallClock(context);
  const weekDay = WEEK_DAYS[((4 + Math.floor(stamp / DAY) - 1) % 7) + 1];
  const hit = test(data, packet, context) === Outcome.hit;
  return [
    condition('time', 'time', false, list(data).replace(/^TIME /, ''), `${weekDay} ${date(stamp, ' ')}`, hit),
  ];
}

export const time: MatchDefinition<TimeMatch, undefined> = {
  name: 'time',
  versions: [4, 6],
  options: [
    { name: '--datestart', args: 1 },
    { name: '--datestop', args: 1 },
    { name: '--timestart', args: 1 },
    { name: '--timestop', args: 1 },
    { name: '--monthdays', args: 1, negatable: true },
    { name: '--weekdays', args: 1, negatable: true },
    { name: '--localtz', args: 0 },
    { name: '--kerneltz', args: 0 },
    { name: '--utc', args: 0 },
    { name: '--contiguous', args: 0 },
  ],
  parse,
  print,
  list,
  reads: () => ['time'],
  pure: false,
  common: false,
  start: () => undefined,
  test,
  explain,
};
