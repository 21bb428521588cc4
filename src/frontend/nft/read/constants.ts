import { IpAddress, parseAddress } from '../../../address/ip.js';
import { formatMac, parseMac } from '../../../address/mac.js';
import type { Constant, KeyField } from '../../../rules/nft/model.js';
import { servicePort } from '../../../rules/services.js';
import { readNumber } from './stream.js';
import { bitNames, isBitmask, symbolName, symbolValue } from '../symbols.js';
import { formatDate, formatHour, formatTime, parseDate, parseHour, parseTime } from '../time.js';

/** Names of helpers and of operating systems, in bytes. */
const LONGEST_STRING = 16;
/** Integers up to this width are numbers, wider ones bytes. */
const WIDEST_NUMBER = 48;

const TYPE_NAMES: Partial<Record<KeyField['type'], string>> = {
  ct_state: 'conntrack state',
  ct_status: 'conntrack status',
  ct_event: 'conntrack event bits',
  icmp_code: 'icmp code',
  icmp_type: 'ICMP type',
  icmpv6_type: 'ICMPv6 type',
  inet_service: 'service',
  inet_proto: 'internet protocol',
  pkt_type: 'packet type',
  tcp_flag: 'TCP flag',
  dscp: 'Differentiated Services Code Point',
};

/**
 * One value as written, read as its type demands (nft(8), DATA TYPES).
 * @returns what is wrong with it, where it is no such value
 */
export function readConstant(text: string, field: KeyField): Constant | string {
  const { type, bits } = field;
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return readAddress(text, type === 'ipv4_addr' ? 4 : 6);
    case 'ether_addr': {
      const bytes = parseMac(text) ?? numberBytes(text, 48);
      return bytes ? { kind: 'bytes', bytes, type } : `${text} is no link-layer address`;
    }
    case 'boolean': {
      const value = (
        { exists: true, '1': true, true: true, missing: false, '0': false, false: false } as Record<
          string,
          boolean | undefined
        >
      )[text];
      return value === undefined ? 'expecting exists or missing' : { kind: 'boolean', value };
    }
    case 'ifname':
      return readInterface(text);
    case 'iface_index': {
      const index = readNumber(text);
      return index === undefined
        ? { kind: 'string', value: text, wildcard: false, type }
        : { kind: 'integer', value: index, type };
    }
    case 'string':
    case 'cgroupv2':
      if (bits > 0 && type === 'string' && text.length > LONGEST_STRING)
        return `String exceeds maximum length of ${LONGEST_STRING}`;
      return { kind: 'string', value: text, wildcard: false, type };
    case 'ct_label': {
      const bit = readNumber(text);
      if (bit === undefined || bit > 127) return `could not parse conntrack label "${text}"`;
      const bytes = new Uint8Array(16);
      bytes[bit >> 3] = 1 << (bit & 7);
      return { kind: 'bytes', bytes, type };
    }
    default:
      break;
  }
  if (type === 'integer' && bits > WIDEST_NUMBER) {
    const small = readNumber(text);
    if (bits <= 64 && small !== undefined) return { kind: 'integer', value: small, type };
    const bytes = numberBytes(text, bits);
    return bytes ? { kind: 'bytes', bytes, type } : 'Could not parse integer';
  }
  const value = readInteger(text, field);
  if (value === undefined)
    return TYPE_NAMES[type] === undefined ? 'Could not parse integer' : `Could not parse ${TYPE_NAMES[type]}`;
  if (type === 'day' && value > 6) return `Value ${text} exceeds valid range 0-6`;
  if (bits > 0 && bits < 53 && type !== 'time' && value >= 2 ** bits)
    return type === 'inet_service'
      ? 'Service out of range'
      : `Value ${text} exceeds valid range 0-${2 ** bits - 1}`;
  return { kind: 'integer', value, type };
}

function readAddress(text: string, version: 4 | 6): Constant | string {
  const name = text === 'localhost' ? (version === 4 ? '127.0.0.1' : '::1') : text;
  const address = parseAddress(name);
  if (address?.version === version) return { kind: 'address', address };
  const number = version === 4 ? readNumber(text) : undefined;
  if (number !== undefined && number < 2 ** 32)
    return { kind: 'address', address: new IpAddress(4, number | 0) };
  return address
    ? 'Could not resolve hostname: Address family for hostname not supported'
    : `${text} is no ${version === 4 ? 'IPv4' : 'IPv6'} address`;
}

function readInterface(text: string): Constant | string {
  if (text === '*') return 'All-wildcard strings are not supported';
  if (text === '') return 'Empty string is not allowed';
  const wildcard = text.endsWith('*') && !text.endsWith('\\*');
  const value = (wildcard ? text.slice(0, -1) : text).replace(/\\\*$/, '*');
  return value.length > 15
    ? 'String exceeds maximum length of 15'
    : { kind: 'string', value, wildcard, type: 'ifname' };
}

