import { IpAddress, parseAddress } from '../../address/ip.js';
import { symbolValue } from '../../frontend/nft/symbols.js';
import type { Constant, Expression, NftTable, SetElement } from '../../rules/nft/model.js';
import { parseProtocol } from '../../rules/protocols.js';

/** Another value, and bits for its being the one that the host has. */
export type Variant<T> = readonly [T, number];

/** What differing packets were seen with, as iptables spells it; and what the host has. */
export interface Seen {
  /** Values of an option of iptables (`-s`, `--dport`), the frequent ones first. */
  values(option: string): readonly string[];
  readonly devices: readonly string[];
}

const FEW = 8;
/** Elements of one set that are looked at. */
const MOST_ELEMENTS = 64;

/** The option of iptables that asks for what an expression reads; '' for none. */
export function optionOf(read: Expression): string {
  if (read.kind === 'binary') return optionOf(read.left);
  if (read.kind === 'meta')
    return (
      new Map([
        ['iif', '-i'],
        ['iifname', '-i'],
        ['oif', '-o'],
        ['oifname', '-o'],
        ['l4proto', '-p'],
      ]).get(read.key) ?? ''
    );
  if (read.kind === 'ct') return read.key === 'state' ? '--ctstate' : '';
  if (read.kind !== 'payload') return '';
  return (
    new Map([
      ['saddr', '-s'],
      ['daddr', '-d'],
      ['sport', '--sport'],
      ['dport', '--dport'],
      ['protocol', '-p'],
      ['nexthdr', '-p'],
      ['type', '--icmp-type'],
    ]).get(read.field ?? '') ?? ''
  );
}

/** Values that may stand on the host where `value` stands: a slip of the pen, what its packets have, a wider net. */
export function variantsOf(
  value: Expression,
  read: Expression,
  seen: Seen,
  table: NftTable,
): Variant<Expression>[] {
  const out = new Map<string, Variant<Expression>>();
  const own = keyOf(value);
  for (const [other, bits] of candidates(value, read, seen, table)) {
    const key = keyOf(other);
    const before = out.get(key);
    // What is near and was seen as well is hardly chance.
    if (key !== own) out.set(key, [other, before ? Math.min(bits, before[1]) - 1 : bits]);
  }
  return [...out.values()];
}

function keyOf(value: Expression): string {
  return JSON.stringify(value);
}

function* candidates(
  value: Expression,
  read: Expression,
  seen: Seen,
  table: NftTable,
): Generator<Variant<Expression>> {
  switch (value.kind) {
    case 'integer': {
      const near = value.type === 'inet_service' ? 1.5 : 4;
      const isFlags = value.type === 'ct_state' || value.type === 'tcp_flag' || value.type === 'ct_status';
      if (isFlags) {
        for (let bit = 1; bit <= 128; bit *= 2) {
          const other = value.value ^ bit;
          if (other !== 0) yield [{ ...value, value: other }, 4];
        }
      } else {
        yield [{ ...value, value: value.value + 1 }, near];
        if (value.value > 0) yield [{ ...value, value: value.value - 1 }, near];
      }
      for (const number of seenNumbers(value.type, seen.values(optionOf(read))))
        yield [{ ...value, value: number }, 3];
      return;
    }
    case 'address': {
      for (const address of nearAddresses(value.address)) yield [{ ...value, address }, 1.5];
      for (const text of new Set(seen.values(optionOf(read)).slice(0, FEW))) {
        const address = parseAddress(text.replace(/\/(32|128)$/, ''));
        if (address?.version === value.address.version) yield [{ ...value, address }, 3];
      }
      for (const length of value.address.version === 4 ? [24, 31] : [64])
        yield [{ kind: 'prefix', base: value, length }, 5];
      return;
    }
    case 'string': {
      const option = optionOf(read);
      if (option !== '-i' && option !== '-o') return;
      const known = new Set(seen.values(option));
      for (const name of known) yield [{ ...value, value: name, wildcard: false }, 1.5];
      for (const name of seen.devices)
        if (!known.has(name))
          yield [{ ...value, value: name, wildcard: false }, Math.log2(seen.devices.length)];
      return;
    }
    case 'boolean':
      yield [{ ...value, value: !value.value }, 2];
      return;
    case 'prefix': {
      for (const by of [-8, -1, 1, 8]) {
        const length = value.length + by;
        const most = value.base.kind === 'address' && value.base.address.version === 6 ? 128 : 32;
        if (length > 0 && length <= most) yield [{ ...value, length }, 5];
      }
      return;
    }
    case 'range': {
      for (const [from, bits] of endsOf(value.from)) yield [{ ...value, from }, bits];
      for (const [to, bits] of endsOf(value.to)) yield [{ ...value, to }, bits];
      return;
    }
    case 'concat':
      for (const [i, part] of value.parts.entries()) {
        const of = read.kind === 'concat' ? (read.parts[i] ?? read) : read;
        for (const [other, bits] of variantsOf(part, of, seen, table))
          yield [{ ...value, parts: value.parts.with(i, other) }, bits + 1];
      }
      return;
    case 'set':
      for (const [elements, bits] of elementVariants(value.elements, read, seen, table))
        yield [{ ...value, elements }, bits];
      return;
    case 'setReference': {
      const set = table.sets.get(value.name);
      const others = [...table.sets.values()].filter((s) => s !== set && s.map === set?.map);
      const alike = others.filter(
        (s) => s.key.map((k) => k.type).join() === set?.key.map((k) => k.type).join(),
      );
      for (const { name } of alike.slice(0, FEW)) yield [{ ...value, name }, 4];
      return;
    }
    default:
      return;
  }
}

