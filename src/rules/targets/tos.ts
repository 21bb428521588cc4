import type { Packet } from '../../packet/packet.js';
import { setTos, tosOf } from '../../packet/rewrite.js';
import type { MarkAndMask } from '../arguments.js';
import type { TargetDefinition } from '../definition.js';
import { hex, parseUint } from '../integers.js';
import type { OptionList } from '../options.js';
import { refuseTogether } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { uintOption } from './reading.js';

/** RFC 1349; the names stand for a value under this mask. */
const NAMES = [
  ['Minimize-Delay', 0x10],
  ['Maximize-Throughput', 0x08],
  ['Maximize-Reliability', 0x04],
  ['Minimize-Cost', 0x02],
  ['Normal-Service', 0x00],
] as const;
const NAME_MASK = 0x3f;

const MODES = ['--set-tos', '--and-tos', '--or-tos', '--xor-tos'] as const;

function parseSet(options: OptionList): MarkAndMask | undefined {
  const word = options.find('--set-tos')?.args[0];
  if (!word) return undefined;
  const [first, second, more] = word.text.split('/');
  const value = parseUint(first, 0xff);
  if (value === undefined) {
    const named = NAMES.find(([name]) => name.toLowerCase() === word.text.toLowerCase());
    if (!named) options.error(`Symbolic name "${word.text}" is unknown`, word);
    return { value: named?.[1] ?? 0, mask: NAME_MASK };
  }
  const mask = second === undefined ? 0xff : parseUint(second, 0xff);
  if (mask === undefined || more !== undefined) options.error(`Illegal value: "${word.text}"`, word);
  return { value, mask: mask ?? 0xff };
}

function parse(options: OptionList): MarkAndMask {
  refuseTogether(options, 'TOS', MODES);
  const number = (name: string): number | undefined => uintOption(options, 'TOS', name, [0, 0xff], undefined);
  const set = parseSet(options);
  if (set) return set;
  const and = number('--and-tos');
  if (and !== undefined) return { value: 0, mask: ~and & 0xff };
  const or = number('--or-tos');
  if (or !== undefined) return { value: or, mask: or };
  const xor = number('--xor-tos');
  if (xor !== undefined) return { value: xor, mask: 0 };
  if (!MODES.some((mode) => options.has(mode))) options.error('TOS: An action is required');
  return { value: 0, mask: 0 };
}

function list({ value, mask }: MarkAndMask, numeric: boolean): string {
  const byte = (n: number): string => hex(n, 2);
  const set = `TOS set ${byte(value)}/${byte(mask)}`;
  if (numeric) return set;
  const named = mask === NAME_MASK && NAMES.find(([, n]) => n === value);
  // So iptables 1.8.9 prints it: a space more before, none after.
  if (named) return ` TOS set${named[0]}`;
  if (value === 0) return `TOS and ${byte(~mask & 0xff)}`;
  if (value === mask) return `TOS or ${byte(value)}`;
  return mask === 0 ? `TOS xor ${byte(value)}` : set;
}

/** `tos_tg()`, `tos_tg6()` (net/netfilter/xt_DSCP.c): the mask says what is cleared, the value is XORed. */
function run({ value, mask }: MarkAndMask, packet: Packet): Verdict {
  const before = tosOf(packet);
  const after = (before & ~mask) ^ value;
  if (after !== before) setTos(packet, after);
  return Verdict.continue;
}

export const tos: TargetDefinition<MarkAndMask, undefined> = {
  name: 'TOS',
  versions: [4, 6],
  tables: ['mangle'],
  options: MODES.map((name) => ({ name, args: 1 as const })),
  parse,
  print: ({ value, mask }) => `--set-tos ${hex(value, 2)}/${hex(mask, 2)}`,
  list,
  writes: ['ip.tos'],
  terminal: false,
  common: false,
  start: () => undefined,
  run,
};
