import type { Negatable } from './negatable.js';
import type { OptionList } from './options.js';
import {
  badPortRange,
  inRange,
  listPortRange,
  parsePortRange,
  type PortRange,
  printPortRange,
} from './ports.js';

/** `--sport` and `--dport` of -m sctp and dccp. */
export type PortTest = Negatable<PortRange>;

export function portTest(options: OptionList, name: '--sport' | '--dport'): PortTest | null {
  const given = options.find(name);
  if (!given) return null;
  const value = parsePortRange(given.args[0]);
  if (value) return { value, negated: given.negated };
  options.error(
    badPortRange(given.args[0].text, options.protocol === 33 ? 'dccp' : 'sctp', name),
    given.args[0],
  );
  return null;
}

export function portHits({ value, negated }: PortTest, port: number): boolean {
  return inRange(value, port) !== negated;
}

export function printPort({ value }: PortTest): string {
  return printPortRange(value);
}

export function listPort(word: string, test: PortTest, protocol: number, numeric: boolean): string {
  return listPortRange(word, test, numeric ? null : protocol);
}
