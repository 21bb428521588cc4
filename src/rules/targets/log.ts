import type { Packet } from '../../packet/packet.js';
import type { Context, LogOptions } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import { parseUint } from '../integers.js';
import type { OptionList } from '../options.js';
import { saveString } from '../quoting.js';
import { Verdict } from '../verdict.js';
import { cutToBytes, words } from './reading.js';

/** Bytes of `struct xt_log_info.prefix` before its closing 0. */
const PREFIX_BYTES = 29;
const DEFAULT_LEVEL = 4;

/** As -L shows them, by severity. */
const LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'] as const;
/** As --log-level takes them beside numbers. */
const NAMED_LEVELS: ReadonlyMap<string, number> = new Map([
  ['emerg', 0],
  ['panic', 0],
  ['alert', 1],
  ['crit', 2],
  ['error', 3],
  ['warning', 4],
  ['notice', 5],
  ['info', 6],
  ['debug', 7],
]);

/** The flags, in the order in which both programs print them; bits of linux/netfilter/nf_log.h. */
const FLAGS = [
  { option: '--log-tcp-sequence', key: 'tcpSequence', bit: 1, word: 'tcp-sequence' },
  { option: '--log-tcp-options', key: 'tcpOptions', bit: 2, word: 'tcp-options' },
  { option: '--log-ip-options', key: 'ipOptions', bit: 4, word: 'ip-options' },
  { option: '--log-uid', key: 'uid', bit: 8, word: 'uid' },
  { option: '--log-macdecode', key: 'macDecode', bit: 32, word: 'macdecode' },
] as const;

function parseLevel(options: OptionList): number {
  const word = options.find('--log-level')?.args[0];
  if (!word) return DEFAULT_LEVEL;
  const level = NAMED_LEVELS.get(word.text) ?? parseUint(word.text, 7);
  if (level === undefined) options.error(`log level "${word.text}" unknown`, word);
  return level ?? DEFAULT_LEVEL;
}

function parse(options: OptionList): LogOptions {
  const word = options.find('--log-prefix')?.args[0];
  if (word?.text === '') options.error('Argument must have a minimum length of 1 characters', word);
  if (word?.text.includes('\n')) options.error('Newlines not allowed in --log-prefix', word);
  return {
    prefix: cutToBytes(word?.text ?? '', PREFIX_BYTES),
    level: parseLevel(options),
    tcpSequence: options.has('--log-tcp-sequence'),
    tcpOptions: options.has('--log-tcp-options'),
    ipOptions: options.has('--log-ip-options'),
    uid: options.has('--log-uid'),
    macDecode: options.has('--log-macdecode'),
  };
}

function print(data: LogOptions): string {
  return words(
    data.prefix !== '' && `--log-prefix ${saveString(data.prefix)}`,
    data.level !== DEFAULT_LEVEL && `--log-level ${data.level}`,
    ...FLAGS.map(({ key, option }) => data[key] && option),
  );
}

function list(data: LogOptions, numeric: boolean): string {
  const bits = FLAGS.reduce((sum, { key, bit }) => sum | (data[key] ? bit : 0), 0);
  return words(
    'LOG',
    numeric ? `flags ${bits} level ${data.level}` : `level ${LEVELS[data.level]}`,
    ...(numeric ? [] : FLAGS.map(({ key, word }) => data[key] && word)),
    // The prefix is shown without escapes.
    data.prefix !== '' && `prefix "${data.prefix}"`,
  );
}

function run(data: LogOptions, packet: Packet, context: Context): Verdict {
  context.log(packet, data);
  return Verdict.continue;
}

/** net/netfilter/xt_LOG.c. */
export const log: TargetDefinition<LogOptions, undefined> = {
  name: 'LOG',
  versions: [4, 6],
  options: [
    { name: '--log-prefix', args: 1 },
    { name: '--log-level', args: 1 },
    ...FLAGS.map(({ option }) => ({ name: option, args: 0 as const })),
  ],
  parse,
  print,
  list,
  writes: [],
  onlyTells: true,
  terminal: false,
  common: false,
  start: () => undefined,
  run,
};
