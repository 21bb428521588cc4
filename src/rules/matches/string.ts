import type { Packet } from '../../packet/packet.js';
import { oneOf, requireOption } from '../arguments.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { parseUint } from '../integers.js';
import { bang } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { negate } from '../outcomes.js';
import { KERNEL_REFUSES, refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_string_info` (linux/netfilter/xt_string.h). */
export interface StringMatch {
  readonly pattern: Uint8Array;
  readonly algorithm: string;
  /** The match begins at or after `from` and ends at or before `to`, both counted from the network header. */
  readonly from: number;
  readonly to: number;
  readonly ignoreCase: boolean;
  readonly negated: boolean;
}

const MAX_PATTERN = 128;
const MAX_OFFSET = 0xffff;

const OPTIONS: readonly OptionSpec[] = [
  { name: '--string', args: 1, negatable: true },
  { name: '--hex-string', args: 1, negatable: true },
  { name: '--algo', args: 1 },
  { name: '--from', args: 1 },
  { name: '--to', args: 1 },
  { name: '--icase', args: 0 },
];

function parse(options: OptionList): StringMatch {
  const given = oneOf(options, 'string', ['--string', '--hex-string']);
  if (!given) options.error("STRING match: You must specify `--string' or `--hex-string'");
  const algorithm = requireOption(options, 'string', '--algo');
  if (algorithm && !['bm', 'kmp', 'fsm'].includes(algorithm.text))
    options.error(`the kernel has no search algorithm "${algorithm.text}"; there are bm and kmp`, algorithm);
  let pattern: Uint8Array = new Uint8Array(0);
  if (given) {
    const word = given.args[0];
    const read = given.name === '--string' ? new TextEncoder().encode(word.text) : parseHex(word.text);
    if (typeof read === 'string') options.error(`STRING: ${read}`, word);
    else if (read.length > MAX_PATTERN) options.error(`STRING too long "${word.text}"`, word);
    else if (read.length === 0) options.error(KERNEL_REFUSES, word);
    else pattern = read;
  }
  const offset = (name: string, otherwise: number): number => {
    const word = options.find(name)?.args[0];
    const value = word ? parseUint(word.text, MAX_OFFSET) : otherwise;
    if (value === undefined) options.error(refusal.outOfRange('string', name, 0, MAX_OFFSET), word);
    return value ?? otherwise;
  };
  return {
    pattern,
    algorithm: algorithm?.text ?? 'bm',
    from: offset('--from', 0),
    to: offset('--to', MAX_OFFSET),
    ignoreCase: options.has('--icase'),
    negated: given?.negated ?? false,
  };
}

/** Text with `|hex bytes|` in it; spaces between the bytes are allowed. @returns what is wrong, where something is */
function parseHex(text: string): Uint8Array | string {
  const bytes: number[] = [];
  const parts = text.split(/(?<!\\)\|/);
  if (parts.length % 2 === 0) return 'Invalid hex block';
  for (const [i, part] of parts.entries()) {
    if (i % 2 === 0) bytes.push(...new TextEncoder().encode(part.replace(/\\(.)/gs, '$1')));
    else {
      const digits = part.replace(/ /g, '');
      if (!/^([0-9a-f]{2})+$/i.test(digits)) return 'Invalid hex block';
      for (let at = 0; at < digits.length; at += 2) bytes.push(parseInt(digits.slice(at, at + 2), 16));
    }
  }
  return Uint8Array.from(bytes);
}

/** Printable ASCII is printed as text, everything else as hex (print_string, print_hex_string of libxt_string). */
function quoted({ pattern }: StringMatch): { hex: boolean; text: string } {
  const hex = pattern.some((byte) => byte < 0x20 || byte > 0x7e) || pattern.at(-1) === 0x5c;
  if (hex) return { hex, text: `"|${Buffer.from(pattern).toString('hex')}|"` };
  return { hex, text: `"${Buffer.from(pattern).toString('latin1').replace(/["\\]/g, '\\$&')}"` };
}

function print(data: StringMatch): string {
  const { hex, text } = quoted(data);
  const parts = [
    `${bang(data.negated)}--${hex ? 'hex-string' : 'string'} ${text}`,
    `--algo ${data.algorithm}`,
  ];
  if (data.from !== 0) parts.push(`--from ${data.from}`);
  if (data.to !== MAX_OFFSET) parts.push(`--to ${data.to}`);
  if (data.ignoreCase) parts.push('--icase');
  return parts.join(' ');
}

function list(data: StringMatch): string {
  const parts = [
    `STRING match ${data.negated ? '!' : ''} ${quoted(data).text}`,
    `ALGO name ${data.algorithm}`,
  ];
  if (data.from !== 0) parts.push(`FROM ${data.from}`);
  if (data.to !== MAX_OFFSET) parts.push(`TO ${data.to}`);
  if (data.ignoreCase) parts.push('ICASE');
  return parts.join(' ');
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

/** Where the pattern first stands, or -1. */
function find({ pattern, from, to, ignoreCase }: StringMatch, data: Uint8Array): number {
  const end = Math.min(to, data.length) - pattern.length;
  for (let at = from; at <= end; at++) {
    let i = 0;
    if (ignoreCase) while (i < pattern.length && lower(data[at + i]) === lower(pattern[i])) i++;
    else while (i < pattern.length && data[at + i] === pattern[i]) i++;
    if (i === pattern.length) return at;
  }
  return -1;
}

/** `skb_find_text()` (net/core/skbuff.c, since Linux 6.5): the whole match lies between `from` and `to`. */
function test(data: StringMatch, packet: Packet): Outcome {
  const at = find(data, packet.data);
  if (at >= 0) return negate(Outcome.hit, data.negated);
  const cut = packet.data.length < packet.length && data.to > packet.data.length;
  const fits = data.from + data.pattern.length <= Math.min(data.to, packet.length);
  return cut && fits ? Outcome.unknown : negate(Outcome.miss, data.negated);
}

function explain(
  data: StringMatch,
  packet: Packet,
  _: Context,
  __: undefined,
  outcome: Outcome,
): Condition[] {
  const at = find(data, packet.data);
  const until = Math.min(data.to, packet.length);
  const wanted = `${data.negated ? 'not ' : ''}${quoted(data).text} in bytes ${data.from} to ${until}`;
  const saw =
    at >= 0
      ? `at byte ${at}`
      : outcome === Outcome.unknown
        ? `not in the ${packet.data.length} bytes that were captured`
        : 'not there';
  return [{ name: 'string', field: 'payload', wanted, saw, outcome }];
}

export const string: MatchDefinition<StringMatch, undefined> = {
  name: 'string',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print,
  list,
  reads: () => ['payload'],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
