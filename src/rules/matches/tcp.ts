import { u8 } from '../../packet/bytes.js';
import type { Packet } from '../../packet/packet.js';
import { Tcp } from '../../packet/transport.js';
import { Protocol } from '../../packet/numbers.js';
import { condition } from '../explaining.js';
import type { Condition, Field, MatchDefinition } from '../definition.js';
import type { Negatable } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { portConditions, portHits } from '../portTest.js';
import { isAnyPort, listPortRange, parsePortsOf, type PortRange, printPortRange } from '../ports.js';
import { formatFlags, formatFlagsHex, parseFlags } from '../tcpFlags.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { withoutHeader } from './header.js';
import { wantedPorts } from '../wanted.js';

/** `struct xt_tcp` (linux/netfilter/xt_tcpudp.h). */
export interface TcpMatch {
  readonly sourcePort: Negatable<PortRange> | null;
  readonly destinationPort: Negatable<PortRange> | null;
  readonly flags: { readonly mask: number; readonly set: number; readonly negated: boolean } | null;
  /** --tcp-option: the option kind that must be there. */
  readonly option: Negatable<number> | null;
}

const OPTIONS: readonly OptionSpec[] = [
  { name: '--sport', aliases: ['--source-port'], args: 1, negatable: true },
  { name: '--dport', aliases: ['--destination-port'], args: 1, negatable: true },
  { name: '--tcp-flags', args: 2, negatable: true },
  { name: '--syn', args: 0, negatable: true },
  { name: '--tcp-option', args: 1, negatable: true },
];

/** --syn: SYN set, and FIN, RST and ACK not (iptables-extensions(8)). */
const SYN = { mask: 0x17, set: 0x02 };

function parse(options: OptionList): TcpMatch {
  const ports = (name: '--sport' | '--dport'): Negatable<PortRange> | null => {
    const given = options.find(name);
    if (!given) return null;
    const value = parsePortsOf(given.args[0].text, Protocol.tcp);
    if (typeof value !== 'string') return { value, negated: given.negated };
    options.error(value, given.args[0]);
    return null;
  };
  if (options.protocol !== Protocol.tcp) options.error(KERNEL_REFUSES);
  const given = options.find('--tcp-flags');
  const syn = options.find('--syn');
  const tcpOption = options.find('--tcp-option');
  let flags: TcpMatch['flags'] = syn ? { ...SYN, negated: syn.negated } : null;
  if (given) {
    const [mask, set] = given.args.map((word) => parseFlags(word.text));
    if (mask === undefined) options.error(`"${given.args[0].text}" is no list of TCP flags`, given.args[0]);
    else if (set === undefined)
      options.error(`"${given.args[1].text}" is no list of TCP flags`, given.args[1]);
    else flags = { mask, set, negated: given.negated };
  }
  let option: TcpMatch['option'] = null;
  if (tcpOption) {
    const value = Number(tcpOption.args[0].text);
    if (Number.isInteger(value) && value >= 1 && value <= 255) option = { value, negated: tcpOption.negated };
    else options.error('a TCP option is a number from 1 to 255', tcpOption.args[0]);
  }
  return { sourcePort: ports('--sport'), destinationPort: ports('--dport'), flags, option };
}

function print({ sourcePort, destinationPort, flags, option }: TcpMatch): string {
  const parts: string[] = [];
  const not = (negated: boolean): string => (negated ? '! ' : '');
  if (sourcePort && !isAnyPort(sourcePort.value))
    parts.push(`${not(sourcePort.negated)}--sport ${printPortRange(sourcePort.value)}`);
  if (destinationPort && !isAnyPort(destinationPort.value))
    parts.push(`${not(destinationPort.negated)}--dport ${printPortRange(destinationPort.value)}`);
  if (option) parts.push(`${not(option.negated)}--tcp-option ${option.value}`);
  if (flags)
    parts.push(`${not(flags.negated)}--tcp-flags ${formatFlags(flags.mask)} ${formatFlags(flags.set)}`);
  return parts.join(' ');
}

function list({ sourcePort, destinationPort, flags, option }: TcpMatch, numeric: boolean): string {
  const parts = ['tcp'];
  const ports = (word: string, port: Negatable<PortRange> | null): void => {
    if (port && (port.negated || !isAnyPort(port.value)))
      parts.push(listPortRange(word, port, numeric ? null : Protocol.tcp));
  };
  ports('spt', sourcePort);
  ports('dpt', destinationPort);
  if (option) parts.push(`option=${option.negated ? '!' : ''}${option.value}`);
  if (flags) {
    const format = numeric ? formatFlagsHex : formatFlags;
    parts.push(`flags:${flags.negated ? '!' : ''}${format(flags.mask)}/${format(flags.set)}`);
  }
  return parts.join(' ');
}

