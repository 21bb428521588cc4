import type { Packet } from '../../packet/packet.js';
import type { Context } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import { parseUintRange } from '../integers.js';
import type { OptionList } from '../options.js';
import { KERNEL_REFUSES, refusal, refuseTogether } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { uintOption, words } from './reading.js';

/** `struct xt_NFQ_info_v3` (linux/netfilter/xt_NFQUEUE.h): the queues from `first` on. */
export interface NfqueueTarget {
  readonly first: number;
  readonly total: number;
  readonly bypass: boolean;
  readonly cpuFanout: boolean;
}

function parseBalance(options: OptionList): Pick<NfqueueTarget, 'first' | 'total'> | undefined {
  const word = options.find('--queue-balance')?.args[0];
  if (!word) return undefined;
  const range = parseUintRange(word.text, 0xffff);
  if (!range) options.error(refusal.badRange('NFQUEUE', '--queue-balance', word.text, 0xffff), word);
  else if (!word.text.includes(':')) options.error(`Bad range "${word.text}"`, word);
  else if (range.min >= range.max) options.error(`${range.min} should be less than ${range.max}`, word);
  else {
    const total = range.max - range.min + 1;
    // The number of queues has 16 bits.
    if (total > 0xffff) options.error(KERNEL_REFUSES);
    return { first: range.min, total };
  }
  return { first: 0, total: 1 };
}

function parse(options: OptionList): NfqueueTarget {
  refuseTogether(options, 'NFQUEUE', ['--queue-num', '--queue-balance']);
  const fanout = options.find('--queue-cpu-fanout');
  if (fanout && !options.has('--queue-balance'))
    options.error('NFQUEUE: option "--queue-cpu-fanout" also requires "--queue-balance".', fanout);
  const queues = parseBalance(options) ?? {
    first: uintOption(options, 'NFQUEUE', '--queue-num', [0, 0xffff], 0),
    total: 1,
  };
  return { ...queues, bypass: options.has('--queue-bypass'), cpuFanout: fanout !== undefined };
}

function queues({ first, total }: NfqueueTarget, one: string, several: string): string {
  return total === 1 ? `${one} ${first}` : `${several} ${first}:${first + total - 1}`;
}

function print(data: NfqueueTarget): string {
  return words(
    queues(data, '--queue-num', '--queue-balance'),
    data.bypass && '--queue-bypass',
    data.cpuFanout && '--queue-cpu-fanout',
  );
}

function list(data: NfqueueTarget): string {
  return words(
    'NFQUEUE',
    queues(data, 'num', 'balance'),
    data.bypass && 'bypass',
    data.cpuFanout && 'cpu-fanout',
  );
}

/**
 * `nfqueue_tg_v3()` (net/netfilter/xt_NFQUEUE.c). The program that listens is no part of the simulation: as in
 * `nf_queue()`, where nobody does, a bypass goes on with the next hook and without one the packet is lost.
 */
function run(data: NfqueueTarget, _: Packet, context: Context): Verdict {
  context.note(queues(data, 'NFQUEUE', 'NFQUEUE'));
  return data.bypass ? Verdict.accept : Verdict.queue;
}

export const nfqueue: TargetDefinition<NfqueueTarget, undefined> = {
  name: 'NFQUEUE',
  versions: [4, 6],
  options: [
    { name: '--queue-num', args: 1 },
    { name: '--queue-balance', args: 1 },
    { name: '--queue-bypass', args: 0 },
    { name: '--queue-cpu-fanout', args: 0 },
  ],
  parse,
  print,
  list,
  writes: [],
  terminal: true,
  common: true,
  start: () => undefined,
  run,
};
