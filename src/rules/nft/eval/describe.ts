import { formatIpv4 } from '../../../address/ip.js';
import { TcpFlag } from '../../../packet/transport.js';
import { CtStatus } from '../../connection.js';
import type { Field } from '../../definition.js';
import { hex } from '../../integers.js';
import { protocolName } from '../../protocols.js';
import type { Expression } from '../model.js';
import type { DataType } from '../types.js';
import { type Read, type Scalar, toAddress } from './value.js';

/** An expression by the words that it begins with: `tcp dport`, `ct state`, `ip saddr . tcp dport`. */
export function nameOf(expression: Expression): string {
  switch (expression.kind) {
    case 'payload':
      return expression.protocol === null
        ? `@${{ link: 'll', network: 'nh', transport: 'th', inner: 'ih' }[expression.base]},${expression.offset},${expression.bits}`
        : `${expression.protocol} ${expression.field ?? ''}`.trim();
    case 'inner': {
      const { tunnel, payload } = expression;
      return payload.protocol === tunnel ? nameOf(payload) : `${tunnel} ${nameOf(payload)}`;
    }
    case 'meta':
      return ['iif', 'oif', 'iifname', 'oifname', 'iifgroup', 'oifgroup'].includes(expression.key)
        ? expression.key
        : `meta ${expression.key}`;
    case 'ct':
      return ['ct', expression.direction, expression.family, expression.key].filter(Boolean).join(' ');
    case 'fib':
      return `fib ${expression.flags.join(' . ')} ${expression.result}`;
    case 'rt':
      return `rt ${expression.key}`;
    case 'tcpOption':
      return `tcp option ${expression.name} ${expression.field ?? ''}`.trim();
    case 'ipOption':
      return `ip option ${expression.name} ${expression.field ?? ''}`.trim();
    case 'sctpChunk':
      return `sctp chunk ${expression.name} ${expression.field ?? ''}`.trim();
    case 'exthdr':
      return `${expression.header} ${expression.field ?? ''}`.trim();
    case 'numgen':
      return `numgen ${expression.mode}`;
    case 'hash':
      return expression.algorithm;
    case 'binary':
      return nameOf(expression.left);
    case 'concat':
      return expression.parts.map(nameOf).join(' . ');
    case 'map':
      return nameOf(expression.key);
    case 'socket':
    case 'osf':
    case 'ipsec':
      return `${expression.kind} ${expression.key}`;
    default:
      return expression.kind;
  }
}

const PAYLOAD_FIELDS = new Map<string, Field>([
  ['saddr', 'ip.source'],
  ['daddr', 'ip.destination'],
  ['protocol', 'ip.protocol'],
  ['nexthdr', 'ip.protocol'],
  ['dscp', 'ip.tos'],
  ['ecn', 'ip.tos'],
  ['ttl', 'ip.ttl'],
  ['hoplimit', 'ip.ttl'],
  ['length', 'ip.length'],
  ['frag-off', 'ip.fragment'],
  ['hdrlength', 'ip.options'],
]);
const META_FIELDS = new Map<string, Field>([
  ['length', 'ip.length'],
  ['l4proto', 'ip.protocol'],
  ['protocol', 'ip.protocol'],
  ['nfproto', 'ip.protocol'],
  ['mark', 'mark'],
  ['priority', 'priority'],
  ['iif', 'in'],
  ['iifname', 'in'],
  ['iiftype', 'in'],
  ['iifgroup', 'in'],
  ['oif', 'out'],
  ['oifname', 'out'],
  ['oiftype', 'out'],
  ['oifgroup', 'out'],
  ['pkttype', 'packetType'],
  ['skuid', 'socket'],
  ['skgid', 'socket'],
  ['time', 'time'],
  ['day', 'time'],
  ['hour', 'time'],
]);
const CT_FIELDS = new Map<string, Field>([
  ['state', 'ct.state'],
  ['status', 'ct.status'],
  ['mark', 'ct.mark'],
  ['label', 'ct.label'],
  ['direction', 'ct.direction'],
  ['expiration', 'ct.expires'],
  ['helper', 'ct.helper'],
  ['packets', 'ct.counters'],
  ['bytes', 'ct.counters'],
  ['avgpkt', 'ct.counters'],
]);