/** Where the TCP header ends, by its own data offset. */
function headerEnd({ data, transport }: Packet): number {
  return transport + (u8(data, transport + Tcp.dataOffset) >> 4) * 4;
}

/** Whether the option kind stands among the TCP options: `tcp_find_option()` (net/netfilter/xt_tcpudp.c). */
function findOption(packet: Packet, kind: number): Outcome {
  const { data, transport } = packet;
  const end = headerEnd(packet);
  if (end < transport + Tcp.minimumLength || end > packet.length) return Outcome.hotdrop;
  for (let at = transport + Tcp.minimumLength; at < end;) {
    if (at + 1 >= data.length && end > data.length) return Outcome.unknown;
    const here = u8(data, at);
    if (here === kind) return Outcome.hit;
    // End-of-list and no-operation have no length byte; the kernel steps over both alike.
    at += here < 2 ? 1 : u8(data, at + 1) || 1;
  }
  return Outcome.miss;
}

/**
 * `tcp_mt()` (net/netfilter/xt_tcpudp.c). A later fragment never matches; one that would overwrite the flags
 * (offset 1, which only IPv4 counts in units of eight bytes), or a packet too short for the header, is dropped.
 */
function test(data: TcpMatch, packet: Packet): Outcome {
  const { fragmentOffset, transport, data: bytes } = packet;
  if (fragmentOffset !== 0)
    return fragmentOffset === 8 && packet.version === 4 ? Outcome.hotdrop : Outcome.miss;
  if (transport + Tcp.minimumLength > packet.length) return Outcome.hotdrop;
  const { sourcePort, destinationPort, flags, option } = data;
  if ((sourcePort || destinationPort) && transport + Tcp.sequence > bytes.length) return Outcome.unknown;
  if (sourcePort && !portHits(sourcePort, packet.sourcePort)) return Outcome.miss;
  if (destinationPort && !portHits(destinationPort, packet.destinationPort)) return Outcome.miss;
  if (flags) {
    if (transport + Tcp.flags >= bytes.length) return Outcome.unknown;
    if (((bytes[transport + Tcp.flags] & flags.mask) === flags.set) === flags.negated) return Outcome.miss;
  }
  if (option) {
    if (transport + Tcp.dataOffset >= bytes.length) return Outcome.unknown;
    const found = findOption(packet, option.value);
    if (found === Outcome.hotdrop || found === Outcome.unknown) return found;
    if ((found === Outcome.hit) === option.negated) return Outcome.miss;
  }
  return Outcome.hit;
}

function explain(
  data: TcpMatch,
  packet: Packet,
  _context: unknown,
  _state: unknown,
  outcome: Outcome,
): Condition[] {
  const { transport } = packet;
  if (outcome === Outcome.hotdrop || outcome === Outcome.unknown || !packet.hasTransport)
    return [withoutHeader('tcp', packet, outcome)];
  const out = portConditions(data.sourcePort, data.destinationPort, packet);
  if (data.flags && transport + Tcp.flags < packet.data.length) {
    const { mask, set, negated } = data.flags;
    const have = u8(packet.data, transport + Tcp.flags) & mask;
    const wanted = `${formatFlags(set)} of ${formatFlags(mask)}`;
    out.push(
      condition('tcp-flags', 'tcp.flags', negated, wanted, formatFlags(have), (have === set) !== negated),
    );
  }
  if (data.option && headerEnd(packet) <= packet.data.length) {
    const { value, negated } = data.option;
    const there = findOption(packet, value) === Outcome.hit;
    const saw = there
      ? 'present'
      : `absent (header of ${u8(packet.data, transport + Tcp.dataOffset) >> 4} words)`;
    out.push(condition('tcp-option', 'tcp.options', negated, `option ${value}`, saw, there !== negated));
  }
  return out;
}

function reads(data: TcpMatch): Field[] {
  const fields: Field[] = ['transport'];
  if (data.sourcePort) fields.push('sourcePort');
  if (data.destinationPort) fields.push('destinationPort');
  if (data.flags) fields.push('tcp.flags');
  if (data.option) fields.push('tcp.options');
  return fields;
}

export const tcp: MatchDefinition<TcpMatch, undefined> = {
  name: 'tcp',
  protocols: [Protocol.tcp],
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print,
  list,
  wants: (data) => (data.option ? null : wantedPorts(data.sourcePort, data.destinationPort)),
  reads,
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
