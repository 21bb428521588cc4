import { IpAddress, parseAddress, readIpv4, type IpVersion } from '../../address/ip.js';
import { formatMac, parseMac } from '../../address/mac.js';
import { ICMP_TYPES, ICMPV6_TYPES, icmpTypeName } from '../../rules/icmpTypes.js';
import { parseUint } from '../../rules/integers.js';
import { parseProtocol, protocolName } from '../../rules/protocols.js';
import { servicePort } from '../../rules/services.js';
import type { IpSet } from '../../rules/sets/set.js';
import type { SetField } from '../../rules/sets/type.js';
import { maskWords } from '../../rules/sets/packetKey.js';

/** How many elements one `add` may stand for (a range, a network): as many as the simulation will hold for it. */
const MOST = 1 << 20;

/** What a part of an element stands for: the words of each key it means. */
interface Part {
  readonly count: number;
  each(i: number): readonly number[];
}

export interface ParsedElement {
  readonly count: number;
  /** The key of the i-th element. */
  key(i: number): number[];
  readonly physdev: boolean;
}

/** Reads the element of an `add`, `del` or `test`. @returns what is wrong, where something is */
export function parseElement(text: string, set: IpSet): ParsedElement | string {
  const { fields, width, offsets } = set.type;
  const texts = text.split(',');
  // bitmap:ip,mac may leave the MAC out: the first packet brings it.
  if (set.type.name === 'bitmap:ip,mac' && texts.length === 1) texts.push('00:00:00:00:00:00');
  if (texts.length > fields.length)
    return `Syntax error: Elem separator in ${text}, but settype ${set.type.name} supports ${fields.length === 1 ? 'none' : 'fewer'}.`;
  if (texts.length < fields.length) return `Syntax error: Second element is missing from ${text}.`;
  const parts: Part[] = [];
  let count = 1;
  for (const [i, field] of fields.entries()) {
    const part = parsePart(field, texts[i], set);
    if (typeof part === 'string') return part;
    parts.push(part);
    count *= part.count;
  }
  if (count > MOST) return `${text} stands for more than ${MOST} elements`;
  return {
    count,
    key(i) {
      const key = new Array<number>(width).fill(0);
      for (const [f, part] of parts.entries()) {
        part.each(i % part.count).forEach((word, n) => (key[offsets[f] + n] = word));
        i = Math.floor(i / part.count);
      }
      return key;
    },
    physdev: fields[1] === 'iface' && texts[1].startsWith('physdev:'),
  };
}

/** The key of a set's element that is an IPv4 address alone, or one of a set of networks with its length; null: read it whole. */
export function plainKey(text: string, { type, options }: IpSet): number[] | null {
  const [field] = type.fields;
  if (type.fields.length !== 1 || type.method !== 'hash' || options.family !== 4) return null;
  if (field === 'ip' ? options.netmask !== null : field !== 'net') return null;
  const slash = field === 'net' ? text.indexOf('/') : -1;
  const address = readIpv4(text, 0, slash < 0 ? text.length : slash);
  if (Number.isNaN(address)) return null;
  if (field === 'ip') return address === 0 ? null : [address, 0, 0, 0];
  const length = slash < 0 ? 32 : parseUint(text.slice(slash + 1), 32);
  if (length === undefined) return null;
  return [length === 0 ? 0 : address & (-1 << (32 - length)), 0, 0, 0, length];
}

function one(words: readonly number[]): Part {
  return { count: 1, each: () => words };
}

