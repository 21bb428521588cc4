import { i32 } from '../../packet/bytes.js';
import type { Packet } from '../../packet/packet.js';
import { addressText } from '../../packet/addresses.js';
import { numberArgument, oneOf } from '../arguments.js';
import { CtState, CtStatus, type Tuple } from '../connection.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { jiffies } from '../jiffies.js';
import type { OptionList, OptionSpec } from '../options.js';
import { parseAddress } from '../../address/ip.js';
import { parseUint } from '../integers.js';
import { outcomeOf } from '../outcomes.js';
import { refusal, refuseTogether } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { WordMap } from '../wordMap.js';

/** `struct xt_connlimit_info` (linux/netfilter/xt_connlimit.h). */
export interface ConnlimitMatch {
  readonly version: 4 | 6;
  readonly limit: number;
  /** --connlimit-above; else --connlimit-upto. */
  readonly above: boolean;
  /** Prefix length under which connections are counted together. */
  readonly mask: number;
  readonly side: 'source' | 'destination';
}

/** The connections counted under one key: `struct nf_conncount_list` (net/netfilter/nf_conncount.c). */
export interface ConnectionList {
  tuples: { readonly tuple: Tuple; readonly zone: number }[];
  /** The tick at which the list was last cleaned, and what it held then. */
  cleanedAt: number;
  heldThen: number;
}

/** Each rule counts for itself: `struct nf_conncount_data`. Keys are four address words and the zone. */
export type ConnlimitState = WordMap<ConnectionList>;

/** CONNCOUNT_GC_MAX_COUNT of Linux 6.18: how much is thrown out, or put in without looking, at a time. */
const CLEAN_AT_ONCE = 64;

const OPTIONS: readonly OptionSpec[] = [
  { name: '--connlimit-upto', args: 1, negatable: true },
  { name: '--connlimit-above', args: 1, negatable: true },
  { name: '--connlimit-mask', args: 1 },
  { name: '--connlimit-saddr', args: 0 },
  { name: '--connlimit-daddr', args: 0 },
];

function parse(options: OptionList): ConnlimitMatch {
  const given = oneOf(options, 'connlimit', ['--connlimit-upto', '--connlimit-above']);
  if (!given) options.error('You must specify "--connlimit-above" or "--connlimit-upto".');
  refuseTogether(options, 'connlimit', ['--connlimit-saddr', '--connlimit-daddr']);
  return {
    version: options.version,
    limit: given ? numberArgument(options, 'connlimit', given.name, 0) : 0,
    above: (given?.name === '--connlimit-above') !== (given?.negated ?? false),
    mask: parseMask(options),
    side: options.has('--connlimit-daddr') ? 'destination' : 'source',
  };
}

/** A prefix length, or a netmask that is one. */
function parseMask(options: OptionList): number {
  const width = options.version === 4 ? 32 : 128;
  const word = options.find('--connlimit-mask')?.args[0];
  if (!word) return width;
  const address = parseAddress(word.text);
  if (address?.version === 4 && options.version === 4) {
    const ones = Math.clz32(~address.a);
    if (ones === 32 || address.a << ones === 0) return ones;
  }
  const length = parseUint(word.text, width);
  if (length === undefined)
    options.error(refusal.outOfRange('connlimit', '--connlimit-mask', 0, width), word);
  return length ?? width;
}

/** The masked address and the zone; written over with each packet. */
const key = new Int32Array(5);

function putKey(data: ConnlimitMatch, packet: Packet, zone: number): void {
  const at = data.side === 'source' ? packet.sourceOffset : packet.destinationOffset;
  const words = packet.version === 4 ? 1 : 4;
  key.fill(0);
  for (let i = 0; i < words; i++) {
    const kept = Math.min(32, Math.max(0, data.mask - 32 * i));
    key[i] = kept === 0 ? 0 : i32(packet.data, at + 4 * i) & (-1 << (32 - kept));
  }
  key[4] = zone;
}

