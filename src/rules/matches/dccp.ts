import { Dccp } from '../../packet/transport.js';
import { u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { negatableNumber } from '../arguments.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList } from '../options.js';
import {
  asksForPort,
  listPort,
  portConditions,
  portHits,
  type PortTest,
  portTest,
  printPort,
} from '../portTest.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { reach, transportHeader, withoutHeader } from './header.js';

/** `struct xt_dccp_info` (linux/netfilter/xt_dccp.h). */
export interface DccpMatch {
  readonly source: PortTest | null;
  readonly destination: PortTest | null;
  /** Bit n: packet type n. */
  readonly types: Negatable<number> | null;
  readonly option: Negatable<number> | null;
}

/** RFC 4340 section 5.1; INVALID is every type that it leaves out. */
const TYPES = [
  'REQUEST',
  'RESPONSE',
  'DATA',
  'ACK',
  'DATAACK',
  'CLOSEREQ',
  'CLOSE',
  'RESET',
  'SYNC',
  'SYNCACK',
];
const INVALID = 0xfc00;
/** What follows the header, by type: RFC 4340 sections 5.1 to 5.8. */
const MORE = [4, 12, 0, 8, 8, 8, 8, 12, 8, 8];

function parse(options: OptionList): DccpMatch {
  const given = options.find('--dccp-types');
  let types: Negatable<number> | null = null;
  if (given) {
    let value = 0;
    for (const text of given.args[0].text.split(',')) {
      const at = TYPES.indexOf(text.toUpperCase());
      if (at < 0 && text.toUpperCase() !== 'INVALID')
        options.error(`Unknown DCCP type \`${text}'`, given.args[0]);
      else value |= at < 0 ? INVALID : 1 << at;
    }
    types = { value, negated: given.negated };
  }
  if (options.protocol !== Protocol.dccp) options.error(KERNEL_REFUSES);
  return {
    source: portTest(options, 'dccp', '--sport'),
    destination: portTest(options, 'dccp', '--dport'),
    types,
    option: negatableNumber(options, 'dccp', '--dccp-option', 255, 1),
  };
}

function typeNames(mask: number, numeric: boolean): string {
  const names: string[] = [];
  for (let type = 0; type < 16; type++) {
    if (!(mask & (1 << type))) continue;
    const name = numeric ? String(type) : (TYPES[type] ?? 'INVALID');
    if (!names.includes(name)) names.push(name);
  }
  return names.join(',');
}

function typeOf(packet: Packet): number {
  return (u8(packet.data, packet.transport + 8) >> 1) & 15;
}

/** `dccp_find_option()` (net/netfilter/xt_dccp.c): a header shorter than its type needs drops the packet. */
function hasOption(packet: Packet, option: number): Outcome {
  const { data, transport } = packet;
  const extended = u8(data, transport + 8) & 1;
  const from = Dccp.headerLength + (extended ? 4 : 0) + (MORE[typeOf(packet)] ?? 12);
  const length = u8(data, transport + 4) * 4;
  if (length < from) return Outcome.hotdrop;
  const there = reach(packet, transport + length);
  if (there !== Outcome.hit) return there;
  for (let at = transport + from; at < transport + length;) {
    const here = u8(data, at);
    if (here === option) return Outcome.hit;
    at += here < 2 ? 1 : u8(data, at + 1) || 1;
  }
  return Outcome.miss;
}

/** `dccp_mt()` (net/netfilter/xt_dccp.c) */
function test({ source, destination, types, option }: DccpMatch, packet: Packet): Outcome {
  const there = transportHeader(packet, Dccp.headerLength);
  if (there !== Outcome.hit) return there;
  if (source && !portHits(source, packet.sourcePort)) return Outcome.miss;
  if (destination && !portHits(destination, packet.destinationPort)) return Outcome.miss;
  if (types && ((types.value >> typeOf(packet)) & 1) === Number(types.negated)) return Outcome.miss;
  if (!option) return Outcome.hit;
  const found = hasOption(packet, option.value);
  if (found !== Outcome.hit && found !== Outcome.miss) return found;
  return (found === Outcome.hit) !== option.negated ? Outcome.hit : Outcome.miss;
}

function explain(data: DccpMatch, packet: Packet): Condition[] {
  const there = transportHeader(packet, Dccp.headerLength);
  if (there !== Outcome.hit) return [withoutHeader('DCCP', packet, there)];
  const { source, destination, types, option } = data;
  const out = portConditions(source, destination, packet);
  if (types) {
    const type = typeOf(packet);
    const hit = ((types.value >> type) & 1) !== Number(types.negated);
    const saw = TYPES[type] ?? `INVALID (${type})`;
    out.push(condition('dccp-types', 'transport', types.negated, typeNames(types.value, false), saw, hit));
  }
  if (option) {
    const outcome = test({ source: null, destination: null, types: null, option }, packet);
    const saw = hasOption(packet, option.value) === Outcome.hit ? 'present' : 'absent';
    const each = condition('dccp-option', 'transport', option.negated, `option ${option.value}`, saw, true);
    out.push({ ...each, outcome });
  }
  return out;
}

export const dccp: MatchDefinition<DccpMatch, undefined> = {
  name: 'dccp',
  protocols: [Protocol.dccp],
  versions: [4, 6],
  options: [
    { name: '--sport', aliases: ['--source-port'], args: 1, negatable: true },
    { name: '--dport', aliases: ['--destination-port'], args: 1, negatable: true },
    { name: '--dccp-types', args: 1, negatable: true },
    { name: '--dccp-option', args: 1, negatable: true },
  ],
  parse,
  print: ({ source, destination, types, option }) =>
    [
      ...(source ? [`${bang(source.negated)}--sport ${printPort(source)}`] : []),
      ...(destination ? [`${bang(destination.negated)}--dport ${printPort(destination)}`] : []),
      ...(types ? [`${bang(types.negated)}--dccp-types ${typeNames(types.value, false)}`] : []),
      ...(option ? [`${bang(option.negated)}--dccp-option ${option.value}`] : []),
    ].join(' '),
  list: ({ source, destination, types, option }, numeric) =>
    [
      'dccp',
      ...(source && asksForPort(source) ? [listPort('spt', source, Protocol.dccp, numeric)] : []),
      ...(destination && asksForPort(destination)
        ? [listPort('dpt', destination, Protocol.dccp, numeric)]
        : []),
      ...(types ? [`${bang(types.negated)}${typeNames(types.value, numeric)}`] : []),
      ...(option ? [`option=${option.negated ? '!' : ''}${option.value}`] : []),
    ].join(' '),
  reads: () => ['sourcePort', 'destinationPort', 'transport'],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