function parsePart(field: SetField, text: string, set: IpSet): Part | string {
  const { family, range } = set.options;
  switch (field) {
    case 'ip': {
      const part = parseAddresses(text, set);
      if (typeof part === 'string' || !range || set.type.method !== 'bitmap') return part;
      const outside = (words: readonly number[]): boolean =>
        words[0] >>> 0 < range[0] || words[0] >>> 0 > range[1];
      return outside(part.each(0)) || outside(part.each(part.count - 1))
        ? 'Element is out of the range of the set'
        : part;
    }
    case 'net':
      return parseNetworks(text, family);
    case 'port':
      return parsePorts(text, family);
    case 'tcpUdpPort': {
      const part = parsePorts(text, 4);
      if (typeof part === 'string') return part;
      const port = (i: number): number => part.each(i)[0] & 0xffff;
      if (range && (port(0) < range[0] || port(part.count - 1) > range[1]))
        return 'Element is out of the range of the set';
      return { count: part.count, each: (i) => [port(i)] };
    }
    case 'mac': {
      const mac = parseMac(text);
      if (!mac) return `Syntax error: cannot parse ${text} as ethernet address`;
      const [a, b, c, d, e, f] = mac;
      return one([(a << 24) | (b << 16) | (c << 8) | d, (e << 8) | f]);
    }
    case 'mark': {
      const mark = parseUint(text, 0xffffffff);
      return mark === undefined
        ? `Syntax error: '${text}' is invalid as number`
        : one([mark & set.options.markMask]);
    }
    case 'iface': {
      const name = text.replace(/^physdev:/, '');
      if (name === '' || name.length > 15)
        return `Syntax error: interface name ${name} is longer than 15 characters`;
      return one([set.interfaceId(name, true)!]);
    }
  }
}

function address(text: string, family: IpVersion): IpAddress | string {
  const found = parseAddress(text);
  return found?.version === family
    ? found
    : `Syntax error: cannot parse ${text}: resolving to IPv${family} address failed`;
}

function words({ a, b, c, d }: IpAddress): number[] {
  return [a, b, c, d];
}

/** First and last of `a`, `a-b` or `a/length`, unsigned; IPv4 only. */
function span(text: string): { first: number; last: number; length: number | null } | string {
  const [low, high] = text.split('-');
  const [base, bits] = low.split('/');
  const from = address(base, 4);
  if (typeof from === 'string') return from;
  if (high !== undefined) {
    const to = address(high, 4);
    if (typeof to === 'string') return to;
    const [a, b] = [from.a >>> 0, to.a >>> 0];
    return { first: Math.min(a, b), last: Math.max(a, b), length: null };
  }
  const length = bits === undefined ? 32 : parseUint(bits, 32);
  if (length === undefined) return `Syntax error: '${bits}' is out of range 0-32`;
  const size = 2 ** (32 - length);
  const first = (from.a >>> 0) - ((from.a >>> 0) % size);
  return { first, last: first + size - 1, length };
}

/** Every address of a range or network; those of a set with a netmask once a network. */
function parseAddresses(text: string, set: IpSet): Part | string {
  const { family, netmask } = set.options;
  const cut = netmask ?? (family === 4 ? 32 : 128);
  if (family === 6) {
    const found = address(text.replace(/\/128$/, ''), 6);
    if (typeof found === 'string') return found;
    const key = Int32Array.from(words(found));
    maskWords(key, 0, cut);
    return one([...key]);
  }
  const found = span(text);
  if (typeof found === 'string') return found;
  const step = 2 ** (32 - cut);
  const first = found.first - (found.first % step);
  if (set.type.name === 'hash:ip' && found.last === 0)
    return 'Null-valued element, cannot be stored in a hash type of set';
  return {
    count: Math.floor((found.last - first) / step) + 1,
    each: (i) => [(first + i * step) | 0, 0, 0, 0],
  };
}

/** A network, or the networks that make up a range. */
function parseNetworks(text: string, family: IpVersion): Part | string {
  if (family === 6) {
    const [base, bits] = text.split('/');
    const found = address(base, 6);
    if (typeof found === 'string') return found;
    const length = bits === undefined ? 128 : parseUint(bits, 128);
    if (length === undefined) return `Syntax error: '${bits}' is out of range 0-128`;
    const key = Int32Array.from([...words(found), length]);
    maskWords(key, 0, length);
    return one([...key]);
  }
  const found = span(text);
  if (typeof found === 'string') return found;
  if (found.length !== null) return one([found.first | 0, 0, 0, 0, found.length]);
  const networks: number[][] = [];
  for (let at = found.first; at <= found.last;) {
    let size = 1;
    while (size < 2 ** 32 && at % (size * 2) === 0 && at + size * 2 - 1 <= found.last) size *= 2;
    networks.push([at | 0, 0, 0, 0, 32 - Math.log2(size)]);
    at += size;
  }
  return { count: networks.length, each: (i) => networks[i] };
}

