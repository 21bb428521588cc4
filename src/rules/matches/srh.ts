import type { IpNetwork } from '../../address/ip.js';
import { formatIpv6 } from '../../address/ip.js';
import { i32, u16, u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { negatableNumber } from '../arguments.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { badHostMask, parseHostMask } from '../hostMask.js';
import { extensionLength, findExtensionHeader, lookInto } from '../ipv6Headers.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList } from '../options.js';
import { Outcome } from '../verdict.js';
import { reach } from './header.js';

/** A byte of the header: RFC 8754 section 2. */
interface ByteTest {
  readonly option: string;
  readonly at: number;
  readonly how: 'eq' | 'gt' | 'lt';
}

const BYTES: readonly ByteTest[] = [
  { option: 'next-hdr', at: 0, how: 'eq' },
  ...(['eq', 'gt', 'lt'] as const).map((how) => ({ option: `hdr-len-${how}`, at: 1, how })),
  ...(['eq', 'gt', 'lt'] as const).map((how) => ({ option: `segs-left-${how}`, at: 3, how })),
  ...(['eq', 'gt', 'lt'] as const).map((how) => ({ option: `last-entry-${how}`, at: 4, how })),
];
const TAG_AT = 6;
const SEGMENTS_AT = 8;
const SEGMENT_LENGTH = 16;
/** IPV6_SRCRT_TYPE_4 */
const SEGMENT_ROUTING = 4;

/** Which segment a test is about: the one before, the one that comes next, the last one of the path. */
const SEGMENTS = ['psid', 'nsid', 'lsid'] as const;
type Segment = (typeof SEGMENTS)[number];

/** `struct ip6t_srh1` (linux/netfilter_ipv6/ip6t_srh.h), its tests in the order in which they are printed. */
export interface SrhMatch {
  readonly bytes: readonly (Negatable<number> & ByteTest)[];
  readonly tag: Negatable<number> | null;
  readonly segments: readonly (Negatable<IpNetwork> & { readonly segment: Segment })[];
}

function parse(options: OptionList): SrhMatch {
  // The three tests of a byte share one number in the kernel's structure: the last one given stands for all.
  const shared = new Map<number, number>();
  for (const { name } of options.given) {
    const test = BYTES.find(({ option }) => name === `--srh-${option}`);
    const number = test && negatableNumber(options, 'srh', name, 255);
    if (number) shared.set(test.at, number.value);
  }
  return {
    bytes: BYTES.flatMap((test) => {
      const given = options.find(`--srh-${test.option}`);
      return given ? [{ ...test, value: shared.get(test.at) ?? 0, negated: given.negated }] : [];
    }),
    tag: negatableNumber(options, 'srh', '--srh-tag', 0xffff),
    segments: SEGMENTS.flatMap((segment) => {
      const name = `--srh-${segment}`;
      const given = options.find(name);
      if (!given) return [];
      const [word] = given.args;
      const value = parseHostMask(word.text, 6);
      if (!value) options.error(badHostMask(word.text, 'srh', name, 6), word);
      return value ? [{ segment, value, negated: given.negated }] : [];
    }),
  };
}

function print({ bytes, tag, segments }: SrhMatch): string {
  return [
    ...bytes.map(({ option, value, negated }) => `${bang(negated)}--srh-${option} ${value}`),
    ...(tag ? [`${bang(tag.negated)}--srh-tag ${tag.value}`] : []),
    ...segments.map(({ segment, value, negated }) => `${bang(negated)}--srh-${segment} ${value.toString()}`),
  ].join(' ');
}

function list({ bytes, tag, segments }: SrhMatch): string {
  const mark = (negated: boolean): string => (negated ? '!' : '');
  return [
    'srh',
    ...bytes.map(({ option, value, negated }) => `${option}:${mark(negated)}${value}`),
    ...(tag ? [`tag:${mark(tag.negated)}${tag.value}`] : []),
    ...segments.map(({ segment, value, negated }) => `${segment} ${mark(negated)} ${value.toString()}`),
  ].join(' ');
}

/** The place of a segment in the list, which runs from the last one of the path to the first; -1: there is none. */
function placeOf(segment: Segment, left: number, last: number): number {
  if (segment === 'lsid') return 0;
  if (segment === 'nsid') return left - 1;
  return left === last ? -1 : left + 1;
}

/** `srh1_mt6()` (net/ipv6/netfilter/ip6t_srh.c): the first condition that misses decides. */
function examine({ bytes, tag, segments }: SrhMatch, packet: Packet): Condition[] | Outcome {
  const found = findExtensionHeader(packet, Protocol.routing);
  // `ipv6_find_hdr()` failing is a miss here, also where the packet breaks off.
  if (typeof found === 'number') return found === Outcome.unknown ? found : Outcome.miss;
  const { at } = found;
  const { data } = packet;
  const there = reach(packet, at + SEGMENTS_AT);
  if (there !== Outcome.hit) return there === Outcome.unknown ? there : Outcome.miss;
  if (packet.length - at < extensionLength(packet, Protocol.routing, at)) return Outcome.miss;
  const [left, last] = [u8(data, at + 3), u8(data, at + 4)];
  const type = u8(data, at + 2);
  const out = [
    condition(
      'srh',
      'ip.options',
      false,
      'a segment routing header',
      `type ${type}`,
      type === SEGMENT_ROUTING,
    ),
    condition(
      'srh',
      'ip.options',
      false,
      'segments left within the list',
      `${left} of ${last}`,
      left <= last,
    ),
  ];
  const isHit = (): boolean => out.every((c) => c.outcome === Outcome.hit);
  for (const { option, at: offset, how, value, negated } of bytes) {
    const saw = u8(data, at + offset);
    const hit = how === 'eq' ? saw === value : how === 'gt' ? saw > value : saw < value;
    out.push(condition(`srh-${option}`, 'ip.options', negated, String(value), String(saw), hit !== negated));
  }
  if (tag) {
    // The kernel compares the bytes of the packet with the number as its processor keeps it.
    const saw = u8(data, at + TAG_AT) | (u8(data, at + TAG_AT + 1) << 8);
    const shown = `${saw} (${u16(data, at + TAG_AT)} on the wire)`;
    out.push(
      condition(
        'srh-tag',
        'ip.options',
        tag.negated,
        String(tag.value),
        shown,
        (saw === tag.value) !== tag.negated,
      ),
    );
  }
  for (const { segment, value, negated } of segments) {
    if (!isHit()) return out;
    const place = placeOf(segment, left, last);
    const from = at + SEGMENTS_AT + place * SEGMENT_LENGTH;
    const whole = place < 0 ? Outcome.hotdrop : reach(packet, from + SEGMENT_LENGTH);
    if (whole === Outcome.unknown) return whole;
    const words = [0, 4, 8, 12].map((i) => (whole === Outcome.hit ? i32(data, from + i) : 0));
    const [a, b, c, d] = words;
    const saw = whole === Outcome.hit ? formatIpv6(a, b, c, d) : 'none';
    // Host bits of the wanted address are compared, too.
    const { address, mask } = value;
    const same =
      (a & mask.a) === address.a &&
      (b & mask.b) === address.b &&
      (c & mask.c) === address.c &&
      (d & mask.d) === address.d;
    const hit = whole === Outcome.hit && same !== negated;
    out.push(condition(`srh-${segment}`, 'ip.options', negated, value.toString(), saw, hit));
  }
  return out;
}

export const srh: MatchDefinition<SrhMatch, undefined> = {
  name: 'srh',
  versions: [6],
  options: [
    ...BYTES.map(({ option }) => ({ name: `--srh-${option}`, args: 1, negatable: true }) as const),
    { name: '--srh-tag', args: 1, negatable: true },
    ...SEGMENTS.map((segment) => ({ name: `--srh-${segment}`, args: 1, negatable: true }) as const),
  ],
  parse,
  print,
  list,
  reads: () => ['ip.options'],
  pure: true,
  common: false,
  start: () => undefined,
  ...lookInto('segment routing', examine),
};
