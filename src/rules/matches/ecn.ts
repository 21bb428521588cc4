import { u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Tcp, TcpFlag } from '../../packet/transport.js';
import type { Condition, Field, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { parseUint } from '../integers.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { KERNEL_REFUSES, refusal } from '../refusal.js';
import { trafficClass } from '../trafficClass.js';
import { Outcome } from '../verdict.js';
import { reach, withoutHeader } from './header.js';

/** `struct xt_ecn_info` (linux/netfilter/xt_ecn.h). */
export interface EcnMatch {
  readonly ece: { readonly negated: boolean } | null;
  readonly cwr: { readonly negated: boolean } | null;
  readonly ect: Negatable<number> | null;
}

const OPTIONS: readonly OptionSpec[] = [
  { name: '--ecn-tcp-cwr', args: 0, negatable: true },
  { name: '--ecn-tcp-ece', args: 0, negatable: true },
  { name: '--ecn-ip-ect', args: 1, negatable: true },
];
const FLAGS = [
  ['ece', TcpFlag.ece],
  ['cwr', TcpFlag.cwr],
] as const;

function parse(options: OptionList): EcnMatch {
  const ect = options.find('--ecn-ip-ect');
  const value = ect && parseUint(ect.args[0].text, 3);
  if (ect && value === undefined) options.error(refusal.outOfRange('ecn', '--ecn-ip-ect', 0, 3), ect.args[0]);
  const cwr = options.find('--ecn-tcp-cwr') ?? null;
  const ece = options.find('--ecn-tcp-ece') ?? null;
  if (options.given.length === 0) options.error('ECN match: some option required');
  if ((cwr ?? ece) && options.protocol !== Protocol.tcp) options.error(KERNEL_REFUSES, cwr ?? ece);
  return {
    ece: ece && { negated: ece.negated },
    cwr: cwr && { negated: cwr.negated },
    ect: ect ? { value: value ?? 0, negated: ect.negated } : null,
  };
}

function print({ ece, cwr, ect }: EcnMatch): string {
  return [
    ...(ece ? [`${bang(ece.negated)}--ecn-tcp-ece`] : []),
    ...(cwr ? [`${bang(cwr.negated)}--ecn-tcp-cwr`] : []),
    ...(ect ? [`${bang(ect.negated)}--ecn-ip-ect ${ect.value}`] : []),
  ].join(' ');
}

function list({ ece, cwr, ect }: EcnMatch): string {
  const not = (negated: boolean): string => (negated ? '!' : '');
  return [
    'ECN match',
    ...(ece ? [`${not(ece.negated)}ECE`] : []),
    ...(cwr ? [`${not(cwr.negated)}CWR`] : []),
    ...(ect ? [`${not(ect.negated)}ECT=${ect.value}`] : []),
  ].join(' ');
}

function flags(packet: Packet): number {
  return u8(packet.data, packet.transport + Tcp.flags);
}

/**
 * `ecn_mt4()`, `ecn_mt6()` (net/netfilter/xt_ecn.c): a packet too short for the TCP header is a miss. A later
 * fragment is not told from a first one.
 */
function test(data: EcnMatch, packet: Packet): Outcome {
  const { ect } = data;
  if (ect && ((trafficClass(packet) & 3) === ect.value) === ect.negated) return Outcome.miss;
  if (!data.ece && !data.cwr) return Outcome.hit;
  const header = reach(packet, packet.transport + Tcp.minimumLength);
  if (header === Outcome.hotdrop) return Outcome.miss;
  if (packet.transport + Tcp.flags >= packet.data.length) return Outcome.unknown;
  const seen = flags(packet);
  for (const [name, bit] of FLAGS) {
    const wanted = data[name];
    if (wanted && ((seen & bit) !== 0) === wanted.negated) return Outcome.miss;
  }
  return Outcome.hit;
}

function explain(
  data: EcnMatch,
  packet: Packet,
  _context: unknown,
  _state: unknown,
  outcome: Outcome,
): Condition[] {
  const out: Condition[] = [];
  const { ect } = data;
  if (ect) {
    const seen = trafficClass(packet) & 3;
    const hit = (seen === ect.value) !== ect.negated;
    out.push(condition('ecn-ip-ect', 'ip.tos', ect.negated, String(ect.value), String(seen), hit));
  }
  if (!data.ece && !data.cwr) return out;
  if (reach(packet, packet.transport + Tcp.flags + 1) !== Outcome.hit)
    return [...out, withoutHeader('tcp', packet, outcome)];
  for (const [name, bit] of FLAGS) {
    const wanted = data[name];
    if (!wanted) continue;
    const set = (flags(packet) & bit) !== 0;
    const saw = set ? 'set' : 'not set';
    out.push(condition(`ecn-tcp-${name}`, 'tcp.flags', wanted.negated, 'set', saw, set !== wanted.negated));
  }
  return out;
}

function reads({ ece, cwr, ect }: EcnMatch): Field[] {
  return [
    ...(ect ? (['ip.tos'] as const) : []),
    ...(ece || cwr ? (['transport', 'tcp.flags'] as const) : []),
  ];
}

export const ecn: MatchDefinition<EcnMatch, undefined> = {
  name: 'ecn',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print,
  list,
  reads,
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
