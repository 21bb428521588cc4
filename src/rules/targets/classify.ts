import type { TargetDefinition } from '../definition.js';
import { Hook } from '../hook.js';
import type { OptionList } from '../options.js';
import { refusal } from '../refusal.js';
import { Verdict } from '../verdict.js';

export interface ClassifyTarget {
  /** Of the qdisc and of the class, 16 bits each. */
  readonly major: number;
  readonly minor: number;
}

function parse(options: OptionList): ClassifyTarget {
  const word = options.find('--set-class')?.args[0];
  if (!word) options.error(refusal.missing('CLASSIFY', '--set-class'));
  // sscanf("%x:%x"): what follows is not looked at, and only 16 bits are kept.
  const found = /^(?:0x)?([0-9a-f]{1,16}):(?:0x)?([0-9a-f]{1,16})/i.exec(word?.text ?? '');
  if (word && !found) options.error(`Bad class value "${word.text}"`, word);
  const half = (text: string | undefined): number => parseInt((text ?? '0').slice(-4), 16);
  return { major: half(found?.[1]), minor: half(found?.[2]) };
}

function hex4(value: number): string {
  return value.toString(16).padStart(4, '0');
}

/** net/netfilter/xt_CLASSIFY.c. */
export const classify: TargetDefinition<ClassifyTarget, undefined> = {
  name: 'CLASSIFY',
  versions: [4, 6],
  hooks: [Hook.output, Hook.forward, Hook.postrouting],
  options: [{ name: '--set-class', args: 1 }],
  parse,
  print: ({ major, minor }) => `--set-class ${hex4(major)}:${hex4(minor)}`,
  list: ({ major, minor }) => `CLASSIFY set ${major.toString(16)}:${minor.toString(16)}`,
  writes: ['priority'],
  terminal: false,
  common: false,
  start: () => undefined,
  run({ major, minor }, packet) {
    packet.priority = ((major << 16) | minor) >>> 0;
    return Verdict.continue;
  },
};
