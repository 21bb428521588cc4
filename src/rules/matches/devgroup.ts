import type { Device } from '../../packet/device.js';
import type { Packet } from '../../packet/packet.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { hex, parseUint } from '../integers.js';
import { bang } from '../negatable.js';
import type { OptionList } from '../options.js';
import { outcomeOf } from '../outcomes.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** A number under a mask, as `--src-group 0x5/0xff` and `--realm` write it. */
export interface MaskedNumber {
  readonly value: number;
  readonly mask: number;
  readonly negated: boolean;
}

/** `struct xt_devgroup_info` (linux/netfilter/xt_devgroup.h). */
export interface DevgroupMatch {
  readonly in: MaskedNumber | null;
  readonly out: MaskedNumber | null;
}

/** Reads `number[/mask]`. */
export function maskedNumber(options: OptionList, extension: string, name: string): MaskedNumber | null {
  const given = options.find(name);
  if (!given) return null;
  const [text, maskText] = given.args[0].text.split('/');
  const value = parseUint(text, 0xffffffff);
  const mask = maskText === undefined ? 0xffffffff : parseUint(maskText, 0xffffffff);
  if (value !== undefined && mask !== undefined) return { value, mask, negated: given.negated };
  options.error(refusal.badValue(extension, name, given.args[0].text), given.args[0]);
  return null;
}

export function printMasked({ value, mask }: MaskedNumber): string {
  return mask === 0xffffffff ? hex(value) : `${hex(value)}/${hex(mask)}`;
}

function parts(data: DevgroupMatch, dashes: string): string {
  return [
    ...(data.in ? [`${bang(data.in.negated)}${dashes}src-group ${printMasked(data.in)}`] : []),
    ...(data.out ? [`${bang(data.out.negated)}${dashes}dst-group ${printMasked(data.out)}`] : []),
  ].join(' ');
}

function hits(wanted: MaskedNumber, device: Device | null): boolean {
  return ((((device?.group ?? 0) ^ wanted.value) & wanted.mask) === 0) !== wanted.negated;
}

/** `devgroup_mt()` (net/netfilter/xt_devgroup.c) */
function conditions(data: DevgroupMatch, packet: Packet): Condition[] {
  const out: Condition[] = [];
  for (const side of ['in', 'out'] as const) {
    const wanted = data[side];
    const device = packet[side];
    if (!wanted) continue;
    const saw = device ? `${hex(device.group)} of ${device.name}` : 'no interface';
    const name = side === 'in' ? 'src-group' : 'dst-group';
    out.push(condition(name, side, wanted.negated, printMasked(wanted), saw, hits(wanted, device)));
  }
  return out;
}

export const devgroup: MatchDefinition<DevgroupMatch, undefined> = {
  name: 'devgroup',
  versions: [4, 6],
  options: [
    { name: '--src-group', args: 1, negatable: true },
    { name: '--dst-group', args: 1, negatable: true },
  ],
  parse: (options) => {
    if (options.given.length === 0)
      options.error("devgroup match: You must specify either '--src-group' or '--dst-group'");
    return {
      in: maskedNumber(options, 'devgroup', '--src-group'),
      out: maskedNumber(options, 'devgroup', '--dst-group'),
    };
  },
  print: (data) => parts(data, '--'),
  list: (data) => parts(data, ''),
  reads: (data) => [...(data.in ? (['in'] as const) : []), ...(data.out ? (['out'] as const) : [])],
  pure: true,
  common: false,
  start: () => undefined,
  test: (data, packet) =>
    outcomeOf((!data.in || hits(data.in, packet.in)) && (!data.out || hits(data.out, packet.out))),
  explain: conditions,
};

/** `-m realm`: the realm of the packet's route (`dst->tclassid`), which the simulation does not follow. */
export const realm: MatchDefinition<{ readonly realm: MaskedNumber | null }, undefined> = {
  name: 'realm',
  versions: [4],
  options: [{ name: '--realm', args: 1, negatable: true }],
  parse: (options) => {
    if (!options.has('--realm')) options.error(refusal.missing('realm', '--realm'));
    return { realm: maskedNumber(options, 'realm', '--realm') };
  },
  print: (data) => (data.realm ? `${bang(data.realm.negated)}--realm ${printMasked(data.realm)}` : ''),
  list: (data) => (data.realm ? `${bang(data.realm.negated)}realm ${printMasked(data.realm)}` : ''),
  reads: () => ['routing'],
  pure: true,
  common: false,
  start: () => undefined,
  test: () => Outcome.unknown,
  explain: (data) => [
    {
      name: 'realm',
      field: 'routing',
      wanted: data.realm ? printMasked(data.realm) : '',
      saw: 'a realm that is not modelled',
      outcome: Outcome.unknown,
    },
  ],
};
