import type { TargetDefinition } from '../definition.js';
import type { OptionList } from '../options.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { ALL_BITS, cutToBytes, requiredText, uintOption, words } from './reading.js';

export interface IdletimerTarget {
  /** Seconds. */
  readonly timeout: number;
  readonly label: string;
  readonly alarm: boolean;
}

const LABEL_BYTES = 27;

function parse(options: OptionList): IdletimerTarget {
  requiredText(options, 'IDLETIMER', '--timeout');
  const label = cutToBytes(requiredText(options, 'IDLETIMER', '--label'), LABEL_BYTES);
  const timeout = uintOption(options, 'IDLETIMER', '--timeout', [0, ALL_BITS], 0);
  if (options.has('--timeout') && timeout === 0) options.error(KERNEL_REFUSES);
  return { timeout, label, alarm: options.has('--alarm') };
}

function show({ timeout, label }: IdletimerTarget, name: (option: string) => string): string {
  return words(`${name('timeout')}${timeout}`, `${name('label')}${label}`);
}

/** net/netfilter/xt_IDLETIMER.c: tells user space when packets stop coming; packets are not touched. */
export const idletimer: TargetDefinition<IdletimerTarget, undefined> = {
  name: 'IDLETIMER',
  versions: [4, 6],
  options: [
    { name: '--timeout', args: 1 },
    { name: '--label', args: 1 },
    { name: '--alarm', args: 0 },
  ],
  parse,
  print: (data) =>
    words(
      show(data, (option) => `--${option} `),
      data.alarm && '--alarm',
    ),
  list: (data) =>
    words(
      show(data, (option) => `${option}:`),
      data.alarm && 'alarm',
    ),
  writes: [],
  terminal: false,
  common: true,
  start: () => undefined,
  run: () => Verdict.continue,
};
