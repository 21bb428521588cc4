import { Protocol } from '../packet/numbers.js';
import type { Packet } from '../packet/packet.js';
import type { Condition, Field } from './definition.js';
import { condition } from './explaining.js';
import type { Negatable } from './negatable.js';
import type { OptionList } from './options.js';
import {
  badPortRange,
  inRange,
  isAnyPort,
  listPortRange,
  parsePortRange,
  parsePortsOf,
  type PortRange,
  printPortRange,
} from './ports.js';

/** `--sport` and `--dport` of -m tcp, udp, sctp and dccp. */
export type PortTest = Negatable<PortRange>;

/** The spelling that iptables uses in its own errors. */
const LONG = { '--sport': '--source-port', '--dport': '--destination-port' } as const;

export function portTest(
  options: OptionList,
  extension: 'sctp' | 'dccp',
  name: keyof typeof LONG,
): PortTest | null {
  const given = options.find(name);
  if (!given) return null;
  const [word] = given.args;
  const value =
    extension === 'sctp'
      ? parsePortsOf(word.text, Protocol.sctp)
      : (parsePortRange(word) ?? badPortRange(word.text, extension, LONG[name]));
  if (typeof value !== 'string') return { value, negated: given.negated };
  options.error(value, word);
  return null;
}

/** Whether a port can miss it, or `!` stood before it: what `-L` shows. */
export function asksForPort({ value, negated }: PortTest): boolean {
  return negated || !isAnyPort(value);
}

export function portHits({ value, negated }: PortTest, port: number): boolean {
  return inRange(value, port) !== negated;
}

/** What they wanted and saw; nothing for a side that is not asked for. */
export function portConditions(
  source: PortTest | null,
  destination: PortTest | null,
  packet: Packet,
): Condition[] {
  const out: Condition[] = [];
  const say = (name: string, field: Field, test: PortTest | null, port: number): void => {
    if (test)
      out.push(condition(name, field, test.negated, printPort(test), String(port), portHits(test, port)));
  };
  say('sport', 'sourcePort', source, packet.sourcePort);
  say('dport', 'destinationPort', destination, packet.destinationPort);
  return out;
}

export function printPort({ value }: PortTest): string {
  return printPortRange(value);
}

export function listPort(word: string, test: PortTest, protocol: number, numeric: boolean): string {
  return listPortRange(word, test, numeric ? null : protocol);
}
