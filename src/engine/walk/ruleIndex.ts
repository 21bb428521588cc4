import type { IpNetwork } from '../../address/ip.js';
import { i32 } from '../../packet/bytes.js';
import type { Packet } from '../../packet/packet.js';
import { hasPorts } from '../../packet/rewrite.js';
import type { Wanted } from '../../rules/wanted.js';
import type { CompiledRule } from './program.js';
import { hasWholeHeader, wantedByRule } from './wantedByRule.js';

/** Chains with fewer rules that can be found by a key are walked faster than asked. */
const FEWEST = 16;
/** Of one table; fewer are tried one by one. */
const FEWEST_IN_TABLE = 4;
/** Each table is a look-up for each packet. */
const MOST_TABLES = 12;
/** Keys under which one rule is kept at most: the ports of a range, the elements of a set. */
const MOST_KEYS = 256;

/** What a table's key is made of. */
const KeyKind = { address4: 0, address6: 1, port: 2, protocol: 3, device: 4 } as const;
type KeyKind = (typeof KeyKind)[keyof typeof KeyKind];

/** Rules that want a value of one kind: the same field, under the same mask. */
interface Shape {
  readonly kind: KeyKind;
  readonly side: 'source' | 'destination';
  /** Of an address; unused elsewhere. */
  readonly mask: IpNetwork['mask'] | null;
}

/** A shape and the keys in it of which a packet must have one for a rule to match. */
interface Choice {
  readonly shape: string;
  readonly keys: readonly number[];
}

/**
 * Passes over the rules of a chain that a packet cannot match, by what their first tests want: each rule stands in one
 * table, under the most telling of its conditions, and the rules in question are a packet's bucket of each table and
 * those without a condition, in their order. All of them are then run as they are; so what is kept under a wrong key
 * costs time, and a rule that is passed over is one whose tests would have missed without doing anything.
 */
export class RuleIndex {
  private readonly tables: readonly KeyTable[];
  /** By rule: the first one from there on that stands in no table. */
  private readonly unkeyedFrom: Int32Array;
  private readonly asksPorts: boolean;

  /** null: it would not pay. */
  static of(rules: readonly CompiledRule[]): RuleIndex | null {
    if (rules.length < FEWEST) return null;
    const shapes = new Shapes();
    const choices = rules.map((rule) => shapes.choicesOf(rule));
    const buckets = new Map<string, Map<number, number[]>>();
    const count = (shape: string, key: number): number => shapes.uses.get(shape)?.get(key) ?? 0;
    const cost = ({ shape, keys }: Choice): number => Math.max(...keys.map((key) => count(shape, key)));
    choices.forEach((all, rule) => {
      let best: Choice | null = null;
      for (const choice of all) if (!best || cost(choice) < cost(best)) best = choice;
      if (!best) return;
      const table = getOrMake(buckets, best.shape, () => new Map<number, number[]>());
      for (const key of best.keys) getOrMake(table, key, (): number[] => []).push(rule);
    });
    const rulesOf = (table: ReadonlyMap<number, readonly number[]>): Set<number> =>
      new Set([...table.values()].flat());
    const kept = [...buckets]
      .map(([shape, table]) => ({ shape, table, rules: rulesOf(table) }))
      .filter(({ rules: { size } }) => size >= FEWEST_IN_TABLE)
      .sort((a, b) => b.rules.size - a.rules.size)
      .slice(0, MOST_TABLES);
    const keyed = new Set(kept.flatMap((one) => [...one.rules]));
    if (keyed.size < FEWEST) return null;
    return new RuleIndex(
      rules.length,
      kept.map(({ shape, table }) => new KeyTable(shapes.get(shape), table)),
      keyed,
    );
  }

  private constructor(count: number, tables: readonly KeyTable[], keyed: ReadonlySet<number>) {
    this.tables = tables;
    this.asksPorts = tables.some(({ shape }) => shape.kind === KeyKind.port);
    this.unkeyedFrom = new Int32Array(count + 1);
    this.unkeyedFrom[count] = count;
    for (let i = count - 1; i >= 0; i--) this.unkeyedFrom[i] = keyed.has(i) ? this.unkeyedFrom[i + 1] : i;
  }

  /** The first rule from `index` on that stands in no table; the number of rules where there is none. */
  unkeyed(index: number): number {
    return this.unkeyedFrom[index];
  }

