import type { Packet } from '../../packet/packet.js';
import { requireOption } from '../arguments.js';
import { bang } from '../negatable.js';
import type { Connection } from '../connection.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { outcomeOf } from '../outcomes.js';
import type { OptionList, OptionSpec } from '../options.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/**
 * `struct xt_connbytes_info` (linux/netfilter/xt_connbytes.h). Loading such a rule turns
 * net.netfilter.nf_conntrack_acct on for the host (`connbytes_mt_check()`).
 */
export interface ConnbytesMatch {
  readonly from: bigint;
  /** 2^64 - 1 where it was left out. */
  readonly to: bigint;
  readonly negated: boolean;
  readonly what: 'packets' | 'bytes' | 'avgpkt';
  readonly direction: 'original' | 'reply' | 'both';
}

const MAX = (1n << 64n) - 1n;
const WHAT = ['packets', 'bytes', 'avgpkt'] as const;
const DIRECTIONS = ['original', 'reply', 'both'] as const;

const OPTIONS: readonly OptionSpec[] = [
  { name: '--connbytes', args: 1, negatable: true },
  { name: '--connbytes-dir', args: 1 },
  { name: '--connbytes-mode', args: 1 },
];

function parse(options: OptionList): ConnbytesMatch {
  // In the order of the option table, as a guided parser asks for them.
  const word = requireOption(options, 'connbytes', '--connbytes');
  const direction = requireOption(options, 'connbytes', '--connbytes-dir')?.text;
  const mode = requireOption(options, 'connbytes', '--connbytes-mode')?.text;
  const choose = <T extends string>(name: string, text: string | undefined, among: readonly T[]): T => {
    const found = among.find((value) => value === text);
    if (text !== undefined && !found)
      options.error(`Unknown ${name} \`${text}'`, options.find(name)?.args[0]);
    return found ?? among[0];
  };
  const found = /^(\d{0,20})(?::(\d{0,20}))?$/.exec(word?.text ?? '');
  const from = BigInt(found?.[1] ?? '');
  const to = found?.[2] ? BigInt(found[2]) : MAX;
  const over = from > MAX ? word?.text : to > MAX ? found?.[2] : undefined;
  if (over !== undefined) options.error(refusal.outOfRangeNear('connbytes', '--connbytes', over, MAX), word);
  else if (word && !found) options.error(refusal.badRange('connbytes', '--connbytes', word.text, MAX), word);
  else if (from > to) options.error(`${from} should be less than ${to}`, word);
  return {
    from,
    to,
    negated: options.find('--connbytes')?.negated ?? false,
    what: choose('--connbytes-mode', mode, WHAT),
    direction: choose('--connbytes-dir', direction, DIRECTIONS),
  };
}

function range({ from, to }: ConnbytesMatch): string {
  // libxt_connbytes takes an end of 0 for none when it prints, though the kernel does not.
  return to === MAX || to === 0n ? String(from) : `${from}:${to}`;
}

/** What the rule counts; undefined where the connection is not accounted. */
function counted(data: ConnbytesMatch, connection: Connection | null): number | undefined {
  if (!connection) return undefined;
  const { packets, bytes } = connection;
  // Its own packet is counted before any rule sees it, so a connection without packets has no counters.
  if (packets[0] + packets[1] === 0) return undefined;
  const sum = ([original, reply]: readonly [number, number]): number =>
    data.direction === 'both' ? original + reply : data.direction === 'original' ? original : reply;
  if (data.what === 'packets') return sum(packets);
  if (data.what === 'bytes') return sum(bytes);
  return sum(packets) === 0 ? 0 : Math.floor(sum(bytes) / sum(packets));
}

/** `connbytes_mt()` (net/netfilter/xt_connbytes.c): without counters even a negated rule misses. */
function test(data: ConnbytesMatch, _: Packet, context: Context): Outcome {
  const value = counted(data, context.connection);
  if (value === undefined) return Outcome.miss;
  return outcomeOf((value >= data.from && value <= data.to) !== data.negated);
}

function explain(data: ConnbytesMatch, packet: Packet, context: Context): Condition[] {
  const value = counted(data, context.connection);
  const wanted = `${range(data)} ${data.what} (${data.direction})`;
  const saw = value === undefined ? 'no accounting for this packet' : String(value);
  const hit = test(data, packet, context) === Outcome.hit;
  return [condition('connbytes', 'ct.counters', data.negated, wanted, saw, hit)];
}

export const connbytes: MatchDefinition<ConnbytesMatch, undefined> = {
  name: 'connbytes',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print: (data) =>
    `${bang(data.negated)}--connbytes ${range(data)} --connbytes-mode ${data.what} --connbytes-dir ${data.direction}`,
  list: (data) =>
    `${bang(data.negated)}connbytes ${range(data)} connbytes mode ${data.what} connbytes direction ${data.direction}`,
  reads: () => ['ct.counters'],
  pure: false,
  common: false,
  tracks: true,
  start: () => undefined,
  test,
  explain,
};