function readInteger(text: string, { type }: KeyField): number | undefined {
  const symbol = symbolValue(type, text);
  if (symbol !== undefined) return symbol;
  switch (type) {
    case 'inet_service':
      return readNumber(text) ?? servicePort(text, null);
    case 'time':
      return parseTime(text);
    case 'datetime': {
      const seconds = readNumber(text);
      return parseDate(text) ?? (seconds === undefined ? undefined : seconds * 1000);
    }
    case 'hour':
      return parseHour(text) ?? readNumber(text);
    case 'uid':
    case 'gid':
      return text === 'root' ? 0 : text === 'nobody' ? 65534 : readNumber(text);
    case 'classid': {
      if (text === 'none') return 0;
      if (text === 'root') return 0xffffffff;
      const parts = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(text);
      return parts ? parseInt(parts[1], 16) * 65536 + parseInt(parts[2], 16) : readNumber(text);
    }
    default:
      return readNumber(text);
  }
}

function numberBytes(text: string, bits: number): Uint8Array | undefined {
  if (!/^(0x[0-9a-f]{1,512}|\d{1,40})$/i.test(text)) return undefined;
  const size = Math.ceil(bits / 8);
  const hex = BigInt(text).toString(16);
  if (hex.length > size * 2) return undefined;
  const digits = hex.padStart(size * 2, '0');
  return Uint8Array.from({ length: size }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

const hex = (value: number, digits = 1): string => `0x${value.toString(16).padStart(digits, '0')}`;

/** How values are shown where their type alone does not say it. */
export interface Showing {
  /** Raw payload and its like: integers in hexadecimal. */
  readonly hexadecimal?: boolean;
  /** What joins the bits of a mask: `,` of flags, ` | ` in sets; null: a plain number. */
  readonly joiner?: ',' | ' | ' | null;
  /** Numbers also where there are names for them. */
  readonly numeric?: boolean;
  /** Of a concatenation: how each part is shown. */
  readonly parts?: readonly Showing[];
}

/** A single value as nft prints it. */
export function printConstant(value: Constant, showing: Showing = {}): string {
  switch (value.kind) {
    case 'integer':
      return printInteger(value.value, value.type, showing);
    case 'address':
      return value.address.toString();
    case 'bytes':
      return printBytes(value.bytes, value.type);
    case 'string': {
      if (value.type === 'cgroupv2') return `"${value.value}"`;
      const text = value.value.endsWith('*') ? `${value.value.slice(0, -1)}\\*` : value.value;
      return `"${text}${value.wildcard ? '*' : ''}"`;
    }
    case 'boolean':
      return value.value ? 'exists' : 'missing';
    case 'verdict':
      return 'chain' in value.verdict ? `${value.verdict.kind} ${value.verdict.chain}` : value.verdict.kind;
    case 'prefix':
      return `${printConstant(value.base, showing)}/${value.length}`;
    case 'range':
      return `${printEnd(value.from, showing)}-${printEnd(value.to, showing)}`;
    case 'concat':
      return value.parts.map((part) => printConstant(part as Constant, showing)).join(' . ');
    case 'wildcard':
      return '*';
  }
}

/** At the ends of a range times stand in seconds, and names as their numbers. */
function printEnd(value: Constant, showing: Showing): string {
  if (value.kind === 'integer' && value.type === 'time') return `${Math.floor(value.value / 1000)}s`;
  return printConstant(value, { ...showing, numeric: true });
}

function printBytes(bytes: Uint8Array, type: KeyField['type']): string {
  if (type === 'ether_addr') return formatMac(bytes);
  if (type === 'ct_label') {
    const bits: number[] = [];
    for (let i = 0; i < 128; i++) if ((bytes[i >> 3] >> (i & 7)) & 1) bits.push(i);
    return bits.join(',');
  }
  const digits = [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
  return `0x${digits.replace(/^0+(?=.)/, '')}`;
}

function printInteger(value: number, type: KeyField['type'], showing: Showing): string {
  if (isBitmask(type)) {
    const names = bitNames(type, value);
    if (names && (names.length === 1 || showing.joiner !== null)) return names.join(showing.joiner ?? ' | ');
    return hex(value);
  }
  const name = showing.numeric ? undefined : symbolName(type, value);
  if (name !== undefined)
    return type === 'day' || type === 'realm' || type === 'devgroup' ? `"${name}"` : name;
  switch (type) {
    case 'mark':
      return hex(value, 8);
    case 'dscp':
    case 'ecn':
      return hex(value, 2);
    case 'ether_type':
      return hex(value, 4);
    case 'time':
      return formatTime(value);
    case 'datetime':
      return `"${formatDate(value)}"`;
    case 'hour':
      return `"${formatHour(value)}"`;
    case 'classid':
      return value === 0
        ? 'none'
        : value === 0xffffffff
          ? 'root'
          : `${Math.floor(value / 65536).toString(16)}:${(value % 65536).toString(16)}`;
    default:
      return showing.hexadecimal ? hex(value) : String(value);
  }
}
