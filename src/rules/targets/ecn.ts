import type { Packet } from '../../packet/packet.js';
import { Protocol } from '../../packet/numbers.js';
import { setEcn, tosOf } from '../../packet/rewrite.js';
import { setTcpEcn } from '../../packet/rewriteTcp.js';
import type { TargetDefinition } from '../definition.js';
import type { OptionList } from '../options.js';
import { KERNEL_REFUSES, refuseTogether } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { uintOption, words } from './reading.js';

/** `struct ipt_ECN_info` (linux/netfilter_ipv4/ipt_ECN.h); null: left alone. */
export interface EcnTarget {
  readonly codepoint: number | null;
  readonly ece: number | null;
  readonly cwr: number | null;
}

function parse(options: OptionList): EcnTarget {
  refuseTogether(options, 'ECN', ['--ecn-tcp-remove', '--ecn-tcp-cwr']);
  refuseTogether(options, 'ECN', ['--ecn-tcp-remove', '--ecn-tcp-ece']);
  if (options.given.length === 0) options.error('ECN target: An operation is required');
  const remove = options.has('--ecn-tcp-remove') ? 0 : null;
  const data = {
    codepoint: uintOption(options, 'ECN', '--ecn-ip-ect', [0, 3], null),
    ece: remove ?? uintOption(options, 'ECN', '--ecn-tcp-ece', [0, 1], null),
    cwr: remove ?? uintOption(options, 'ECN', '--ecn-tcp-cwr', [0, 1], null),
  };
  // ecn_tg_check(): the TCP bits need -p tcp.
  if ((data.ece ?? data.cwr) !== null && options.protocol !== Protocol.tcp) options.error(KERNEL_REFUSES);
  return data;
}

/** Both flags cleared is what --ecn-tcp-remove says, and how it is shown. */
function removes({ ece, cwr }: EcnTarget): boolean {
  return ece === 0 && cwr === 0;
}

function print(data: EcnTarget): string {
  const { codepoint, ece, cwr } = data;
  return words(
    removes(data) && '--ecn-tcp-remove',
    !removes(data) && ece !== null && `--ecn-tcp-ece ${ece}`,
    !removes(data) && cwr !== null && `--ecn-tcp-cwr ${cwr}`,
    codepoint !== null && `--ecn-ip-ect ${codepoint}`,
  );
}

function list(data: EcnTarget): string {
  const { codepoint, ece, cwr } = data;
  return words(
    'ECN',
    removes(data) && 'TCP remove',
    !removes(data) && ece !== null && `ECE=${ece}`,
    !removes(data) && cwr !== null && `CWR=${cwr}`,
    codepoint !== null && `ECT codepoint=${codepoint}`,
  );
}

/** `ecn_tg()` (net/ipv4/netfilter/ipt_ECN.c). */
function run({ codepoint, ece, cwr }: EcnTarget, packet: Packet): Verdict {
  if (codepoint !== null && (tosOf(packet) & 3) !== codepoint) setEcn(packet, codepoint);
  if ((ece !== null || cwr !== null) && packet.protocol === Protocol.tcp)
    setTcpEcn(packet, ece === null ? null : ece === 1, cwr === null ? null : cwr === 1);
  return Verdict.continue;
}

export const ecn: TargetDefinition<EcnTarget, undefined> = {
  name: 'ECN',
  versions: [4],
  tables: ['mangle'],
  options: [
    { name: '--ecn-tcp-remove', args: 0 },
    { name: '--ecn-ip-ect', args: 1 },
    { name: '--ecn-tcp-cwr', args: 1 },
    { name: '--ecn-tcp-ece', args: 1 },
  ],
  parse,
  print,
  list,
  writes: ['ip.tos', 'tcp.flags'],
  terminal: false,
  common: false,
  start: () => undefined,
  run,
};
