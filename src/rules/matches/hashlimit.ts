import { i32, u16 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { addressText } from '../../packet/addresses.js';
import { numberArgument, oneOf, requireOption } from '../arguments.js';
import {
  bytesToCost,
  type Cost,
  costToBytes,
  creditsOverflow,
  pay,
  printBytes,
  type RateEntry,
  refill,
  SCALE,
  startEntry,
} from '../hashlimitRate.js';
import type { Context } from '../context.js';
import type { Condition, Field, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { jiffiesOfMilliseconds } from '../jiffies.js';
import type { OptionList, OptionSpec } from '../options.js';
import { outcomeOf } from '../outcomes.js';
import { parseRate, printRate } from '../rate.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { WordMap } from '../wordMap.js';
import { reach } from './header.js';

/** `struct hashlimit_cfg3` (linux/netfilter/xt_hashlimit.h). */
export interface HashlimitMatch extends Cost {
  readonly version: 4 | 6;
  readonly above: boolean;
  readonly name: string;
  readonly sourceIp: boolean;
  readonly sourcePort: boolean;
  readonly destinationIp: boolean;
  readonly destinationPort: boolean;
  readonly sourceMask: number;
  readonly destinationMask: number;
  /** Buckets; 0: the kernel chooses. */
  readonly size: number;
  readonly max: number;
  readonly gcInterval: number;
  /** ms after which an idle entry may go. */
  readonly expire: number;
}

interface Entry extends RateEntry {
  /** Tick. */
  expires: number;
}

/** `struct xt_hashlimit_htable`: shared by the rules that name it; the first rule's settings are everybody's. */
export interface HashlimitTable {
  readonly settings: HashlimitMatch;
  readonly entries: WordMap<Entry>;
  readonly max: number;
  /** Ticks: when it was made, how often it is swept, when it was last. */
  readonly made: number;
  readonly interval: number;
  swept: number;
}

const DEFAULT_BURST = 5;
const DEFAULT_GC_INTERVAL = 1000;
/** XT_HASHLIMIT_BYTE_EXPIRE and _BURST, seconds. */
const BYTE_EXPIRE = 15;
const BYTE_EXPIRE_BURST = 60;
const BUCKETS_OF_A_BIG_HOST = 8192;
const NAME_LENGTH = 255;
const RATES = ['--hashlimit-upto', '--hashlimit-above'] as const;

const OPTIONS: readonly OptionSpec[] = [
  { name: '--hashlimit-upto', aliases: ['--hashlimit'], args: 1, negatable: true },
  { name: '--hashlimit-above', args: 1, negatable: true },
  { name: '--hashlimit-burst', args: 1 },
  { name: '--hashlimit-mode', args: 1 },
  { name: '--hashlimit-name', args: 1 },
  { name: '--hashlimit-srcmask', args: 1 },
  { name: '--hashlimit-dstmask', args: 1 },
  { name: '--hashlimit-htable-size', args: 1 },
  { name: '--hashlimit-htable-max', args: 1 },
  { name: '--hashlimit-htable-gcinterval', args: 1 },
  { name: '--hashlimit-htable-expire', args: 1 },
  { name: '--hashlimit-rate-match', args: 0 },
  { name: '--hashlimit-rate-interval', args: 1 },
];

/** Number of bytes with `kb` or `mb`; `rest` must follow. */
function parseBytes(text: string, rest: string): number | undefined {
  const found = /^(\d{1,12})(k|m)?b(.*)$/.exec(text);
  if (!found || found[3] !== rest) return undefined;
  return Number(found[1]) * (found[2] === 'k' ? 1024 : found[2] === 'm' ? 1024 * 1024 : 1);
}

function parse(options: OptionList): HashlimitMatch {
  const number = (name: string, otherwise: number, max?: number): number =>
    numberArgument(options, 'hashlimit', `--hashlimit-${name}`, otherwise, max);
  const given = oneOf(options, 'hashlimit', RATES);
  if (!given) options.error('You have to specify --hashlimit');
  const word = given?.args[0];
  const speed = word && parseBytes(word.text, '/s');
  const rate = word && speed === undefined ? parseRate(word.text, SCALE) : undefined;
  if (word && ((speed === undefined && !rate) || (speed !== undefined && bytesToCost(speed) === 0)))
    options.error(refusal.badValue('hashlimit', given.name, word.text), word);
  const bytes = speed !== undefined;
  const period = bytes ? bytesToCost(speed) : (rate?.period ?? SCALE);
  const burst = parseBurst(options, bytes, period);
  const name = requireOption(options, 'hashlimit', '--hashlimit-name');
  if (name && (name.text === '' || name.text.length > NAME_LENGTH || /^\.{1,2}$|\//.test(name.text)))
    options.error(refusal.badValue('hashlimit', '--hashlimit-name', name.text), name);
  const mode = new Set<string>();
  const modeWord = options.find('--hashlimit-mode')?.args[0];
  for (const part of modeWord?.text.split(',') ?? []) {
    if (['srcip', 'srcport', 'dstip', 'dstport'].includes(part)) mode.add(part);
    else options.error(refusal.badValue('hashlimit', '--hashlimit-mode', modeWord!.text), modeWord);
  }
  const width = options.version === 4 ? 32 : 128;
  const unit = bytes ? (burst ? BYTE_EXPIRE_BURST : BYTE_EXPIRE) : (rate?.unit ?? 1);
  const rateMatch = options.has('--hashlimit-rate-match');
  if (!bytes && !rateMatch && creditsOverflow(period, burst))
    options.error('the rate is too low for this burst: the kernel cannot count so many credits', word);
  return {
    version: options.version,
    bytes,
    period,
    burst,
    rateMatch,
    rateInterval: rateMatch ? Math.max(1, number('rate-interval', 1)) : 0,
    above: (given?.name === '--hashlimit-above') !== (given?.negated ?? false),
    name: name?.text ?? '',
    sourceIp: mode.has('srcip'),
    sourcePort: mode.has('srcport'),
    destinationIp: mode.has('dstip'),
    destinationPort: mode.has('dstport'),
    sourceMask: number('srcmask', width, width),
    destinationMask: number('dstmask', width, width),
    size: number('htable-size', 0),
    max: number('htable-max', 0),
    gcInterval: number('htable-gcinterval', DEFAULT_GC_INTERVAL),
    expire: number('htable-expire', unit * 1000),
  };
}

/** In byte mode the burst is kept as how often the second's worth of bytes may be filled up again. */
function parseBurst(options: OptionList, bytes: boolean, cost: number): number {
  const word = options.find('--hashlimit-burst')?.args[0];
  if (!bytes) return numberArgument(options, 'hashlimit', '--hashlimit-burst', DEFAULT_BURST, 1_000_000);
  if (!word) return 0;
  const size = parseBytes(word.text, '');
  if (size !== undefined && size >= costToBytes(cost)) return Math.ceil(size / costToBytes(cost));
  options.error(refusal.badValue('hashlimit', '--hashlimit-burst', word.text), word);
  return 0;
}

function modes(data: HashlimitMatch): string[] {
  return [
    ...(data.sourceIp ? ['srcip'] : []),
    ...(data.sourcePort ? ['srcport'] : []),
    ...(data.destinationIp ? ['dstip'] : []),
    ...(data.destinationPort ? ['dstport'] : []),
  ];
}

/** The rate's text, and the seconds after which an entry expires where nothing else is said. */
function rateText(data: HashlimitMatch, period: number): { rate: string; burst: string; expire: number } {
  if (data.bytes) {
    const { rate, burst } = printBytes(data);
    return { rate, burst, expire: burst ? BYTE_EXPIRE_BURST : BYTE_EXPIRE };
  }
  const { text, unit } = printRate(period, SCALE);
  return { rate: text, burst: String(data.burst), expire: unit };
}

function print(data: HashlimitMatch): string {
  const { rate, burst, expire } = rateText(data, data.period);
  const width = data.version === 4 ? 32 : 128;
  const parts = [`--hashlimit-${data.above ? 'above' : 'upto'} ${rate}`];
  if (burst) parts.push(`--hashlimit-burst ${burst}`);
  if (modes(data).length) parts.push(`--hashlimit-mode ${modes(data).join(',')}`);
  parts.push(`--hashlimit-name ${data.name}`);
  if (data.size) parts.push(`--hashlimit-htable-size ${data.size}`);
  if (data.max) parts.push(`--hashlimit-htable-max ${data.max}`);
  if (data.gcInterval !== DEFAULT_GC_INTERVAL) parts.push(`--hashlimit-htable-gcinterval ${data.gcInterval}`);
  if (data.expire !== expire * 1000) parts.push(`--hashlimit-htable-expire ${data.expire}`);
  if (data.sourceMask !== width) parts.push(`--hashlimit-srcmask ${data.sourceMask}`);
  if (data.destinationMask !== width) parts.push(`--hashlimit-dstmask ${data.destinationMask}`);
  if (data.rateMatch) parts.push('--hashlimit-rate-match');
  if (data.rateInterval > 1) parts.push(`--hashlimit-rate-interval ${data.rateInterval}`);
  return parts.join(' ');
}

function list(data: HashlimitMatch): string {
  const { rate, burst, expire } = rateText(data, data.period * (data.rateInterval || 1));
  const width = data.version === 4 ? 32 : 128;
  const parts = [`limit: ${data.above ? 'above' : 'up to'} ${rate}`];
  if (burst) parts.push(`burst ${burst}`);
  if (modes(data).length) parts.push(`mode ${modes(data).join('-')}`);
  if (data.size) parts.push(`htable-size ${data.size}`);
  if (data.max) parts.push(`htable-max ${data.max}`);
  if (data.gcInterval !== DEFAULT_GC_INTERVAL) parts.push(`htable-gcinterval ${data.gcInterval}`);
  if (data.expire !== expire * 1000) parts.push(`htable-expire ${data.expire}`);
  if (data.sourceMask !== width) parts.push(`srcmask ${data.sourceMask}`);
  if (data.destinationMask !== width) parts.push(`dstmask ${data.destinationMask}`);
  if (data.rateMatch) parts.push('rate-match');
  if (data.rateInterval > 1) parts.push(`rate-interval ${data.rateInterval}`);
  return parts.join(' ');
}

/** `htable_create()`: one table a name and family. */
function start(data: HashlimitMatch, { shared, tick }: Pick<Context, 'shared' | 'tick'>): HashlimitTable {
  return shared.get('hashlimit', `${data.version} ${data.name}`, (): HashlimitTable => {
    const size = data.size || BUCKETS_OF_A_BIG_HOST;
    return {
      settings: data,
      entries: new WordMap(9),
      max: data.max === 0 ? 8 * size : Math.max(data.max, size),
      made: tick,
      interval: Math.max(1, jiffiesOfMilliseconds(data.gcInterval)),
      swept: tick,
    };
  });
}

/** The address and port words of a packet, masked; written over with each one. */
const key = new Int32Array(9);

/** Protocols whose header begins with two ports: `proto_ports_offset()` (include/linux/in.h). */
function portsOffset(protocol: number): number {
  switch (protocol) {
    case Protocol.tcp:
    case Protocol.udp:
    case Protocol.dccp:
    case Protocol.esp:
    case Protocol.sctp:
    case Protocol.udplite:
      return 0;
    case Protocol.ah:
      return 4;
    default:
      return -1;
  }
}

function putAddress(packet: Packet, at: number, words: number, to: number, bits: number): void {
  for (let i = 0; i < words; i++) {
    const kept = Math.min(32, Math.max(0, bits - 32 * i));
    key[to + i] = kept === 0 ? 0 : i32(packet.data, at + 4 * i) & (-1 << (32 - kept));
  }
}

/** `hashlimit_init_dst()`: fills `key`; anything but a hit where the ports cannot be read. */
function putKey(settings: HashlimitMatch, packet: Packet): Outcome {
  key.fill(0);
  const words = packet.version === 4 ? 1 : 4;
  if (settings.sourceIp) putAddress(packet, packet.sourceOffset, words, 0, settings.sourceMask);
  if (settings.destinationIp)
    putAddress(packet, packet.destinationOffset, words, 4, settings.destinationMask);
  if (!settings.sourcePort && !settings.destinationPort) return Outcome.hit;
  // `ipv6_skip_exthdr()` (net/ipv6/exthdrs_core.c) finds nothing where no header follows.
  if (packet.version === 6 && packet.protocol === Protocol.none) return Outcome.hotdrop;
  const offset = portsOffset(packet.protocol);
  if (offset < 0) return Outcome.hit;
  const at = packet.transport + offset;
  const there = reach(packet, at + 4);
  if (there !== Outcome.hit) return there;
  const source = settings.sourcePort ? u16(packet.data, at) : 0;
  const destination = settings.destinationPort ? u16(packet.data, at + 2) : 0;
  key[8] = (source << 16) | destination;
  return Outcome.hit;
}

/** `htable_gc()`: every interval the entries that have expired go. */
function sweep(table: HashlimitTable, now: number): void {
  const at = now - ((now - table.made) % table.interval);
  if (at <= table.swept) return;
  table.swept = at;
  for (const [words, entry] of [...table.entries.entries()])
    if (at >= entry.expires) table.entries.delete(words);
}

/** `hashlimit_mt_common()` (net/netfilter/xt_hashlimit.c). */
function test(data: HashlimitMatch, packet: Packet, context: Context, table: HashlimitTable): Outcome {
  const there = putKey(table.settings, packet);
  if (there !== Outcome.hit) return there;
  const now = context.tick;
  sweep(table, now);
  let entry = table.entries.get(key);
  if (!entry) {
    if (table.entries.size >= table.max) return Outcome.hotdrop;
    entry = { ...startEntry(table.settings, now), expires: 0 };
    table.entries.set(key, entry);
  } else refill(table.settings, entry, now);
  entry.expires = now + jiffiesOfMilliseconds(table.settings.expire);
  return outcomeOf(pay(data, entry, packet.length) !== data.above);
}

function explain(
  data: HashlimitMatch,
  packet: Packet,
  _: Context,
  table: HashlimitTable,
  outcome: Outcome,
): Condition[] {
  const { settings } = table;
  const who = [
    ...(settings.sourceIp ? [`from ${addressText(packet, 'source')}/${settings.sourceMask}`] : []),
    ...(settings.sourcePort ? [`from port ${packet.sourcePort}`] : []),
    ...(settings.destinationIp
      ? [`to ${addressText(packet, 'destination')}/${settings.destinationMask}`]
      : []),
    ...(settings.destinationPort ? [`to port ${packet.destinationPort}`] : []),
  ];
  const wanted = `${list(data).replace(/^limit: /, '')}${who.length ? `, ${who.join(' ')}` : ''}`;
  if (outcome !== Outcome.hit && outcome !== Outcome.miss)
    return [{ name: 'hashlimit', field: 'transport', wanted, saw: 'no ports that can be read', outcome }];
  const hit = outcome === Outcome.hit;
  const saw = hit === data.above ? 'over the limit' : 'within the limit';
  return [condition('hashlimit', 'count', false, wanted, saw, hit)];
}

export const hashlimit: MatchDefinition<HashlimitMatch, HashlimitTable> = {
  name: 'hashlimit',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print,
  list,
  reads: (data): Field[] => {
    const fields: Field[] = ['time', 'count'];
    if (data.sourceIp) fields.push('ip.source');
    if (data.sourcePort) fields.push('sourcePort');
    if (data.destinationIp) fields.push('ip.destination');
    if (data.destinationPort) fields.push('destinationPort');
    if (data.bytes) fields.push('ip.length');
    return fields;
  },
  pure: false,
  common: true,
  start,
  test,
  explain,
};
