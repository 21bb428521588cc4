import type {
  Ct,
  Expression,
  ExtensionHeader,
  Fib,
  Hash,
  IpOption,
  NumberGenerator,
  OsFingerprint,
  Payload,
  PayloadBase,
  Route,
  SctpChunk,
  Selector,
  Socket,
  TcpOption,
} from '../../rules/nft/model.js';
import type { RuleContext } from './context.js';
import {
  ctKey,
  EXTENSION_HEADERS,
  fieldAt,
  IP_OPTIONS,
  isHeader,
  isShortMeta,
  metaKey,
  payloadField,
  rawPayload,
  SCTP_CHUNKS,
  TCP_OPTIONS,
} from './headers.js';
import type { DataType } from '../../rules/nft/types.js';

/** Builders of selectors by their names in nft, used by the readers of text and of JSON; undefined: no such thing. */

export function extensionHeader(
  header: string,
  field: string | null,
  index = 0,
): ExtensionHeader | undefined {
  // nft lists the further addresses of a type 0 header as segments.
  if (header === 'rt0' && field === 'addr' && index > 0) return extensionHeader('srh', 'sid', index);
  const known = EXTENSION_HEADERS.get(header);
  if (!known) return undefined;
  const base = { kind: 'exthdr', header: header as ExtensionHeader['header'], number: known.number } as const;
  if (field === null) return { ...base, field, offset: 0, bits: 1, type: 'boolean' };
  const place = known.fields.get(field);
  if (!place) return undefined;
  const listed = field === 'sid' || field === 'addr';
  const name = listed && (header === 'srh' || header === 'rt0') ? `${field}[${index}]` : field;
  return {
    ...base,
    field: name,
    offset: place.offset + (listed ? index * 128 : 0),
    bits: place.bits,
    type: place.type,
  };
}

export function tcpOption(name: string, field: string | null): TcpOption | undefined {
  const own =
    (
      {
        'sack-permitted': 'sack-perm',
        sack0: 'sack',
        mss: 'maxseg',
        wscale: 'window',
        noop: 'nop',
      } as Record<string, string | undefined>
    )[name] ?? name;
  const number = /^\d{1,3}$/.test(own) ? Number(own) : undefined;
  const byNumber = number === undefined ? undefined : [...TCP_OPTIONS].find(([, o]) => o.number === number);
  const [known, option] = byNumber ?? [own, TCP_OPTIONS.get(own)];
  if (!option && (number === undefined || number > 255)) return undefined;
  const base = { kind: 'tcpOption', name: known, number: option?.number ?? number ?? 0 } as const;
  if (field === null) {
    const plain = /^sack\d$/.test(known) ? 'sack' : known;
    return { ...base, name: plain, field, offset: 0, bits: 1, type: 'boolean' };
  }
  const place = option
    ? option.fields.get(field)
    : ({ kind: 0, length: 8 } as Record<string, number | undefined>)[field];
  if (place === undefined) return undefined;
  if (typeof place === 'number') return { ...base, field, offset: place, bits: 8, type: 'integer' };
  return { ...base, field, offset: place.offset, bits: place.bits, type: place.type };
}

/** `tcp option @NUMBER,OFFSET,BITS`. */
export function rawTcpOption(number: number, offset: number, bits: number): TcpOption {
  const known = [...TCP_OPTIONS].find(([, o]) => o.number === number);
  const place = known && [...known[1].fields.values()].find((f) => f.offset === offset && f.bits === bits);
  const base = { kind: 'tcpOption', name: known?.[0] ?? String(number), number, offset, bits } as const;
  return place
    ? { ...base, field: place.name, type: place.type }
    : { ...base, field: `@${number},${offset},${bits}`, type: 'integer' };
}

function optionField<T>(
  known:
    | {
        readonly number: number;
        readonly fields: ReadonlyMap<string, { offset: number; bits: number; type: DataType }>;
      }
    | undefined,
  field: string | null,
  make: (number: number, place: { offset: number; bits: number; type: DataType }) => T,
): T | undefined {
  if (!known) return undefined;
  if (field === null) return make(known.number, { offset: 0, bits: 1, type: 'boolean' });
  const place = known.fields.get(field);
  return place && make(known.number, place);
}

export function ipOption(name: string, field: string | null): IpOption | undefined {
  return optionField(IP_OPTIONS.get(name), field, (number, { offset, bits, type }) => ({
    kind: 'ipOption',
    name: name as IpOption['name'],
    number,
    field,
    offset,
    bits,
    type,
  }));
}

export function sctpChunk(name: string, field: string | null): SctpChunk | undefined {
  return optionField(SCTP_CHUNKS.get(name), field, (number, { offset, bits, type }) => ({
    kind: 'sctpChunk',
    name,
    number,
    field,
    offset,
    bits,
    type,
  }));
}

const BASES = new Map<string, PayloadBase>([
  ['ll', 'link'],
  ['nh', 'network'],
  ['th', 'transport'],
  ['ih', 'inner'],
]);

/**
 * `@nh,96,32`: where a field stands exactly there, nft lists it by its name; which headers there are is known from
 * the table's family and from the rule so far.
 */
