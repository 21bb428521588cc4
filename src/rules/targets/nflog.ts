import type { TargetDefinition } from '../definition.js';
import type { OptionList } from '../options.js';
import { saveString } from '../quoting.js';
import { refuseTogether } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { ALL_BITS, cutToBytes, uintOption, words } from './reading.js';

/** `struct xt_nflog_info` (linux/netfilter/xt_NFLOG.h). */
export interface NflogTarget {
  readonly prefix: string;
  readonly group: number;
  /** --nflog-range, which never worked; 0 where not given. */
  readonly range: number;
  readonly size: number | null;
  /** 0: the kernel's default. */
  readonly threshold: number;
}

const PREFIX_BYTES = 63;

function parse(options: OptionList): NflogTarget {
  refuseTogether(options, 'NFLOG', ['--nflog-range', '--nflog-size']);
  const word = options.find('--nflog-prefix')?.args[0];
  if (word?.text === '') options.error('Argument must have a minimum length of 1 characters', word);
  if (word?.text.includes('\n')) options.error('Newlines not allowed in --nflog-prefix', word);
  return {
    prefix: cutToBytes(word?.text ?? '', PREFIX_BYTES),
    group: uintOption(options, 'NFLOG', '--nflog-group', [0, 0xffff], 0),
    range: uintOption(options, 'NFLOG', '--nflog-range', [0, ALL_BITS], 0),
    size: uintOption(options, 'NFLOG', '--nflog-size', [0, ALL_BITS], null),
    threshold: uintOption(options, 'NFLOG', '--nflog-threshold', [0, 0xffff], 0),
  };
}

function show({ prefix, group, range, size, threshold }: NflogTarget, dashes: '--' | ''): string {
  return words(
    prefix !== '' && `${dashes}nflog-prefix ${saveString(prefix)}`,
    group !== 0 && `${dashes}nflog-group ${group}`,
    range !== 0 && `${dashes}nflog-range ${range}`,
    size !== null && `${dashes}nflog-size ${size}`,
    threshold !== 0 && `${dashes}nflog-threshold ${threshold}`,
  );
}

const NO_RANGE =
  'warn: --nflog-range has never worked and is no longer supported, please use --nflog-size instead';

export const nflog: TargetDefinition<NflogTarget, undefined> = {
  name: 'NFLOG',
  versions: [4, 6],
  options: ['--nflog-group', '--nflog-prefix', '--nflog-range', '--nflog-size', '--nflog-threshold'].map(
    (name) => ({ name, args: 1 as const, ...(name === '--nflog-range' && { warns: NO_RANGE }) }),
  ),
  parse,
  print: (data) => show(data, '--'),
  list: (data) => show(data, ''),
  writes: [],
  onlyTells: true,
  terminal: false,
  common: false,
  start: () => undefined,
  run({ prefix, group, size }, packet, context) {
    context.logToGroup?.(packet, group, prefix, size);
    context.note(`NFLOG group ${group} prefix "${prefix}"`);
    return Verdict.continue;
  },
};