/** Where the value of an expression comes from, so that its history can be told. */
export function fieldOf(expression: Expression): Field {
  switch (expression.kind) {
    case 'payload': {
      const { protocol, field, base } = expression;
      if (base === 'link') return 'link';
      if (base === 'network') return PAYLOAD_FIELDS.get(field ?? '') ?? 'transport';
      if (field === 'sport') return 'sourcePort';
      if (field === 'dport') return 'destinationPort';
      if (protocol === 'tcp' && field === 'flags') return 'tcp.flags';
      if (protocol?.startsWith('icmp')) return 'icmp.type';
      return 'transport';
    }
    case 'meta':
      return META_FIELDS.get(expression.key) ?? 'transport';
    case 'ct':
      return CT_FIELDS.get(expression.key) ?? 'ct.tuple';
    case 'fib':
    case 'rt':
      return 'routing';
    case 'tcpOption':
      return 'tcp.options';
    case 'ipOption':
    case 'exthdr':
      return 'ip.options';
    case 'socket':
      return 'socket';
    case 'numgen':
      return expression.mode === 'random' ? 'random' : 'count';
    case 'binary':
      return fieldOf(expression.left);
    case 'concat':
      return fieldOf(expression.parts[0]);
    case 'map':
      return fieldOf(expression.key);
    default:
      return 'transport';
  }
}

const STATES: readonly (readonly [string, number])[] = [
  ['invalid', 1],
  ['established', 2],
  ['related', 4],
  ['new', 8],
  ['untracked', 64],
];
const STATUSES: readonly (readonly [string, number])[] = [
  ['expected', CtStatus.expected],
  ['seen-reply', CtStatus.seenReply],
  ['assured', CtStatus.assured],
  ['confirmed', CtStatus.confirmed],
  ['snat', CtStatus.srcNat],
  ['dnat', CtStatus.dstNat],
  ['dying', CtStatus.dying],
];

function flags(value: number, names: readonly (readonly [string, number])[]): string {
  const set = names.filter(([, bit]) => value & bit).map(([name]) => name);
  return set.length > 0 ? set.join(',') : '0';
}

function showScalar(value: Scalar, type: DataType): string {
  if (typeof value === 'string') return value === '' ? '(none)' : value;
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return typeof value === 'number' ? formatIpv4(value) : (toAddress(value)?.toString() ?? '');
    case 'ct_state':
      return flags(Number(value), STATES);
    case 'ct_status':
      return flags(Number(value), STATUSES);
    case 'tcp_flag':
      return flags(Number(value), Object.entries(TcpFlag));
    case 'inet_proto':
      return protocolName(Number(value));
    case 'ct_dir':
      return value === 0 ? 'original' : 'reply';
    case 'mark':
      return hex(Number(value), 8);
    case 'ether_addr':
      return (Number(value).toString(16).padStart(12, '0').match(/../g) ?? []).join(':');
    default:
      return String(value);
  }
}

function typeOf(expression: Expression): DataType {
  if ('type' in expression) return expression.type;
  if (expression.kind === 'binary') return typeOf(expression.left);
  return 'integer';
}

/** A value that was read, in the words of its type. */
export function show(value: Read, expression: Expression): string {
  if (value === undefined) return 'the packet has none';
  if (value === null) return 'not known';
  if (typeof value !== 'object') return showScalar(value, typeOf(expression));
  const parts = expression.kind === 'concat' ? expression.parts : [];
  return value.map((v, i) => showScalar(v, parts[i] ? typeOf(parts[i]) : 'integer')).join(' . ');
}