export function rawSelector(
  base: string,
  offset: number,
  bits: number,
  context: RuleContext,
): Payload | undefined {
  const own = BASES.get(base);
  if (own === undefined || bits < 1 || bits > 512 || offset > 4096) return undefined;
  const header =
    own === 'network'
      ? context.networkHeader()
      : own === 'transport'
        ? (context.transportHeader() ?? 'th')
        : undefined;
  return (header && fieldAt(header, offset, bits)) || rawPayload(own, offset, bits);
}

/** `@nh,96,32` as it is written. */
export function unnamedSelector(base: string, offset: number, bits: number): Payload | undefined {
  const own = BASES.get(base);
  if (own === undefined || bits < 1 || bits > 512 || offset > 4096) return undefined;
  return rawPayload(own, offset, bits);
}

export function fib(flags: readonly string[], result: string): Fib | undefined {
  const own = flags.filter(
    (f) => f === 'saddr' || f === 'daddr' || f === 'mark' || f === 'iif' || f === 'oif',
  );
  const order = ['saddr', 'daddr', 'mark', 'iif', 'oif'];
  if (own.length !== flags.length || own.length === 0) return undefined;
  const sorted = [...own].sort((a, b) => order.indexOf(a) - order.indexOf(b));
  const type = (
    { oif: 'iface_index', oifname: 'ifname', type: 'fib_addrtype', check: 'boolean' } as Record<
      string,
      DataType | undefined
    >
  )[result];
  if (type === undefined) return undefined;
  const bits = type === 'ifname' ? 128 : 32;
  const present = result === 'check';
  return { kind: 'fib', flags: sorted, result: result as Fib['result'], present, bits, type };
}

export function route(key: string, family: Route['family'], context: RuleContext): Route | undefined {
  if (key === 'nexthop') {
    const own = family ?? context.addressFamily();
    if (own === null) return undefined;
    return own === 'ip'
      ? { kind: 'rt', key, family: own, bits: 32, type: 'ipv4_addr' }
      : { kind: 'rt', key, family: own, bits: 128, type: 'ipv6_addr' };
  }
  if (key === 'classid') return { kind: 'rt', key, family: null, bits: 32, type: 'realm' };
  if (key === 'mtu') return { kind: 'rt', key, family: null, bits: 16, type: 'integer' };
  return key === 'ipsec' ? { kind: 'rt', key, family: null, bits: 1, type: 'boolean' } : undefined;
}

export function socket(key: string, level: number | null): Socket | undefined {
  switch (key) {
    case 'transparent':
    case 'wildcard':
      return { kind: 'socket', key, level: null, bits: 1, type: 'integer' };
    case 'mark':
      return { kind: 'socket', key, level: null, bits: 32, type: 'mark' };
    case 'cgroupv2':
      return { kind: 'socket', key, level, bits: 64, type: 'cgroupv2' };
    default:
      return undefined;
  }
}

export function osf(key: string, ttl: string | null): OsFingerprint | undefined {
  if ((key !== 'name' && key !== 'version') || (ttl !== null && ttl !== 'loose' && ttl !== 'skip'))
    return undefined;
  return { kind: 'osf', key, ttl, bits: 128, type: 'string' };
}

export function ipsec(
  direction: string,
  spnum: number,
  key: string,
  family: 'ip' | 'ip6' | null,
): Selector | undefined {
  if (direction !== 'in' && direction !== 'out') return undefined;
  const address = key === 'saddr' || key === 'daddr';
  if (!address && key !== 'reqid' && key !== 'spi') return undefined;
  if (address && family === null) return undefined;
  const type: DataType = !address ? 'integer' : family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  const bits = type === 'ipv6_addr' ? 128 : 32;
  return { kind: 'ipsec', direction, spnum, key, family: address ? family : null, bits, type };
}

export function numgen(mode: string, modulus: number, offset: number): NumberGenerator | undefined {
  if (mode !== 'inc' && mode !== 'random') return undefined;
  return { kind: 'numgen', mode, modulus, offset };
}

export function hash(
  algorithm: 'jhash' | 'symhash',
  expression: Expression | null,
  modulus: number,
  seed: number | null,
  offset: number,
): Hash {
  return { kind: 'hash', algorithm, expression, modulus, seed, offset };
}

/** What conntrack knows of each direction. */
const DIRECTED = new Set([
  'l3proto',
  'protocol',
  'saddr',
  'daddr',
  'proto-src',
  'proto-dst',
  'packets',
  'bytes',
  'avgpkt',
  'zone',
]);

/** Conntrack keys; those that are the same in both directions lose it, as nft lists them. */
export function conntrack(
  key: string,
  direction: Ct['direction'],
  family: 'ip' | 'ip6' | null,
  context: RuleContext,
): Ct | undefined {
  const own = direction !== null && (key === 'l3proto' || key === 'protocol') ? null : direction;
  if (direction !== null && !DIRECTED.has(key)) return undefined;
  const address = key === 'saddr' || key === 'daddr';
  if (address && direction === null) return undefined;
  if ((key === 'proto-src' || key === 'proto-dst') && direction === null) return undefined;
  const addressFamily = address ? (family ?? context.addressFamily()) : null;
  if (address && addressFamily === null) return undefined;
  return ctKey(key, own, addressFamily);
}

export { isHeader, isShortMeta, metaKey, payloadField };
