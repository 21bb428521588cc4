import type { Packet } from '../../packet/packet.js';
import type { CounterCondition, SetMapping, SetMatchOptions, SetView } from '../context.js';
import type { Field } from '../definition.js';
import type { HostClock } from '../jiffies.js';
import { Outcome } from '../verdict.js';
import { maskWords, putPacketKey } from './packetKey.js';
import { type Element, expiryTick, type IpSet, type IpSets, makeElement } from './set.js';
import { hasNets, type SetField } from './type.js';

/** What each part of an element is compared with. */
const READ: Readonly<Record<SetField, readonly Field[]>> = {
  ip: ['ip.source', 'ip.destination'],
  net: ['ip.source', 'ip.destination'],
  port: ['ip.protocol', 'ip.fragment', 'sourcePort', 'destinationPort', 'icmp.type'],
  tcpUdpPort: ['ip.protocol', 'ip.fragment', 'sourcePort', 'destinationPort'],
  mac: ['link'],
  mark: ['mark'],
  iface: ['in', 'out'],
};

/** The widest key: hash:net,port,net. */
const WIDEST = 11;

/** `nomatch` is found, but as an exception (-ENOTEMPTY in the kernel). */
type Found = 'hit' | 'nomatch' | 'miss' | 'unknown';

const PLAIN: SetMatchOptions = {
  returnNomatch: false,
  updateCounters: true,
  updateSubcounters: true,
  packets: null,
  bytes: null,
};

function fulfils(condition: CounterCondition | null, value: number): boolean {
  if (!condition) return true;
  switch (condition.op) {
    case 'eq':
      return value === condition.value;
    case 'ne':
      return value !== condition.value;
    case 'lt':
      return value < condition.value;
    case 'gt':
      return value > condition.value;
  }
}

/**
 * The sets as rules look into them and change them.
 * @param clock at the packet at hand
 */
