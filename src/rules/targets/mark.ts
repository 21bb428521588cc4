import type { Packet } from '../../packet/packet.js';
import { markArgument, type MarkAndMask } from '../arguments.js';
import type { TargetDefinition } from '../definition.js';
import { hex } from '../integers.js';
import type { OptionList } from '../options.js';
import { refuseTogether } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { ALL_BITS, uintOption } from './reading.js';

const MODES = ['--set-xmark', '--set-mark', '--and-mark', '--or-mark', '--xor-mark'] as const;

/** The mark options that MARK and CONNMARK share, as what is cleared and what is XORed; undefined where none was given. */
export function parseMarkChange(options: OptionList, extension: string): MarkAndMask | undefined {
  const xmark = markArgument(options, extension, '--set-xmark');
  if (xmark) return xmark;
  const set = markArgument(options, extension, '--set-mark');
  if (set) return { value: set.value, mask: (set.value | set.mask) >>> 0 };
  const number = (name: string): number | undefined => markNumber(options, extension, name);
  const and = number('--and-mark');
  if (and !== undefined) return { value: 0, mask: ~and >>> 0 };
  const or = number('--or-mark');
  if (or !== undefined) return { value: or, mask: or };
  const xor = number('--xor-mark');
  return xor === undefined ? undefined : { value: xor, mask: 0 };
}

function markNumber(options: OptionList, extension: string, name: string): number | undefined {
  return uintOption(options, extension, name, [0, ALL_BITS], undefined);
}

/** `and`, `or`, `xor`, `set` or `xset`, whichever says it most simply, as -L shows it. */
export function listMarkChange({ value, mask }: MarkAndMask): string {
  if (value === 0) return `and ${hex(~mask)}`;
  if (value === mask) return `or ${hex(value)}`;
  if (mask === 0) return `xor ${hex(value)}`;
  if (mask === ALL_BITS) return `set ${hex(value)}`;
  return `xset ${hex(value)}/${hex(mask)}`;
}

function parse(options: OptionList): MarkAndMask {
  refuseTogether(options, 'MARK', MODES);
  const change = parseMarkChange(options, 'MARK');
  if (!change && !MODES.some((mode) => options.has(mode)))
    options.error('MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required');
  return change ?? { value: 0, mask: 0 };
}

/** `mark_tg()` (net/netfilter/xt_mark.c). */
function run({ value, mask }: MarkAndMask, packet: Packet): Verdict {
  packet.mark = ((packet.mark & ~mask) ^ value) >>> 0;
  return Verdict.continue;
}

export const mark: TargetDefinition<MarkAndMask, undefined> = {
  name: 'MARK',
  versions: [4, 6],
  options: MODES.map((name) => ({ name, args: 1 as const })),
  parse,
  print: ({ value, mask }) => `--set-xmark ${hex(value)}/${hex(mask)}`,
  list: (data) => `MARK ${listMarkChange(data)}`,
  writes: ['mark'],
  terminal: false,
  common: false,
  start: () => undefined,
  run,
};
