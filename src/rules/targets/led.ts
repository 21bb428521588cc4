import type { TargetDefinition } from '../definition.js';
import type { OptionList } from '../options.js';
import { Verdict } from '../verdict.js';
import { ALL_BITS, requiredText, uintOption, words } from './reading.js';

export interface LedTarget {
  readonly trigger: string;
  /** Milliseconds; `inf` until something else switches it off. */
  readonly delay: number | 'inf';
  readonly alwaysBlink: boolean;
}

function parse(options: OptionList): LedTarget {
  const delay =
    options.text('--led-delay') === 'inf'
      ? 'inf'
      : uintOption(options, 'LED', '--led-delay', [0, ALL_BITS], 0);
  return {
    trigger: requiredText(options, 'LED', '--led-trigger-id'),
    delay,
    alwaysBlink: options.has('--led-always-blink'),
  };
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** net/netfilter/xt_LED.c: a light, and nothing that the packet or the rules would see. */
export const led: TargetDefinition<LedTarget, undefined> = {
  name: 'LED',
  versions: [4, 6],
  options: [
    { name: '--led-trigger-id', args: 1 },
    { name: '--led-delay', args: 1 },
    { name: '--led-always-blink', args: 0 },
  ],
  parse,
  print: ({ trigger, delay, alwaysBlink }) =>
    words(
      `--led-trigger-id ${quoted(trigger)}`,
      delay !== 0 && `--led-delay ${delay}`,
      alwaysBlink && '--led-always-blink',
    ),
  list: ({ trigger, delay, alwaysBlink }) =>
    words(
      `led-trigger-id:${quoted(trigger)}`,
      delay === 'inf' ? 'led-delay:inf' : `led-delay:${delay}ms`,
      alwaysBlink && 'led-always-blink',
    ),
  writes: [],
  terminal: false,
  common: true,
  start: () => undefined,
  run: () => Verdict.continue,
};
