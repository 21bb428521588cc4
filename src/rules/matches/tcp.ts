import { u16, u8 } from '../../packet/bytes.js';
import type { Packet } from '../../packet/packet.js';
import { Tcp } from '../../packet/transport.js';
import { Protocol } from '../../packet/numbers.js';
import { condition } from '../explaining.js';
import type { Condition, Field, MatchDefinition } from '../definition.js';
import type { OptionList, OptionSpec } from '../options.js';
import { inRange, parsePortRange, type PortRange, printPortRange } from '../ports.js';
import { formatFlags, formatFlagsHex, parseFlags } from '../tcpFlags.js';
import { Outcome } from '../verdict.js';

/** `struct xt_tcp` (linux/netfilter/xt_tcpudp.h). */
export interface TcpMatch {
  readonly sourcePort: Negatable<PortRange> | null;
  readonly destinationPort: Negatable<PortRange> | null;
  readonly flags: { readonly mask: number; readonly set: number; readonly negated: boolean } | null;
  /** --tcp-option: the option kind that must be there. */
  readonly option: Negatable<number> | null;
}

interface Negatable<T> {
  readonly value: T;
  readonly negated: boolean;
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
  const ports = (name: string): Negatable<PortRange> | null => {
    const given = options.find(name);
    if (!given) return null;
    const value = parsePortRange(given.args[0]);
    if (!value) {
      options.error(`port "${given.args[0].text}" is not a port, a range or a known service`, given.args[0]);
      return null;
    }
    return { value, negated: given.negated };
  };
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
  if (sourcePort) parts.push(`${not(sourcePort.negated)}--sport ${printPortRange(sourcePort.value)}`);
  if (destinationPort)
    parts.push(`${not(destinationPort.negated)}--dport ${printPortRange(destinationPort.value)}`);
  if (option) parts.push(`${not(option.negated)}--tcp-option ${option.value}`);
  if (flags)
    parts.push(`${not(flags.negated)}--tcp-flags ${formatFlags(flags.mask)} ${formatFlags(flags.set)}`);
  return parts.join(' ');
}

function list({ sourcePort, destinationPort, flags, option }: TcpMatch): string {
  const parts = ['tcp'];
  const ports = (word: string, p: Negatable<PortRange>): string =>
    `${word}${p.value.min === p.value.max ? '' : 's'}:${p.negated ? '!' : ''}${printPortRange(p.value)}`;
  if (sourcePort) parts.push(ports('spt', sourcePort));
  if (destinationPort) parts.push(ports('dpt', destinationPort));
  if (option) parts.push(`option=${option.negated ? '!' : ''}${option.value}`);
  if (flags)
    parts.push(`flags:${flags.negated ? '!' : ''}${formatFlagsHex(flags.mask)}/${formatFlagsHex(flags.set)}`);
  return parts.join(' ');
}

/** Whether the option kind stands among the TCP options: `tcp_find_option()` (net/netfilter/xt_tcpudp.c). */
export function hasTcpOption(packet: Packet, kind: number): boolean {
  const { data, transport } = packet;
  const end = transport + (u8(data, transport + Tcp.dataOffset) >> 4) * 4;
  for (let at = transport + Tcp.minimumLength; at < end;) {
    const here = u8(data, at);
    if (here === kind) return true;
    // End-of-list and no-operation have no length byte; the kernel steps over both alike.
    at += here < 2 ? 1 : u8(data, at + 1) || 1;
  }
  return false;
}

/**
 * `tcp_mt()` (net/netfilter/xt_tcpudp.c). A later fragment never matches; one that would overwrite the flags
 * (offset 1), or a packet too short for the header, is dropped.
 */
function test(data: TcpMatch, packet: Packet): Outcome {
  if (!packet.hasTransport) return packet.fragmentOffset === 8 ? Outcome.hotdrop : Outcome.miss;
  if (!holdsHeader(packet)) return Outcome.hotdrop;
  const { sourcePort, destinationPort, flags, option } = data;
  if (sourcePort && inRange(sourcePort.value, packet.sourcePort) === sourcePort.negated) return Outcome.miss;
  if (destinationPort && inRange(destinationPort.value, packet.destinationPort) === destinationPort.negated)
    return Outcome.miss;
  if (flags && ((u8(packet.data, packet.transport + Tcp.flags) & flags.mask) === flags.set) === flags.negated)
    return Outcome.miss;
  if (option && hasTcpOption(packet, option.value) === option.negated) return Outcome.miss;
  return Outcome.hit;
}

function holdsHeader(packet: Packet): boolean {
  return packet.protocol === Protocol.tcp && packet.length - packet.transport >= Tcp.minimumLength;
}

function explain(data: TcpMatch, packet: Packet): Condition[] {
  if (!packet.hasTransport || !holdsHeader(packet)) {
    const saw = packet.hasTransport ? 'too short a packet' : 'a later fragment';
    return [condition('tcp', 'transport', false, 'a TCP header', saw, false)];
  }
  const out: Condition[] = [];
  const port = (name: string, field: Field, wanted: Negatable<PortRange> | null, value: number): void => {
    if (!wanted) return;
    const hit = inRange(wanted.value, value) !== wanted.negated;
    out.push(condition(name, field, wanted.negated, printPortRange(wanted.value), String(value), hit));
  };
  port('sport', 'sourcePort', data.sourcePort, packet.sourcePort);
  port('dport', 'destinationPort', data.destinationPort, packet.destinationPort);
  if (data.flags) {
    const { mask, set, negated } = data.flags;
    const have = u8(packet.data, packet.transport + Tcp.flags) & mask;
    const wanted = `${formatFlags(set)} of ${formatFlags(mask)}`;
    out.push(
      condition('tcp-flags', 'tcp.flags', negated, wanted, formatFlags(have), (have === set) !== negated),
    );
  }
  if (data.option) {
    const { value, negated } = data.option;
    const there = hasTcpOption(packet, value);
    const saw = there
      ? 'present'
      : `absent (header of ${u16(packet.data, packet.transport + Tcp.dataOffset) >> 12} words)`;
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
  reads,
  pure: true,
  start: () => undefined,
  test,
  explain,
};
