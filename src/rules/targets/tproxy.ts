import { IpAddress, parseAddress } from '../../address/ip.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { markArgument, type MarkAndMask } from '../arguments.js';
import type { Context } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import { Hook } from '../hook.js';
import { hex, parseUint } from '../integers.js';
import type { OptionList } from '../options.js';
import { parsePort } from '../ports.js';
import { KERNEL_REFUSES, refusal } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { ALL_BITS } from './reading.js';

/** `struct xt_tproxy_target_info_v1` (linux/netfilter/xt_TPROXY.h). */
export interface TproxyTarget {
  readonly port: number;
  readonly address: IpAddress;
  readonly mark: MarkAndMask;
}

function parse(options: OptionList): TproxyTarget {
  const word = options.find('--on-port')?.args[0];
  if (!word) options.error(refusal.missing('TPROXY', '--on-port'));
  // Decimal numbers are cut to 16 bits; hexadecimal ones are taken for names.
  const decimal = word && /^\d+$/.test(word.text) ? parseUint(word.text, ALL_BITS) : undefined;
  const named = word && !/^\d/.test(word.text) ? parsePort(word.text) : undefined;
  const port = decimal === undefined ? named : decimal & 0xffff;
  if (word && port === undefined) options.error(`Port "${word.text}" does not resolve to anything.`, word);
  if (options.protocol !== Protocol.tcp && options.protocol !== Protocol.udp) options.error(KERNEL_REFUSES);
  const on = options.find('--on-ip')?.args[0];
  const address = on && parseAddress(on.text);
  if (on && address?.version !== options.version)
    options.error(`"${on.text}" is no IPv${options.version} address`, on);
  return {
    port: port ?? 0,
    address: address?.version === options.version ? address : new IpAddress(options.version, 0),
    mark: markArgument(options, 'TPROXY', '--tproxy-mark') ?? { value: 0, mask: 0 },
  };
}

/**
 * `tproxy_tg4()`, `tproxy_tg6_v1()` (net/netfilter/xt_TPROXY.c), where the proxy listens; where nobody told
 * that it does, it is noted. Without one the kernel drops the packet.
 */
function run({ port, address, mark }: TproxyTarget, packet: Packet, context: Context): Verdict {
  if (!packet.hasTransport) return Verdict.drop;
  if (context.divert?.(packet, address, port) === false) return Verdict.drop;
  packet.mark = ((packet.mark & ~mark.mask) ^ mark.value) >>> 0;
  context.note(`TPROXY to ${address.toString()} port ${port}, taken to be listening`);
  return Verdict.accept;
}

export const tproxy: TargetDefinition<TproxyTarget, undefined> = {
  name: 'TPROXY',
  versions: [4, 6],
  tables: ['mangle'],
  hooks: [Hook.prerouting],
  options: [
    { name: '--on-port', args: 1 },
    { name: '--on-ip', args: 1 },
    { name: '--tproxy-mark', args: 1 },
  ],
  parse,
  print: ({ port, address, mark }) =>
    `--on-port ${port} --on-ip ${address.toString()} --tproxy-mark ${hex(mark.value)}/${hex(mark.mask)}`,
  list: ({ port, address, mark }) =>
    `TPROXY redirect ${address.toString()}:${port} mark ${hex(mark.value)}/${hex(mark.mask)}`,
  writes: ['mark'],
  terminal: true,
  common: true,
  gathers: true,
  start: () => undefined,
  run,
};
