import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Udp } from '../../packet/transport.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import {
  badPortRange,
  isAnyPort,
  listPortRange,
  parsePortRange,
  type PortRange,
  printPortRange,
} from '../ports.js';
import { portConditions, portHits } from '../portTest.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { transportHeader, withoutHeader } from './header.js';
import { wantedPorts } from '../wanted.js';

/** `struct xt_udp` (linux/netfilter/xt_tcpudp.h). */
export interface UdpMatch {
  readonly sourcePort: Negatable<PortRange> | null;
  readonly destinationPort: Negatable<PortRange> | null;
}

const OPTIONS: readonly OptionSpec[] = [
  { name: '--sport', aliases: ['--source-port'], args: 1, negatable: true },
  { name: '--dport', aliases: ['--destination-port'], args: 1, negatable: true },
];

/** The spelling that iptables uses in its own errors. */
const LONG = { '--sport': '--source-port', '--dport': '--destination-port' } as const;

function parse(options: OptionList): UdpMatch {
  const ports = (name: keyof typeof LONG): Negatable<PortRange> | null => {
    const given = options.find(name);
    if (!given) return null;
    const value = parsePortRange(given.args[0]);
    if (!value) options.error(badPortRange(given.args[0].text, 'udp', LONG[name]), given.args[0]);
    return value ? { value, negated: given.negated } : null;
  };
  if (options.protocol !== Protocol.udp) options.error(KERNEL_REFUSES);
  return { sourcePort: ports('--sport'), destinationPort: ports('--dport') };
}

function print({ sourcePort, destinationPort }: UdpMatch): string {
  const part = (option: string, port: Negatable<PortRange> | null): string[] =>
    port && !isAnyPort(port.value) ? [`${bang(port.negated)}${option} ${printPortRange(port.value)}`] : [];
  return [...part('--sport', sourcePort), ...part('--dport', destinationPort)].join(' ');
}

function list({ sourcePort, destinationPort }: UdpMatch, numeric: boolean): string {
  const part = (word: string, port: Negatable<PortRange> | null): string[] =>
    port && (port.negated || !isAnyPort(port.value))
      ? [listPortRange(word, port, numeric ? null : Protocol.udp)]
      : [];
  return ['udp', ...part('spt', sourcePort), ...part('dpt', destinationPort)].join(' ');
}

/** `udp_mt()` (net/netfilter/xt_tcpudp.c). */
function test({ sourcePort, destinationPort }: UdpMatch, packet: Packet): Outcome {
  const header = transportHeader(packet, Udp.headerLength);
  if (header === Outcome.hit || (header === Outcome.unknown && packet.data.length >= packet.transport + 4)) {
    if (sourcePort && !portHits(sourcePort, packet.sourcePort)) return Outcome.miss;
    if (destinationPort && !portHits(destinationPort, packet.destinationPort)) return Outcome.miss;
    return Outcome.hit;
  }
  return header;
}

function explain(
  data: UdpMatch,
  packet: Packet,
  _context: unknown,
  _state: unknown,
  outcome: Outcome,
): Condition[] {
  if (!packet.hasTransport || packet.data.length < packet.transport + 4 || outcome === Outcome.hotdrop)
    return [withoutHeader('udp', packet, outcome)];
  return portConditions(data.sourcePort, data.destinationPort, packet);
}

export const udp: MatchDefinition<UdpMatch, undefined> = {
  name: 'udp',
  protocols: [Protocol.udp],
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print,
  list,
  wants: (data) => wantedPorts(data.sourcePort, data.destinationPort),
  reads: (data) => [
    'transport',
    ...(data.sourcePort ? (['sourcePort'] as const) : []),
    ...(data.destinationPort ? (['destinationPort'] as const) : []),
  ],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
