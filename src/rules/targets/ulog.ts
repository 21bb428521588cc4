import type { TargetDefinition } from '../definition.js';
import { saveString } from '../quoting.js';
import { Verdict } from '../verdict.js';
import { cutToBytes, uintOption, words } from './reading.js';

/** `struct ipt_ulog_info` (linux/netfilter_ipv4/ipt_ULOG.h), which Linux had until 3.16. */
export interface UlogTarget {
  readonly group: number;
  readonly prefix: string;
  readonly copyRange: number;
  readonly threshold: number;
}

const PREFIX_BYTES = 31;
const MOST_QUEUED = 50;

/** Packets go to a program over netlink: nothing that the kernel log shows. */
export const ulog: TargetDefinition<UlogTarget, undefined> = {
  name: 'ULOG',
  versions: [4],
  options: ['--ulog-nlgroup', '--ulog-prefix', '--ulog-cprange', '--ulog-qthreshold'].map(
    (name) => ({ name, args: 1 }) as const,
  ),
  parse(options) {
    const word = options.find('--ulog-prefix')?.args[0];
    if (word?.text === '') options.error('Argument must have a minimum length of 1 characters', word);
    if (word?.text.includes('\n')) options.error('Newlines not allowed in --ulog-prefix', word);
    return {
      group: uintOption(options, 'ULOG', '--ulog-nlgroup', [1, 32], 1),
      prefix: cutToBytes(word?.text ?? '', PREFIX_BYTES),
      copyRange: uintOption(options, 'ULOG', '--ulog-cprange', [0, Number.MAX_SAFE_INTEGER], 0),
      threshold: uintOption(options, 'ULOG', '--ulog-qthreshold', [1, MOST_QUEUED], 1),
    };
  },
  print: ({ group, prefix, copyRange, threshold }) =>
    words(
      prefix !== '' && `--ulog-prefix ${saveString(prefix)}`,
      group !== 1 && `--ulog-nlgroup ${group}`,
      copyRange !== 0 && `--ulog-cprange ${copyRange}`,
      threshold !== 1 && `--ulog-qthreshold ${threshold}`,
    ),
  list: ({ group, prefix, copyRange, threshold }) =>
    words(
      `ULOG copy_range ${copyRange} nlgroup ${group}`,
      prefix !== '' && `prefix "${prefix}"`,
      `queue_threshold ${threshold}`,
    ),
  writes: [],
  terminal: false,
  common: false,
  start: () => undefined,
  run({ group, prefix }, _, context) {
    context.note(`ULOG group ${group} prefix "${prefix}"`);
    return Verdict.continue;
  },
};
