import { IpAddress, parseAddress } from '../../address/ip.js';
import { i32, u8 } from '../../packet/bytes.js';
import { Ipv4 } from '../../packet/ipv4.js';
import { Ipv6 } from '../../packet/ipv6.js';
import { SocketKind } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { addressText } from '../../packet/addresses.js';
import { numberArgument, oneOf } from '../arguments.js';
import { bang } from '../negatable.js';
import type { Context } from '../context.js';
import type { Condition, Field, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { HZ } from '../jiffies.js';
import type { OptionList, OptionSpec } from '../options.js';
import { KERNEL_REFUSES, refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { outcomeOf } from '../outcomes.js';

/** `struct xt_recent_mtinfo_v1` (linux/netfilter/xt_recent.h). */
export interface RecentMatch {
  readonly action: 'set' | 'rcheck' | 'update' | 'remove';
  readonly negated: boolean;
  readonly seconds: number;
  /** 0: not asked for. */
  readonly hitCount: number;
  readonly reap: boolean;
  readonly rttl: boolean;
  readonly name: string;
  readonly side: 'source' | 'destination';
  readonly mask: IpAddress;
}

/** One remembered address: `struct recent_entry` (net/netfilter/xt_recent.c). */
interface Entry {
  readonly version: 4 | 6;
  readonly words: readonly [number, number, number, number];
  ttl: number;
  /** Ticks, a ring that is written at `index`. */
  readonly stamps: number[];
  index: number;
  /** Grows with every use: the entry with the least is the oldest. */
  used: number;
}

/** A list, shared by every rule that names it, whatever its family. */
export interface RecentTable {
  /** In the order of making. */
  entries: Entry[];
  /** The mask of the rule that made the list. */
  readonly mask: IpAddress;
  /** Stamps kept an address, less 1. */
  stampMask: number;
  uses: number;
}

/** Module parameter ip_list_tot. */
const MAX_ENTRIES = 100;
/** XT_RECENT_MAX_NSTAMPS. */
const MAX_STAMPS = 65536;
const NAME_LENGTH = 199;
const ACTIONS = ['--set', '--rcheck', '--update', '--remove'] as const;

const OPTIONS: readonly OptionSpec[] = [
  ...ACTIONS.map((name) => ({ name, args: 0, negatable: true }) as const),
  { name: '--seconds', args: 1 },
  { name: '--hitcount', args: 1 },
  { name: '--reap', args: 0 },
  { name: '--rttl', args: 0 },
  { name: '--name', args: 1 },
  { name: '--mask', args: 1 },
  { name: '--rsource', args: 0 },
  { name: '--rdest', args: 0 },
];

function fullMask(version: 4 | 6): IpAddress {
  return version === 4 ? new IpAddress(4, -1) : new IpAddress(6, -1, -1, -1, -1);
}

function parse(options: OptionList): RecentMatch {
  const given = oneOf(options, 'recent', ACTIONS);
  if (!given) options.error('one of --set, --rcheck, --update and --remove must be given');
  const action = (given?.name ?? '--set').slice(2) as RecentMatch['action'];
  const seconds = numberArgument(options, 'recent', '--seconds', 0);
  const hitCount = numberArgument(options, 'recent', '--hitcount', 0);
  const reap = options.has('--reap');
  const rttl = options.has('--rttl');
  if (action === 'set' || action === 'remove') {
    // The kernel refuses the others too, which libxt_recent lets by: `recent_mt_check()` (net/netfilter/xt_recent.c).
    const out = options.find('--rttl');
    if (out) options.error(refusal.together('recent', '--rttl', `--${action}`), out);
    else if (seconds || hitCount || reap) options.error(KERNEL_REFUSES, given);
  }
  if (reap && !seconds) options.error('--reap needs --seconds', options.find('--reap'));
  if (hitCount >= MAX_STAMPS) options.error(KERNEL_REFUSES, options.find('--hitcount')?.args[0]);
  const nameWord = options.find('--name')?.args[0];
  const name = nameWord?.text ?? 'DEFAULT';
  if (name === '' || name.length > NAME_LENGTH || name.includes('/'))
    options.error(`the name of a list has 1 to ${NAME_LENGTH} characters, none of them a slash`, nameWord);
  const maskWord = options.find('--mask')?.args[0];
  const mask = maskWord && parseAddress(maskWord.text);
  if (maskWord && mask?.version !== options.version)
    options.error(`"${maskWord.text}" is no IPv${options.version} mask`, maskWord);
  return {
    action,
    negated: given?.negated ?? false,
    seconds,
    hitCount,
    reap,
    rttl,
    name,
    side: options.has('--rdest') ? 'destination' : 'source',
    mask: mask?.version === options.version ? mask : fullMask(options.version),
  };
}

function print(data: RecentMatch): string {
  const parts = [`${bang(data.negated)}--${data.action}`];
  if (data.seconds) parts.push(`--seconds ${data.seconds}`);
  if (data.reap) parts.push('--reap');
  if (data.hitCount) parts.push(`--hitcount ${data.hitCount}`);
  if (data.rttl) parts.push('--rttl');
  parts.push(`--name ${data.name}`, `--mask ${data.mask.toString()}`);
  parts.push(data.side === 'source' ? '--rsource' : '--rdest');
  return parts.join(' ');
}

const LISTED = { set: 'SET', rcheck: 'CHECK', update: 'UPDATE', remove: 'REMOVE' } as const;

function list(data: RecentMatch): string {
  const parts = [`${bang(data.negated)}recent: ${LISTED[data.action]}`];
  if (data.seconds) parts.push(`seconds: ${data.seconds}`);
  if (data.reap) parts.push('reap');
  if (data.hitCount) parts.push(`hit_count: ${data.hitCount}`);
  if (data.rttl) parts.push('TTL-Match');
  parts.push(`name: ${data.name}`, `side: ${data.side === 'source' ? 'source' : 'dest'}`);
  parts.push(`mask: ${data.mask.toString()}`);
  return parts.join(' ');
}

/** `recent_mt_check()`: as many stamps are kept as the greediest rule asks for, 32 where none asks. */
function start(data: RecentMatch, { shared }: Pick<Context, 'shared'>): RecentTable {
  const stampMask = data.hitCount ? 2 ** Math.ceil(Math.log2(data.hitCount)) - 1 : 31;
  const make = (): RecentTable => ({ entries: [], mask: data.mask, stampMask, uses: 0 });
  const table = shared.get('recent', data.name, make);
  if (stampMask > table.stampMask) {
    table.entries = [];
    table.stampMask = stampMask;
  }
  return table;
}

function find(table: RecentTable, packet: Packet, side: 'source' | 'destination', ttl: number): number {
  const { data, version } = packet;
  const at = side === 'source' ? packet.sourceOffset : packet.destinationOffset;
  const { mask } = table;
  const a = i32(data, at) & mask.a;
  const b = version === 4 ? 0 : i32(data, at + 4) & mask.b;
  const c = version === 4 ? 0 : i32(data, at + 8) & mask.c;
  const d = version === 4 ? 0 : i32(data, at + 12) & mask.d;
  return table.entries.findIndex(
    (e) =>
      e.words[0] === a &&
      e.words[1] === b &&
      e.words[2] === c &&
      e.words[3] === d &&
      e.version === version &&
      (ttl === e.ttl || ttl === 0 || e.ttl === 0),
  );
}

function make(
  table: RecentTable,
  packet: Packet,
  side: 'source' | 'destination',
  ttl: number,
  now: number,
): void {
  const { data, version } = packet;
  const at = side === 'source' ? packet.sourceOffset : packet.destinationOffset;
  const { a, b, c, d } = table.mask;
  if (table.entries.length >= MAX_ENTRIES) table.entries.splice(oldest(table), 1);
  const rest: [number, number, number] =
    version === 4 ? [0, 0, 0] : [i32(data, at + 4) & b, i32(data, at + 8) & c, i32(data, at + 12) & d];
  const words = [i32(data, at) & a, ...rest] as const;
  table.entries.push({ version, words, ttl, stamps: [now], index: 1, used: ++table.uses });
}

function oldest(table: RecentTable): number {
  const { entries } = table;
  let found = 0;
  for (let i = 1; i < entries.length; i++) if (entries[i].used < entries[found].used) found = i;
  return found;
}

/** The TTL as it was before forwarding took one off (of packets that no local socket sent). */
function ttlOf(packet: Packet): number {
  const ttl = u8(packet.data, packet.version === 4 ? Ipv4.ttl : Ipv6.hopLimit);
  return packet.out && packet.socket === SocketKind.none ? (ttl + 1) & 0xff : ttl;
}

/** How many stamps are recent enough. */
function hits(data: RecentMatch, entry: Entry, now: number): number {
  if (!data.seconds) return entry.stamps.length;
  const since = now - data.seconds * HZ;
  let count = 0;
  for (const stamp of entry.stamps) if (stamp >= since) count++;
  return count;
}

/** `recent_mt()` (net/netfilter/xt_recent.c). */
function test(data: RecentMatch, packet: Packet, context: Context, table: RecentTable): Outcome {
  const now = context.tick;
  const ttl = ttlOf(packet);
  const at = find(table, packet, data.side, data.rttl ? ttl : 0);
  if (at < 0) {
    if (data.action === 'set') make(table, packet, data.side, ttl, now);
    return outcomeOf((data.action === 'set') !== data.negated);
  }
  const entry = table.entries[at];
  if (data.action === 'remove') {
    table.entries.splice(at, 1);
    return outcomeOf(!data.negated);
  }
  const hit =
    (data.action === 'set' || hits(data, entry, now) >= Math.max(1, data.hitCount)) !== data.negated;
  const update = data.action === 'set' || (data.action === 'update' && hit);
  if (data.reap) {
    const stale = oldest(table);
    const e = table.entries[stale];
    if (!(e === entry && update) && now - data.seconds * HZ > e.stamps[e.index - 1])
      table.entries.splice(stale, 1);
  }
  if (update) {
    entry.index &= table.stampMask;
    entry.stamps[entry.index++] = now;
    entry.used = ++table.uses;
    entry.ttl = ttl;
  }
  return outcomeOf(hit);
}

function explain(
  data: RecentMatch,
  packet: Packet,
  context: Context,
  table: RecentTable,
  outcome: Outcome,
): Condition[] {
  const address = addressText(packet, data.side);
  const at = find(table, packet, data.side, data.rttl ? ttlOf(packet) : 0);
  const entry = at < 0 ? null : table.entries[at];
  const within = data.seconds ? ` in the last ${data.seconds} s` : '';
  const wanted =
    data.action === 'set'
      ? `${address} remembered in ${data.name}`
      : `${address} in ${data.name}, seen ${Math.max(1, data.hitCount)} times or more${within}`;
  const hit = outcome === Outcome.hit;
  // An update that hit has added its own stamp.
  const added = entry && data.action === 'update' && hit ? 1 : 0;
  const saw =
    data.action === 'remove' && hit !== data.negated
      ? 'was there, removed'
      : entry
        ? `seen ${hits(data, entry, context.tick) - added} times${within}`
        : 'not there';
  return [condition('recent', 'count', data.negated, wanted, saw, hit)];
}

export const recent: MatchDefinition<RecentMatch, RecentTable> = {
  name: 'recent',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print,
  list,
  reads: (data): Field[] => {
    const fields: Field[] = [data.side === 'source' ? 'ip.source' : 'ip.destination', 'time', 'count'];
    if (data.rttl) fields.push('ip.ttl');
    return fields;
  },
  pure: false,
  common: true,
  start,
  test,
  explain,
};