export function setView(sets: IpSets, clock: Pick<HostClock, 'now' | 'tick'>): SetView {
  const whole = new Int32Array(WIDEST);
  const key = new Int32Array(WIDEST);
  let changes = 0;
  /** The element that the last test found. */
  let matched: Element | null = null;

  /** `ip_set_match_extensions()` (net/netfilter/ipset/ip_set_core.c). */
  function accept(set: IpSet, element: Element, packet: Packet, options: SetMatchOptions): boolean {
    if (!set.options.counters) return true;
    if (options.updateCounters) {
      element.packets++;
      element.bytes += packet.length;
    }
    return fulfils(options.packets, element.packets) && fulfils(options.bytes, element.bytes);
  }

  function look(set: IpSet, packet: Packet, options: SetMatchOptions): Found {
    const element = set.find(key, clock.tick);
    if (!element || element.physdev || !accept(set, element, packet, options)) return 'miss';
    matched = element;
    return element.nomatch ? 'nomatch' : 'hit';
  }

  /** hash:net,iface: the interface itself, then names that are a beginning of it. */
  function lookByInterface(set: IpSet, packet: Packet, source: boolean, options: SetMatchOptions): Found {
    const at = set.type.offsets[1];
    const found = look(set, packet, options);
    if (found !== 'miss') return found;
    const name = (source ? packet.in : packet.out)?.name ?? '';
    for (let id = 0; id < set.interfaces.length; id++) {
      if (!name.startsWith(set.interfaces[id])) continue;
      key[at] = id;
      if (set.elements.get(key)?.wildcard !== true) continue;
      const wild = look(set, packet, options);
      if (wild !== 'miss') return wild;
    }
    return 'miss';
  }

  /** `mtype_test_cidrs()` (ip_set_hash_gen.h): every prefix length there is, longest first. */
  function lookByPrefix(
    set: IpSet,
    packet: Packet,
    dimensions: readonly boolean[],
    options: SetMatchOptions,
  ): Found {
    const { fields, offsets, width } = set.type;
    const first = offsets[fields.indexOf('net')];
    const second = set.prefixes.length > 1 ? offsets[fields.lastIndexOf('net')] : -1;
    for (const length of set.prefixes[0])
      for (const other of second < 0 ? ONCE : set.prefixes[1]) {
        for (let i = 0; i < width; i++) key[i] = whole[i];
        maskWords(key, first, length);
        key[first + 4] = length;
        if (second >= 0) {
          maskWords(key, second, other);
          key[second + 4] = other;
        }
        const found = fields.includes('iface')
          ? lookByInterface(set, packet, dimensions[1], options)
          : look(set, packet, options);
        if (found !== 'miss') return found;
      }
    return 'miss';
  }

  /** An address without a MAC takes the one of the first packet (`bitmap_ipmac_do_test()`: -EAGAIN). */
  function lookWithMac(set: IpSet, packet: Packet, options: SetMatchOptions): Found {
    const found = look(set, packet, options);
    if (found !== 'miss') return found;
    const [high, low] = [key[4], key[5]];
    key[4] = key[5] = 0;
    const open = set.find(key, clock.tick);
    if (!open) return 'miss';
    changes++;
    set.delete(key, 0);
    key[4] = high;
    key[5] = low;
    set.add({ ...open, key: [...key.subarray(0, set.type.width)] }, true, clock.tick);
    return look(set, packet, options) === 'hit' ? 'hit' : 'miss';
  }

  /** The variants' `kadt(IPSET_TEST)`. */
  function ask(set: IpSet, packet: Packet, dimensions: readonly boolean[], options: SetMatchOptions): Found {
    if (set.type.method === 'list') return askList(set, packet, dimensions, options);
    if (dimensions.length < set.type.dimension) return 'miss';
    if (
      set.type.fields[0] !== 'mac' &&
      set.type.name !== 'bitmap:port' &&
      set.options.family !== packet.version
    )
      return 'miss';
    const there = putPacketKey(set, packet, dimensions, whole);
    if (there !== Outcome.hit) return there === Outcome.unknown ? 'unknown' : 'miss';
    if (set.prefixes.length) return lookByPrefix(set, packet, dimensions, options);
    key.set(whole);
    return set.type.name === 'bitmap:ip,mac' ? lookWithMac(set, packet, options) : look(set, packet, options);
  }

  /** `list_set_ktest()`: the first member that holds it. Counter conditions are the list's own. */
  function askList(
    set: IpSet,
    packet: Packet,
    dimensions: readonly boolean[],
    options: SetMatchOptions,
  ): Found {
    const inner: SetMatchOptions = {
      ...options,
      packets: null,
      bytes: null,
      updateCounters: options.updateCounters && options.updateSubcounters,
    };
    let doubt = false;
    for (const { name, element } of set.members) {
      if (clock.tick > element.expires) continue;
      const member = sets.get(name);
      if (!member || member.type.method === 'list') continue;
      const found = answer(ask(member, packet, dimensions, inner), member, inner);
      doubt ||= found === 'unknown';
      if (found === 'hit' && accept(set, element, packet, options)) return 'hit';
    }
    return doubt ? 'unknown' : 'miss';
  }

  /** `ip_set_test()`: --return-nomatch turns exceptions and members around. */
  function answer(found: Found, set: IpSet, options: SetMatchOptions): Found {
    if (found === 'unknown') return found;
    if (!options.returnNomatch || !hasNets(set.type)) return found === 'hit' ? 'hit' : 'miss';
    return found === 'nomatch' ? 'hit' : 'miss';
  }

  function test(
    name: string,
    packet: Packet,
    dimensions: readonly boolean[],
    options: SetMatchOptions,
  ): Outcome {
    const set = sets.get(name);
    if (!set) return Outcome.unknown;
    const found = answer(ask(set, packet, dimensions, options), set, options);
    return found === 'hit' ? Outcome.hit : found === 'unknown' ? Outcome.unknown : Outcome.miss;
  }

  function map(name: string, packet: Packet, dimensions: readonly boolean[]): SetMapping | null {
    matched = null;
    if (test(name, packet, dimensions, PLAIN) !== Outcome.hit) return null;
    // The compiler does not see that the test sets it.
    const { skb } = (matched as Element | null) ?? { skb: null };
    if (!skb) return null;
    return { mark: skb.mark?.[0] ?? 0, markMask: skb.mark?.[1] ?? 0, priority: skb.priority ?? 0 };
  }

  /** The variants' `kadt(IPSET_ADD)` and `kadt(IPSET_DEL)`. @returns whether something changed */
  function change(
    name: string,
    packet: Packet,
    dimensions: readonly boolean[],
    what: { add: boolean; exist: boolean; timeout: number | null },
  ): boolean {
    const set = sets.get(name);
    if (!set) return false;
    if (set.type.method === 'list')
      return set.members.some(
        (member) =>
          sets.get(member.name)?.type.method !== 'list' && change(member.name, packet, dimensions, what),
      );
    if (dimensions.length < set.type.dimension) return false;
    if (
      set.type.fields[0] !== 'mac' &&
      set.type.name !== 'bitmap:port' &&
      set.options.family !== packet.version
    )
      return false;
    changes++;
    const iface = set.type.fields.indexOf('iface');
    if (iface >= 0 && what.add) {
      const device = dimensions[iface] ? packet.in : packet.out;
      if (device) set.interfaceId(device.name, true);
    }
    if (putPacketKey(set, packet, dimensions, whole) !== Outcome.hit) return false;
    cutToLongest(set);
    const wanted = whole.subarray(0, set.type.width);
    const tick = clock.tick;
    if (!what.add) return set.delete(wanted, tick) === 'done';
    const timeout = set.options.timeout === null ? 0 : (what.timeout ?? set.options.timeout);
    const counted = set.options.counters ? { packets: 1, bytes: packet.length } : {};
    const old = set.find(wanted, tick);
    const element = makeElement([...wanted], { ...old, expires: expiryTick(timeout, clock.now), ...counted });
    return set.add(element, what.exist, tick) === 'done';
  }

  /** A packet's networks get the longest prefix length of the set (`INIT_CIDR`). */
  function cutToLongest(set: IpSet): void {
    let net = 0;
    for (const [i, field] of set.type.fields.entries()) {
      if (field !== 'net') continue;
      const length = set.prefixes[net++][0] ?? whole[set.type.offsets[i] + 4];
      maskWords(whole, set.type.offsets[i], length);
      whole[set.type.offsets[i] + 4] = length;
    }
  }

  function lastingFields(name: string): readonly Field[] | null {
    const set = sets.get(name);
    if (!set || set.options.counters || set.options.timeout !== null || set.type.name === 'bitmap:ip,mac')
      return null;
    const fields = set.type.fields.flatMap((field) => READ[field]);
    for (const member of set.members) {
      const more = sets.get(member.name)?.type.method === 'list' ? [] : lastingFields(member.name);
      if (!more) return null;
      fields.push(...more);
    }
    return fields;
  }

  return {
    test,
    get changes() {
      return changes;
    },
    lastingFields,
    change: (name, packet, dimensions, what) => void change(name, packet, dimensions, what),
    map,
  };
}

const ONCE: readonly number[] = [0];