/** `__nf_conncount_add()`: throws out what is gone, and counts this tuple in unless it is there. */
export function countConnection(
  list: ConnectionList,
  tuple: Tuple,
  zone: number,
  confirmed: boolean,
  context: Context,
): void {
  const now = jiffies(context.now);
  // A confirmed connection may be in the list already, so the list is always looked through for it.
  if (confirmed || now !== list.cleanedAt || list.tuples.length - list.heldThen >= CLEAN_AT_ONCE) {
    let gone = 0;
    let there = false;
    const { tuples } = list;
    let kept = 0;
    let at = 0;
    for (; at < tuples.length && gone <= CLEAN_AT_ONCE && !there; at++) {
      const one = tuples[at];
      const found = context.findConnection(one.tuple, one.zone);
      there = found !== null && one.zone === zone && one.tuple.equals(tuple);
      if (found && (there || !context.isClosed(found))) tuples[kept++] = one;
      else gone++;
    }
    if (gone) tuples.splice(kept, at - kept);
    if (there) return;
    list.cleanedAt = now;
    list.heldThen = tuples.length;
  }
  list.tuples.push({ tuple, zone });
}

/**
 * An ICMP error or reset about a confirmed connection is not counted in: the list only loses what is gone or closed
 * (`nf_conncount_gc_list()`), once a jiffy. Seen on Linux 6.18.
 */
function cleanList(list: ConnectionList, context: Context): void {
  const now = jiffies(context.now);
  if (now === list.cleanedAt) return;
  list.cleanedAt = now;
  let gone = 0;
  list.tuples = list.tuples.filter((one) => {
    if (gone > CLEAN_AT_ONCE) return true;
    const found = context.findConnection(one.tuple, one.zone);
    if (found && !context.isClosed(found)) return true;
    gone++;
    return false;
  });
  list.heldThen = list.tuples.length;
}

/** `connlimit_mt()` (net/netfilter/xt_connlimit.c), `nf_conncount_count()`. */
function test(data: ConnlimitMatch, packet: Packet, context: Context, state: ConnlimitState): Outcome {
  const { connection } = context;
  const tuple = connection ? connection.original : context.tupleOf(packet);
  if (!tuple) return Outcome.hotdrop;
  const zone = connection?.zone ?? 0;
  putKey(data, packet, zone);
  let list = state.get(key);
  if (!list) {
    list = { tuples: [{ tuple: tuple.copy(), zone }], cleanedAt: jiffies(context.now), heldThen: 0 };
    state.set(key, list);
  } else {
    const confirmed = connection !== null && (connection.status & CtStatus.confirmed) !== 0;
    if (confirmed && context.ctState === CtState.related) cleanList(list, context);
    else countConnection(list, tuple.copy(), zone, confirmed, context);
    // A count of 0 is what a failed allocation gives, too, and is taken for it.
    if (list.tuples.length === 0) return Outcome.hotdrop;
  }
  return outcomeOf(list.tuples.length > data.limit === data.above);
}

function explain(
  data: ConnlimitMatch,
  packet: Packet,
  context: Context,
  state: ConnlimitState,
  outcome: Outcome,
): Condition[] {
  const wanted = `${data.above ? 'more than' : 'at most'} ${data.limit} connections`;
  if (outcome === Outcome.hotdrop)
    return [{ name: 'connlimit', field: 'ct.tuple', wanted, saw: 'no tuple: dropped at once', outcome }];
  putKey(data, packet, context.connection?.zone ?? 0);
  const where = data.side === 'source' ? 'from' : 'to';
  const counted = state.get(key)?.tuples.length ?? 0;
  const saw = `${counted} ${where} ${addressText(packet, data.side)}/${data.mask}`;
  return [condition('connlimit', 'count', false, wanted, saw, outcome === Outcome.hit)];
}

export const connlimit: MatchDefinition<ConnlimitMatch, ConnlimitState> = {
  name: 'connlimit',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print: (data) =>
    `--connlimit-${data.above ? 'above' : 'upto'} ${data.limit} --connlimit-mask ${data.mask} ` +
    `--connlimit-${data.side === 'source' ? 'saddr' : 'daddr'}`,
  list: (data) =>
    `#conn ${data.side === 'source' ? 'src' : 'dst'}/${data.mask} ${data.above ? '>' : '<='} ${data.limit}`,
  reads: (data) => [data.side === 'source' ? 'ip.source' : 'ip.destination', 'ct.tuple', 'count'],
  pure: false,
  start: () => new WordMap<ConnectionList>(5),
  test,
  explain,
};
