import type { TargetDefinition } from '../definition.js';
import { refusal } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { cutToBytes, requiredText } from './reading.js';

const CONTEXT_BYTES = 255;

/** Security marks decide nothing in netfilter itself: what a security module does with them is outside the simulation. */
export const secmark: TargetDefinition<{ readonly context: string }, undefined> = {
  name: 'SECMARK',
  versions: [4, 6],
  tables: ['mangle', 'security'],
  options: [{ name: '--selctx', args: 1 }],
  parse: (options) => ({ context: cutToBytes(requiredText(options, 'SECMARK', '--selctx'), CONTEXT_BYTES) }),
  print: ({ context }) => `--selctx ${context}`,
  list: ({ context }) => `SECMARK selctx ${context}`,
  writes: [],
  terminal: false,
  common: false,
  start: () => undefined,
  run: () => Verdict.continue,
};

export const connsecmark: TargetDefinition<{ readonly mode: 'save' | 'restore' }, undefined> = {
  name: 'CONNSECMARK',
  versions: [4, 6],
  tables: ['mangle', 'security'],
  options: [
    { name: '--save', args: 0 },
    { name: '--restore', args: 0 },
  ],
  parse(options) {
    const save = options.has('--save');
    const restore = options.has('--restore');
    if (save && restore)
      options.error(refusal.together('CONNSECMARK', '--restore', '--save'), options.find('--restore'));
    else if (!save && !restore) options.error('CONNSECMARK target: parameter required');
    return { mode: restore ? 'restore' : 'save' };
  },
  print: ({ mode }) => `--${mode}`,
  list: ({ mode }) => `CONNSECMARK ${mode}`,
  writes: [],
  terminal: false,
  common: false,
  tracks: () => true,
  start: () => undefined,
  run: () => Verdict.continue,
};
