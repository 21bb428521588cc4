import type { IpVersion } from '../../address/ip.js';
import { HZ, jiffies } from '../jiffies.js';
import { WordMap } from '../wordMap.js';
import type { SetType } from './type.js';

/** How a set was created. What was not said is null or false. */
export interface SetOptions {
  readonly family: IpVersion;
  readonly hashSize: number | null;
  readonly maxElements: number;
  /** Seconds that an element lives unless it says otherwise; 0: for ever; null: elements have no time. */
  readonly timeout: number | null;
  readonly counters: boolean;
  readonly comment: boolean;
  readonly skbinfo: boolean;
  readonly forceAdd: boolean;
  /** Prefix length that addresses are cut to (hash:ip, bitmap:ip); null: whole. */
  readonly netmask: number | null;
  readonly markMask: number;
  /** Bitmaps: first and last address or port, inclusive, unsigned. */
  readonly range: readonly [number, number] | null;
  readonly bucketSize: number | null;
  readonly initialValue: number | null;
  /** list:set: how many members. */
  readonly size: number;
}

/** What an element carries beside its key. */
export interface Element {
  readonly key: readonly number[];
  /** The last tick at which it is there; Infinity: for ever. */
  expires: number;
  packets: number;
  bytes: number;
  readonly comment: string | null;
  readonly skb: SkbInfo | null;
  /** An exception in a set of networks. */
  readonly nomatch: boolean;
  /** hash:net,iface: the interface is a bridge port (never one that a rule looks at), or a name's beginning. */
  readonly physdev: boolean;
  readonly wildcard: boolean;
}

export interface SkbInfo {
  readonly mark: readonly [value: number, mask: number] | null;
  readonly priority: number | null;
  readonly queue: number | null;
}

/** A member of a list:set. */
export interface Member {
  name: string;
  readonly element: Element;
}

/** What became of an element that was to be added or deleted: the kernel's errors. */
export type SetChange = 'done' | 'exists' | 'missing' | 'full';

/** An element as it begins. @param expires a tick */
export function makeElement(
  key: readonly number[],
  {
    expires = Infinity,
    packets = 0,
    bytes = 0,
    comment = null,
    skb = null,
    nomatch = false,
    physdev = false,
    wildcard = false,
  }: Partial<Omit<Element, 'key'>> = {},
): Element {
  return { key, expires, packets, bytes, comment, skb, nomatch, physdev, wildcard };
}

/** The tick at which an element that gets `timeout` seconds now ends. */
export function expiryTick(timeout: number, now: number): number {
  return timeout === 0 ? Infinity : jiffies(now) + timeout * HZ;
}

/** As many elements as one set may hold here, whatever maxelem says: a file can ask for billions. */
const MOST_ELEMENTS = 1 << 21;

/** An ipset: how it was created, and its elements. */
export class IpSet {
  readonly elements: WordMap<Element>;
  readonly members: Member[] = [];
  /** For each network field: prefix length -> elements with it. */
  private readonly prefixCounts: Map<number, number>[];
  /** The same, longest first: the order in which the kernel tries them. */
  readonly prefixes: number[][];
  /** hash:net,iface: names by the number that stands for them in keys. */
  readonly interfaces: string[] = [];
  private readonly interfaceIds = new Map<string, number>();

  constructor(
    public name: string,
    readonly type: SetType,
    readonly options: SetOptions,
  ) {
    this.elements = new WordMap(Math.max(1, type.width));
    const nets = type.fields.filter((field) => field === 'net');
    this.prefixCounts = nets.map(() => new Map<number, number>());
    this.prefixes = nets.map(() => []);
  }

  /** The number that stands for an interface name in keys; with `make` false undefined for names never seen. */
  interfaceId(name: string, make: boolean): number | undefined {
    let id = this.interfaceIds.get(name);
    if (id === undefined && make) {
      id = this.interfaces.length;
      this.interfaces.push(name);
      this.interfaceIds.set(name, id);
    }
    return id;
  }

  /** The element under a key, where it has not expired. @param tick the time now */
  find(key: ArrayLike<number>, tick: number): Element | undefined {
    const element = this.elements.get(key);
    return element && tick <= element.expires ? element : undefined;
  }

  /** `mtype_add()` (net/netfilter/ipset/ip_set_hash_gen.h): with `exist` an element that is there is replaced. */
  add(element: Element, exist: boolean, tick: number): SetChange {
    const old = this.elements.get(element.key);
    if (old && tick <= old.expires && !exist) return 'exists';
    const most = Math.min(this.options.maxElements, MOST_ELEMENTS);
    if (!old && this.type.method === 'hash' && this.elements.size >= most) {
      this.expire(tick);
      if (this.elements.size >= most) return 'full';
    }
    if (!old) this.countPrefixes(element.key, 1);
    this.elements.set(element.key, element);
    return 'done';
  }

  delete(key: ArrayLike<number>, tick: number): SetChange {
    const old = this.elements.get(key);
    if (!old) return 'missing';
    this.countPrefixes(old.key, -1);
    this.elements.delete(key);
    return tick <= old.expires ? 'done' : 'missing';
  }

  flush(): void {
    this.elements.clear();
    this.members.length = 0;
    for (const [i, counts] of this.prefixCounts.entries()) {
      counts.clear();
      this.prefixes[i].length = 0;
    }
  }

  /** The same set with elements of its own. */
  copy(): IpSet {
    const copy = new IpSet(this.name, this.type, this.options);
    for (const name of this.interfaces) copy.interfaceId(name, true);
    for (const element of this.elements.all()) {
      copy.countPrefixes(element.key, 1);
      copy.elements.set(element.key, { ...element });
    }
    for (const { name, element } of this.members) copy.members.push({ name, element: { ...element } });
    return copy;
  }

  private expire(tick: number): void {
    for (const element of [...this.elements.all()])
      if (tick > element.expires) this.delete(element.key, tick);
  }

  private countPrefixes(key: ArrayLike<number>, by: number): void {
    let net = 0;
    for (const [i, field] of this.type.fields.entries()) {
      if (field !== 'net') continue;
      const counts = this.prefixCounts[net];
      const length = key[this.type.offsets[i] + 4];
      const count = (counts.get(length) ?? 0) + by;
      if (count > 0) counts.set(length, count);
      else counts.delete(length);
      if (count === 0 || (count === 1 && by === 1))
        this.prefixes[net].splice(0, Infinity, ...[...counts.keys()].sort((a, b) => b - a));
      net++;
    }
  }
}

/** All sets of a host by name, in the order of creation. */
export type IpSets = Map<string, IpSet>;
