import { i32 } from '../../packet/bytes.js';
import type { Packet } from '../../packet/packet.js';
import { addressText } from '../../packet/addresses.js';
import { numberArgument, oneOf } from '../arguments.js';
import { type Connection, CtStatus, type Tuple } from '../connection.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
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

/** A connection's status where nothing is known of it. */
const NO_STATUS = 0;

/**
 * Counts a packet's connection in: `__nf_conncount_add()` and its callers, `count_tree()` (net/netfilter/nf_conncount.c)
 * and `nft_connlimit_do_eval()`, as of Linux 6.18.44. One that is assured has been counted when it began, so the list only
 * loses what is gone; one that is confirmed is looked for among all; others are put in without a look, where the list
 * was gone through in this jiffy already.
 */
export function countConnection(
  list: ConnectionList,
  connection: Connection | null,
  packetTuple: Tuple,
  context: Context,
): void {
  const zone = connection?.zone ?? 0;
  const tuple = connection ? connection.original : packetTuple;
  const status = (connection ?? context.findConnection(tuple, zone))?.status ?? NO_STATUS;
  const confirmed = (status & CtStatus.confirmed) !== 0;
  const now = context.tick;
  if (confirmed && status & CtStatus.assured) return cleanList(list, context);
  const isClean = now === list.cleanedAt && list.tuples.length - list.heldThen < CLEAN_AT_ONCE;
  if (confirmed || !isClean) {
    if (throwOut(list, context, (one) => one.zone === zone && one.tuple.equals(tuple))) return;
    list.cleanedAt = now;
    list.heldThen = list.tuples.length;
  }
  list.tuples.push({ tuple: tuple.copy(), zone });
}

/** `nf_conncount_gc_list()`: once a jiffy. */
function cleanList(list: ConnectionList, context: Context): void {
  const now = context.tick;
  if (now === list.cleanedAt) return;
  throwOut(list, context, () => false);
  list.cleanedAt = now;
  list.heldThen = list.tuples.length;
}

/**
 * Throws out what is gone or closed, from the front, up to a number of them.
 * @param isWanted ends the search, and is kept though it is closed
 * @returns whether that was found
 */
function throwOut(
  list: ConnectionList,
  context: Context,
  isWanted: (one: ConnectionList['tuples'][number]) => boolean,
): boolean {
  const { tuples } = list;
  let gone = 0;
  let kept = 0;
  let at = 0;
  let there = false;
  for (; at < tuples.length && gone <= CLEAN_AT_ONCE && !there; at++) {
    const one = tuples[at];
    const found = context.findConnection(one.tuple, one.zone);
    there = found !== null && isWanted(one);
    if (found && (there || !context.isClosed(found))) tuples[kept++] = one;
    else gone++;
  }
  if (gone > 0) tuples.splice(kept, at - kept);
  return there;
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
    list = { tuples: [{ tuple: tuple.copy(), zone }], cleanedAt: context.tick, heldThen: 0 };
    state.set(key, list);
  } else {
    countConnection(list, connection, tuple, context);
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
  common: true,
  tracks: true,
  start: () => new WordMap<ConnectionList>(5),
  test,
  explain,
};