/** One element less, or otherwise. */
export function* elementVariants(
  elements: readonly SetElement[],
  read: Expression,
  seen: Seen,
  table: NftTable,
): Generator<Variant<readonly SetElement[]>> {
  const which = Math.log2(Math.max(1, elements.length));
  for (const [i, element] of elements.slice(0, MOST_ELEMENTS).entries()) {
    if (elements.length > 1) yield [elements.filter((e) => e !== element), 3 + which];
    for (const [key, bits] of variantsOf(element.key, read, seen, table))
      yield [elements.with(i, { ...element, key }), bits + which];
    if (element.data?.kind === 'verdict')
      for (const verdict of (['accept', 'drop'] as const).filter((v) => v !== verdictOf(element.data)))
        yield [
          elements.with(i, { ...element, data: { kind: 'verdict', verdict: { kind: verdict } } }),
          2 + which,
        ];
    else if (element.data)
      for (const [data, bits] of variantsOf(element.data, element.data, seen, table))
        yield [elements.with(i, { ...element, data }), bits + which];
  }
}

function verdictOf(data: Expression | null): string {
  return data?.kind === 'verdict' ? data.verdict.kind : '';
}

function* endsOf(end: Constant): Generator<Variant<Constant>> {
  if (end.kind === 'integer') {
    yield [{ ...end, value: end.value + 1 }, 3];
    if (end.value > 0) yield [{ ...end, value: end.value - 1 }, 3];
  } else if (end.kind === 'address')
    for (const address of nearAddresses(end.address)) yield [{ ...end, address }, 3];
}

/** The neighbours of an address, and 254 for 0: a slip of the pen. */
export function nearAddresses(address: IpAddress): IpAddress[] {
  if (address.version === 6) {
    const { a, b, c, d } = address;
    return [d - 1, d + 1].map((last) => new IpAddress(6, a, b, c, last | 0));
  }
  const last = address.a & 255;
  const others = [(last + 255) & 255, (last + 1) & 255, ...(last === 0 ? [254] : [])];
  return others.map((n) => new IpAddress(4, (address.a & ~255) | n));
}

const STATE_BITS = new Map([
  ['INVALID', 1],
  ['ESTABLISHED', 2],
  ['RELATED', 4],
  ['NEW', 8],
  ['UNTRACKED', 64],
]);

function seenNumbers(type: string, texts: readonly string[]): number[] {
  return [...new Set(texts.slice(0, FEW))].flatMap((text) => {
    const value =
      type === 'inet_proto'
        ? (parseProtocol(text) ?? symbolValue('inet_proto', text))
        : type === 'ct_state'
          ? STATE_BITS.get(text)
          : Number(text);
    return value === undefined || Number.isNaN(value) ? [] : [value];
  });
}
