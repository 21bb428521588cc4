import { InterfacePattern } from '../../address/interface.js';
import type { Device } from '../../packet/device.js';
import type { Packet } from '../../packet/packet.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { Outcome } from '../verdict.js';

/** `struct xt_physdev_info` (linux/netfilter/xt_physdev.h). */
export interface PhysdevMatch {
  readonly in: Negatable<InterfacePattern> | null;
  readonly out: Negatable<InterfacePattern> | null;
  readonly isIn: Flag | null;
  readonly isOut: Flag | null;
  readonly isBridged: Flag | null;
}
interface Flag {
  readonly negated: boolean;
}

const OPTIONS: readonly OptionSpec[] = [
  { name: '--physdev-in', args: 1, negatable: true },
  { name: '--physdev-out', args: 1, negatable: true },
  { name: '--physdev-is-in', args: 0, negatable: true },
  { name: '--physdev-is-out', args: 0, negatable: true },
  { name: '--physdev-is-bridged', args: 0, negatable: true },
];
/** IFNAMSIZ (linux/if.h), without the 0 at the end. */
const NAME_LENGTH = 15;

function parse(options: OptionList): PhysdevMatch {
  const name = (option: string): PhysdevMatch['in'] => {
    const given = options.find(option);
    if (!given) return null;
    const { text } = given.args[0];
    if (new TextEncoder().encode(text).length > NAME_LENGTH)
      options.error(`interface name \`${text}' must be shorter than IFNAMSIZ (15)`, given.args[0]);
    return { value: new InterfacePattern(text), negated: given.negated };
  };
  const flag = (option: string): Flag | null => {
    const given = options.find(option);
    return given ? { negated: given.negated } : null;
  };
  if (options.given.length === 0) options.error('PHYSDEV: no physdev option specified');
  return {
    in: name('--physdev-in'),
    out: name('--physdev-out'),
    isIn: flag('--physdev-is-in'),
    isOut: flag('--physdev-is-out'),
    isBridged: flag('--physdev-is-bridged'),
  };
}

function print(data: PhysdevMatch): string {
  const flag = (option: string, given: Flag | null): string[] =>
    given ? [`${bang(given.negated)}--physdev-${option}`] : [];
  const name = (option: string, given: PhysdevMatch['in']): string[] =>
    given ? [`${bang(given.negated)}--physdev-${option} ${given.value.text}`] : [];
  return [
    ...flag('is-in', data.isIn),
    ...name('in', data.in),
    ...flag('is-out', data.isOut),
    ...name('out', data.out),
    ...flag('is-bridged', data.isBridged),
  ].join(' ');
}

function flagHits(given: Flag | null, port: Device | null): boolean {
  return given === null || (port !== null) !== given.negated;
}

/** @param without the answer where the packet came over a bridge, but has no port on this side yet */
function nameHits(
  given: PhysdevMatch['in'],
  port: Device | null,
  bridged: boolean,
  without: boolean,
): boolean {
  if (given === null) return true;
  if (port) return given.value.matches(port.name) !== given.negated;
  return bridged ? without : given.negated;
}

/**
 * `physdev_mt()` (net/netfilter/xt_physdev.c). A packet that no bridge handed over matches where all options are
 * negated; of one that a bridge did, a port that is not known yet passes as --physdev-in and fails as --physdev-out.
 */
function test(data: PhysdevMatch, { physIn, physOut }: Packet): Outcome {
  const bridged = physIn !== null || physOut !== null;
  return flagHits(data.isBridged, physOut) &&
    flagHits(data.isIn, physIn) &&
    flagHits(data.isOut, physOut) &&
    nameHits(data.in, physIn, bridged, true) &&
    nameHits(data.out, physOut, bridged, false)
    ? Outcome.hit
    : Outcome.miss;
}

function explain(data: PhysdevMatch, { physIn, physOut }: Packet): Condition[] {
  const bridged = physIn !== null || physOut !== null;
  const seen = (port: Device | null): string => port?.name ?? (bridged ? 'no port' : 'not from a bridge');
  const flag = (
    option: string,
    given: Flag | null,
    side: 'physIn' | 'physOut',
    port: Device | null,
  ): Condition[] =>
    given ? [condition(option, side, given.negated, 'a port', seen(port), flagHits(given, port))] : [];
  const name = (
    option: string,
    given: PhysdevMatch['in'],
    side: 'physIn' | 'physOut',
    port: Device | null,
  ): Condition[] =>
    given
      ? [
          condition(
            option,
            side,
            given.negated,
            given.value.text,
            seen(port),
            nameHits(given, port, bridged, side === 'physIn'),
          ),
        ]
      : [];
  return [
    ...flag('physdev-is-bridged', data.isBridged, 'physOut', physOut),
    ...flag('physdev-is-in', data.isIn, 'physIn', physIn),
    ...flag('physdev-is-out', data.isOut, 'physOut', physOut),
    ...name('physdev-in', data.in, 'physIn', physIn),
    ...name('physdev-out', data.out, 'physOut', physOut),
  ];
}

export const physdev: MatchDefinition<PhysdevMatch, undefined> = {
  name: 'physdev',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print,
  list: (data) => `PHYSDEV match ${print(data)}`,
  reads: () => ['physIn', 'physOut'],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