  /** The first rule from `index` on that a table has for the packet; the number of rules where there is none. */
  keyed(index: number, packet: Packet): number {
    // Tests of ports are no misses but unknown, or drop the packet, where its header is not all there.
    if (this.asksPorts && !hasWholeHeader(packet)) return index;
    let first = this.unkeyedFrom.length - 1;
    const { tables } = this;
    for (let i = 0; i < tables.length; i++) {
      const found = tables[i].find(index, packet);
      if (found < first) first = found;
    }
    return first;
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

/** The shapes of what rules want, and how many rules want each key. */
class Shapes {
  private readonly byName = new Map<string, Shape>();
  readonly uses = new Map<string, Map<number, number>>();

  get(name: string): Shape {
    return this.byName.get(name) as Shape;
  }

  choicesOf(rule: CompiledRule): readonly Choice[] {
    const choices: Choice[] = [];
    for (const wanted of wantedByRule(rule)) {
      const choice = this.choiceOf(wanted);
      if (choice) choices.push(choice);
    }
    return choices;
  }

  /** What a packet must not have is no key. */
  private choiceOf(wanted: Wanted): Choice | null {
    if ('isNot' in wanted && wanted.isNot) return null;
    switch (wanted.field) {
      case 'ip.source':
      case 'ip.destination':
        return this.addressChoice(wanted.field === 'ip.source' ? 'source' : 'destination', wanted.networks);
      case 'sourcePort':
      case 'destinationPort': {
        const keys: number[] = [];
        for (const { min, max } of wanted.ranges) {
          if (keys.length + max - min >= MOST_KEYS) return null;
          for (let port = min; port <= max; port++) keys.push(port);
        }
        const side = wanted.field === 'sourcePort' ? 'source' : 'destination';
        return this.choice({ kind: KeyKind.port, side, mask: null }, keys);
      }
      case 'ip.protocol':
        return this.choice({ kind: KeyKind.protocol, side: 'source', mask: null }, [wanted.protocol]);
      case 'in':
      case 'out': {
        const side = wanted.field === 'in' ? 'source' : 'destination';
        return this.choice({ kind: KeyKind.device, side, mask: null }, [nameKey(wanted.name)]);
      }
    }
  }

  /** Networks of one length alone: a rule stands in one table. */
  private addressChoice(side: Shape['side'], networks: readonly IpNetwork[]): Choice | null {
    if (networks.length === 0 || networks.length > MOST_KEYS) return null;
    const [{ version, mask }] = networks;
    if (!networks.every((n) => n.version === version && n.mask.equals(mask))) return null;
    const kind = version === 4 ? KeyKind.address4 : KeyKind.address6;
    const keys = networks.map(({ address: { a, b, c, d } }) => (version === 4 ? a : mixAddress(a, b, c, d)));
    return this.choice({ kind, side, mask }, keys);
  }

  private choice(shape: Shape, keys: readonly number[]): Choice | null {
    if (keys.length === 0) return null;
    const name = `${shape.kind} ${shape.side} ${shape.mask?.toString() ?? ''}`;
    getOrMake(this.byName, name, () => shape);
    const uses = getOrMake(this.uses, name, () => new Map<number, number>());
    for (const key of keys) uses.set(key, (uses.get(key) ?? 0) + 1);
    return { shape: name, keys };
  }
}

/** Rules by the key that they want: open addressing, the rules of a key one after the other. */
class KeyTable {
  /**
   * By slot: a key, and where its rules begin in `rules`, of which the first word is their number; of a key that one rule
   * alone wants, that rule as ~rule. 0: nothing here.
   */
  private readonly slots: Int32Array;
  private readonly rules: Int32Array;
  private readonly shift: number;

  constructor(
    readonly shape: Shape,
    table: ReadonlyMap<number, readonly number[]>,
  ) {
    let bits = 2;
    while (2 ** bits < 2 * table.size) bits++;
    this.shift = 32 - bits;
    this.slots = new Int32Array(2 * 2 ** bits);
    const rules = [0];
    for (const [key, bucket] of table) {
      let at = this.slotOf(key);
      while (this.slots[at + 1] !== 0) at = (at + 2) & (this.slots.length - 1);
      this.slots[at] = key;
      if (bucket.length === 1) {
        this.slots[at + 1] = ~bucket[0];
        continue;
      }
      this.slots[at + 1] = rules.length;
      rules.push(bucket.length);
      for (const rule of bucket) rules.push(rule);
    }
    this.rules = Int32Array.from(rules);
  }

  /** The first rule from `index` on that the packet may match; a number beyond all where there is none. */
  find(index: number, packet: Packet): number {
    const { kind, side, mask } = this.shape;
    switch (kind) {
      case KeyKind.address4: {
        if (packet.version !== 4) return NONE;
        const at = side === 'source' ? packet.sourceOffset : packet.destinationOffset;
        return this.first(index, i32(packet.data, at) & (mask as IpNetwork['mask']).a);
      }
      case KeyKind.address6: {
        if (packet.version !== 6) return NONE;
        const { a, b, c, d } = mask as IpNetwork['mask'];
        const at = side === 'source' ? packet.sourceOffset : packet.destinationOffset;
        const { data } = packet;
        const key = mixAddress(
          i32(data, at) & a,
          i32(data, at + 4) & b,
          i32(data, at + 8) & c,
          i32(data, at + 12) & d,
        );
        return this.first(index, key);
      }
      case KeyKind.port:
        if (!hasPorts(packet.protocol)) return NONE;
        return this.first(index, side === 'source' ? packet.sourcePort : packet.destinationPort);
      case KeyKind.protocol:
        return this.first(index, packet.protocol);
      case KeyKind.device: {
        const device = side === 'source' ? packet.in : packet.out;
        return this.first(index, nameKey(device ? device.name : ''));
      }
    }
  }

  private first(index: number, key: number): number {
    const { slots, rules } = this;
    const last = slots.length - 1;
    let slot = this.slotOf(key);
    while (slots[slot + 1] !== 0 && slots[slot] !== key) slot = (slot + 2) & last;
    const found = slots[slot + 1];
    if (found === 0) return NONE;
    if (found < 0) return ~found >= index ? ~found : NONE;
    const start = found + 1;
    const end = start + rules[start - 1];
    if (rules[start] >= index) return rules[start];
    let low = start;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (rules[middle] < index) low = middle + 1;
      else high = middle;
    }
    return low < end ? rules[low] : NONE;
  }

  private slotOf(key: number): number {
    return 2 * (Math.imul(key ^ (key >>> 15), 0x9e3779b1) >>> this.shift);
  }
}

const NONE = 0x7fffffff;

function mixAddress(a: number, b: number, c: number, d: number): number {
  const high = Math.imul(a ^ Math.imul(b, 0x85ebca6b), 0x9e3779b1);
  const low = Math.imul(c ^ Math.imul(d, 0xc2b2ae35), 0x27d4eb2f);
  return (high ^ (high >>> 15) ^ low ^ (low >>> 13)) | 0;
}

/** FNV-1a. */
function nameKey(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash | 0;
}
