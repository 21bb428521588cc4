import { Ipv4 } from '../../packet/ipv4.js';
import { Ipv6 } from '../../packet/ipv6.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { clampTcpMss } from '../../packet/rewriteTcp.js';
import { Tcp } from '../../packet/transport.js';
import type { Context } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import type { OptionList } from '../options.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { uintOption } from './reading.js';

/** null: what the path allows. */
export interface TcpMssTarget {
  readonly mss: number | null;
}

/** The fixed headers that the MTU must hold beside the data, by IP version. */
const HEADERS = {
  4: Ipv4.minimumLength + Tcp.minimumLength,
  6: Ipv6.length + Tcp.minimumLength,
} as const;

/** What a packet of the greatest length leaves behind its IP header. */
const LARGEST = { 4: 0xffff - Ipv4.minimumLength, 6: 0xffff - Ipv6.length } as const;

function parse(options: OptionList): TcpMssTarget {
  const clamp = options.has('--clamp-mss-to-pmtu');
  const set = options.has('--set-mss');
  if (!clamp && !set) options.error('TCPMSS target: At least one parameter is required');
  // tcpmss_tg4_check(): the kernel also wants a --syn beside it.
  if (options.protocol !== Protocol.tcp) options.error(KERNEL_REFUSES);
  const mss = uintOption(options, 'TCPMSS', '--set-mss', [0, LARGEST[options.version]], 0);
  return { mss: clamp ? null : mss };
}

/** `tcpmss_tg4()`, `tcpmss_tg6()` (net/netfilter/xt_TCPMSS.c). */
function run({ mss }: TcpMssTarget, packet: Packet, context: Context): Verdict {
  let wanted = mss;
  if (wanted === null) {
    if (packet.fragmentOffset !== 0) return Verdict.continue;
    const mtu = context.routes.pathMtu(packet);
    if (mtu === undefined) {
      context.note('TCPMSS: the MTU of the path is not known, the option is left as it is');
      return Verdict.continue;
    }
    // An "unknown or invalid path-MTU" drops the packet.
    if (mtu <= HEADERS[packet.version]) return Verdict.drop;
    wanted = Math.min(mtu - HEADERS[packet.version], 0xffff);
  }
  return clampTcpMss(packet, wanted) ? Verdict.continue : Verdict.drop;
}

export const tcpmss: TargetDefinition<TcpMssTarget, undefined> = {
  name: 'TCPMSS',
  versions: [4, 6],
  options: [
    { name: '--set-mss', args: 1 },
    { name: '--clamp-mss-to-pmtu', args: 0 },
  ],
  parse,
  print: ({ mss }) => (mss === null ? '--clamp-mss-to-pmtu' : `--set-mss ${mss}`),
  list: ({ mss }) => (mss === null ? 'TCPMSS clamp to PMTU' : `TCPMSS set ${mss}`),
  writes: ['tcp.options', 'ip.length'],
  terminal: false,
  common: false,
  start: () => undefined,
  run,
};
