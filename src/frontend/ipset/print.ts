import { formatIpv4 } from '../../address/ip.js';
import { HZ, jiffies } from '../../rules/jiffies.js';
import type { Element, IpSet, IpSets } from '../../rules/sets/set.js';
import { hasNets } from '../../rules/sets/type.js';
import { formatElement } from './element.js';

/**
 * The sets as `ipset save` prints them; elements in the order of their text, since the kernel's own is random.
 * Lists come last, so that what they hold is there.
 * @param now ns since capture start: what has expired is left out
 */
export function printIpsetSave(sets: IpSets, now: number): string {
  const lists = [...sets.values()].filter((set) => set.type.method === 'list');
  const others = [...sets.values()].filter((set) => set.type.method !== 'list');
  return [...others, ...lists].map((set) => printSet(set, jiffies(now))).join('');
}

function printSet(set: IpSet, tick: number): string {
  const lines = [`create ${set.name} ${set.type.name}${header(set)}`];
  if (set.type.method === 'list') {
    for (const { name, element } of set.members)
      if (tick <= element.expires) lines.push(`add ${set.name} ${name}${extras(set, element, tick)}`);
  } else {
    const elements = [...set.elements.entries()]
      .filter(([, element]) => tick <= element.expires)
      .map(([key, e]) => `add ${set.name} ${formatElement(key, set, e.physdev)}${extras(set, e, tick)}`);
    lines.push(...elements.sort(naturally));
  }
  return `${lines.join('\n')}\n`;
}

const collator = new Intl.Collator('en', { numeric: true });

function naturally(a: string, b: string): number {
  return collator.compare(a, b);
}

function header({ type, options }: IpSet): string {
  const parts: string[] = [];
  if (type.method === 'hash') {
    if (type.name !== 'hash:mac') parts.push(`family inet${options.family === 6 ? '6' : ''}`);
    if (type.name === 'hash:ip,mark')
      parts.push(`markmask 0x${options.markMask.toString(16).padStart(8, '0')}`);
    parts.push(`hashsize ${options.hashSize ?? 1024} maxelem ${options.maxElements}`);
  }
  if (options.range)
    parts.push(
      `range ${options.range.map((n) => (type.name === 'bitmap:port' ? n : formatIpv4(n))).join('-')}`,
    );
  if (options.netmask !== null) parts.push(`netmask ${options.netmask}`);
  if (type.method === 'list') parts.push(`size ${options.size}`);
  if (options.timeout !== null) parts.push(`timeout ${options.timeout}`);
  if (options.counters) parts.push('counters');
  if (options.comment) parts.push('comment');
  if (options.skbinfo) parts.push('skbinfo');
  if (options.forceAdd) parts.push('forceadd');
  if (options.bucketSize !== null) parts.push(`bucketsize ${options.bucketSize}`);
  if (options.initialValue !== null)
    parts.push(`initval 0x${options.initialValue.toString(16).padStart(8, '0')}`);
  return parts.map((part) => ` ${part}`).join('');
}

function extras({ type, options }: IpSet, element: Element, tick: number): string {
  const parts: string[] = [];
  if (options.timeout !== null) {
    const left = element.expires === Infinity ? 0 : Math.max(1, Math.floor((element.expires - tick) / HZ));
    parts.push(`timeout ${left}`);
  }
  if (element.nomatch && hasNets(type)) parts.push('nomatch');
  if (element.wildcard) parts.push('wildcard');
  if (options.counters) parts.push(`packets ${element.packets} bytes ${element.bytes}`);
  if (element.comment !== null && options.comment) parts.push(`comment "${element.comment}"`);
  if (options.skbinfo && element.skb) {
    const { mark, priority, queue } = element.skb;
    const hex = (n: number): string => `0x${n.toString(16)}`;
    if (mark) parts.push(`skbmark ${hex(mark[0])}${mark[1] === 0xffffffff ? '' : `/${hex(mark[1])}`}`);
    if (priority !== null)
      parts.push(`skbprio ${(priority >>> 16).toString(16)}:${(priority & 0xffff).toString(16)}`);
    if (queue !== null) parts.push(`skbqueue ${queue}`);
  }
  return parts.map((part) => ` ${part}`).join('');
}