/** `[protocol:]port[-port]`, `icmp:type/code`, `icmp:name`; tcp where no protocol is said. */
function parsePorts(text: string, family: IpVersion): Part | string {
  const colon = text.indexOf(':');
  const name = colon < 0 ? 'tcp' : text.slice(0, colon);
  const rest = text.slice(colon + 1);
  const protocol = parseProtocol(name);
  if (protocol === undefined || protocol === 0)
    return `Syntax error: cannot parse '${name}' as a protocol name`;
  const packed = (port: number): number[] => [(protocol << 16) | port];
  if (protocol === 1 || protocol === 58) {
    if ((protocol === 1) !== (family === 4))
      return `Syntax error: Protocol ${protocol === 1 ? 'ICMP' : 'ICMPv6'} can be used with family ${protocol === 1 ? 'inet' : 'inet6'} only`;
    const row = (protocol === 1 ? ICMP_TYPES : ICMPV6_TYPES).find(([n]) => n === rest);
    const [type, code] = row ? [row[1], row[2] ?? 0] : rest.split('/').map((n) => parseUint(n, 255));
    if (type === undefined || code === undefined) return `Syntax error: cannot parse '${rest}' as ICMP type`;
    return one(packed(type * 256 + code));
  }
  const port = (word: string): number | undefined => parseUint(word, 65535) ?? servicePort(word, protocol);
  const whole = port(rest);
  if (whole !== undefined) return one(packed(whole));
  const dash = rest.indexOf('-');
  const [low, high] = [port(rest.slice(0, dash)), port(rest.slice(dash + 1))];
  if (dash < 0 || low === undefined || high === undefined)
    return `Syntax error: cannot parse '${rest}' as a port`;
  const first = Math.min(low, high);
  return { count: Math.abs(high - low) + 1, each: (i) => packed(first + i) };
}

/** An element as `ipset save` prints it. */
export function formatElement(key: Int32Array, set: IpSet, physdev: boolean): string {
  const { fields, offsets } = set.type;
  const { family } = set.options;
  const width = family === 4 ? 32 : 128;
  const parts = fields.map((field, i) => {
    const at = offsets[i];
    const ip = (): string => new IpAddress(family, key[at], key[at + 1], key[at + 2], key[at + 3]).toString();
    switch (field) {
      case 'ip':
        return ip();
      case 'net':
        return key[at + 4] === width ? ip() : `${ip()}/${key[at + 4]}`;
      case 'port':
        return formatPort(key[at] >>> 16, key[at] & 0xffff);
      case 'tcpUdpPort':
        return String(key[at]);
      case 'mac':
        return key[at] === 0 && key[at + 1] === 0
          ? ''
          : formatMac(
              Uint8Array.from(
                [24, 16, 8, 0].map((s) => key[at] >>> s).concat(key[at + 1] >>> 8, key[at + 1]),
              ),
            );
      case 'mark':
        return `0x${(key[at] >>> 0).toString(16).padStart(8, '0')}`;
      case 'iface':
        return `${physdev ? 'physdev:' : ''}${set.interfaces[key[at]]}`;
    }
  });
  return parts.filter((part) => part !== '').join(',');
}

function formatPort(protocol: number, port: number): string {
  const name = protocolName(protocol);
  if (protocol !== 1 && protocol !== 58) return `${name}:${port}`;
  const version = protocol === 1 ? 4 : 6;
  const [type, code] = [port >>> 8, port & 255];
  const named =
    icmpTypeName({ type, code }, version) ??
    (code === 0 ? icmpTypeName({ type, code: null }, version) : undefined);
  return `${name}:${named ?? `${type}/${code}`}`;
}
