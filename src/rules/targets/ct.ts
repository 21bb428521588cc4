import type { Packet } from '../../packet/packet.js';
import type { Context, CtTemplate } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import { parseUint } from '../integers.js';
import type { GivenOption, OptionList } from '../options.js';
import { Verdict } from '../verdict.js';
import { cutToBytes, words } from './reading.js';

/** `struct xt_ct_target_info_v1` (linux/netfilter/xt_CT.h). */
export interface CtTarget {
  readonly notrack: boolean;
  readonly helper: string;
  readonly timeout: string;
  /** Bits of `enum ip_conntrack_events`, and of the expectation events; 0 where not given. */
  readonly events: number;
  readonly expectationEvents: number;
  readonly zone: number | 'mark';
  readonly direction: 'both' | 'orig' | 'reply';
  readonly template: CtTemplate;
}

/** By bit: linux/netfilter/nf_conntrack_common.h, as far as iptables 1.8.9 names them. */
const EVENTS = [
  'new',
  'related',
  'destroy',
  'reply',
  'assured',
  'protoinfo',
  'helper',
  'mark',
  'natseqinfo',
  'secmark',
] as const;
const EXPECTATION_EVENTS = ['new'] as const;
const HELPER_BYTES = 15;
const TIMEOUT_BYTES = 31;

function parseEvents(options: OptionList, name: string, known: readonly string[]): number {
  const word = options.find(name)?.args[0];
  if (!word) return 0;
  let bits = 0;
  for (const event of word.text.split(',')) {
    const bit = known.indexOf(event);
    if (bit < 0) {
      options.error(`Unknown event type "${event}"`, word);
      return bits;
    }
    bits |= 1 << bit;
  }
  return bits;
}

function printEvents(bits: number, known: readonly string[]): string {
  return known.filter((_, bit) => bits & (1 << bit)).join(',');
}

function parseZone(options: OptionList, given: GivenOption | undefined): number | 'mark' {
  const word = given?.args[0];
  if (!word) return 0;
  if (word.text === 'mark') return 'mark';
  const zone = parseUint(word.text, 0xffff);
  if (zone === undefined) options.error(`Cannot parse ${word.text} as a zone ID`, word);
  return zone ?? 0;
}

/** The one zone that the structure has room for; both directions given one by one are no direction. */
function parseZones(options: OptionList): Pick<CtTarget, 'zone' | 'direction'> {
  const last = options.given.findLast(({ name }) => name.startsWith('--zone'));
  const zone = options.given.some(({ name, args }) => name.startsWith('--zone') && args[0].text === 'mark')
    ? 'mark'
    : parseZone(options, last);
  const orig = options.has('--zone-orig');
  const reply = options.has('--zone-reply');
  return { zone, direction: orig === reply ? 'both' : orig ? 'orig' : 'reply' };
}

/** `xt_ct_tg_check()` (net/netfilter/xt_CT.c) makes the template once, when the rule is loaded. */
export function makeCtTarget(data: Omit<CtTarget, 'template'>): CtTarget {
  const { zone, direction } = data;
  const id = zone === 'mark' ? 0 : zone;
  const said = zone !== 0;
  const template: CtTemplate = {
    notrack: data.notrack,
    zoneOriginal: said && direction !== 'reply' ? id : null,
    zoneReply: said && direction !== 'orig' ? id : null,
    zoneFromMark: zone === 'mark',
    helper: data.helper || null,
    timeoutPolicy: data.timeout || null,
    events: data.events || null,
  };
  return { ...data, template };
}

function parse(options: OptionList): CtTarget {
  return makeCtTarget({
    notrack: options.has('--notrack'),
    helper: cutToBytes(options.text('--helper') ?? '', HELPER_BYTES),
    timeout: cutToBytes(options.text('--timeout') ?? '', TIMEOUT_BYTES),
    events: parseEvents(options, '--ctevents', EVENTS),
    expectationEvents: parseEvents(options, '--expevents', EXPECTATION_EVENTS),
    ...parseZones(options),
  });
}

function show(data: CtTarget, dashes: '--' | ''): string {
  const { zone, direction } = data;
  const option = direction === 'both' ? 'zone' : `zone-${direction}`;
  return words(
    data.notrack && `${dashes}notrack`,
    data.helper !== '' && `${dashes}helper ${data.helper}`,
    data.timeout !== '' && `${dashes}timeout ${data.timeout}`,
    data.events !== 0 && `${dashes}ctevents ${printEvents(data.events, EVENTS)}`,
    data.expectationEvents !== 0 &&
      `${dashes}expevents ${printEvents(data.expectationEvents, EXPECTATION_EVENTS)}`,
    zone !== 0 && `${dashes}${option} ${zone}`,
  );
}

function run({ template }: CtTarget, packet: Packet, context: Context): Verdict {
  context.track(packet, template);
  return Verdict.continue;
}

/** `xt_ct_target()`: a packet that is tracked already is left alone, which is the engine's to know. */
export const ct: TargetDefinition<CtTarget, undefined> = {
  name: 'CT',
  versions: [4, 6],
  tables: ['raw'],
  options: [
    { name: '--notrack', args: 0 },
    ...['--helper', '--timeout', '--ctevents', '--expevents', '--zone', '--zone-orig', '--zone-reply'].map(
      (name) => ({ name, args: 1 as const }),
    ),
  ],
  parse,
  print: (data) => show(data, '--'),
  list: (data) => words('CT', show(data, '')),
  writes: ['ct.state'],
  terminal: false,
  common: false,
  // What only says not to track needs no tracking (`xt_ct_tg_check()`).
  tracks: ({ template }) => !template.notrack,
  start: () => undefined,
  run,
};

const NOTRACK = makeCtTarget({
  notrack: true,
  helper: '',
  timeout: '',
  events: 0,
  expectationEvents: 0,
  zone: 0,
  direction: 'both',
});

/** The older name for `CT --notrack`; iptables-save keeps it, -L shows CT as the target and NOTRACK after it. */
export const notrack: TargetDefinition<CtTarget, undefined> = {
  ...ct,
  name: 'NOTRACK',
  listedAs: 'CT',
  options: [],
  parse: () => NOTRACK,
  print: () => '',
  list: () => 'NOTRACK',
};
