import type { MatchDefinition } from '../../../src/rules/definition.js';
import { findMatch } from '../../../src/rules/matches/index.js';
import { type GivenOption, OptionList, type OptionSpec, type Word } from '../../../src/rules/options.js';
import { parseProtocol, protocolName } from '../../../src/rules/protocols.js';

/** A match as a rule has it. */
export interface ReadMatch {
  readonly definition: MatchDefinition;
  readonly data: unknown;
}

export interface ReadRule {
  /** `-p tcp`, as iptables-save prints it; '' for none. */
  readonly protocol: string;
  readonly matches: readonly ReadMatch[];
  readonly errors: readonly string[];
}

/** Splits as a shell does, so far as these tests need it; `restore`: as iptables-restore does, for which `\` quotes all. */
export function words(text: string, reader: 'shell' | 'restore'): string[] {
  const quoted = reader === 'shell' ? /\\(["\\])/g : /\\(.)/g;
  return [...text.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/g)].map(([, inner, bare]) =>
    inner === undefined ? bare : inner.replace(quoted, '$1'),
  );
}

const NOWHERE = { file: 'test', line: 1, column: 1 };

/** Reads a rule of `-p` and `-m` only; what it cannot read is a defect of the test. */
export function readRule(text: string, version: 4 | 6, reader: 'shell' | 'restore' = 'shell'): ReadRule {
  const list = words(text, reader).map((word): Word => ({ text: word, position: NOWHERE }));
  const errors: string[] = [];
  let protocol: number | null = null;
  let protocolText = '';
  const open: { definition: MatchDefinition; given: GivenOption[] }[] = [];
  const load = (definition: MatchDefinition | undefined, name: string): void => {
    if (!definition) throw new Error(`no match ${name} for IPv${version}`);
    open.push({ definition, given: [] });
  };
  const specOf = (
    name: string,
  ): [(typeof open)[number], GivenOption['name'], OptionSpec['args']] | undefined => {
    for (const loaded of [...open].reverse())
      for (const spec of loaded.definition.options)
        if (spec.name === name || spec.aliases?.includes(name)) return [loaded, spec.name, spec.args];
    return undefined;
  };
  for (let i = 0; i < list.length; i++) {
    const negated = list[i].text === '!';
    if (negated) i++;
    const name = list[i].text;
    if (name === '-p') {
      const number = parseProtocol(list[++i].text)!;
      protocolText = `${negated ? '! ' : ''}-p ${protocolName(number)}`;
      protocol = negated ? null : number;
    } else if (name === '-m') {
      i++;
      load(findMatch(list[i].text, version), list[i].text);
    } else {
      if (!specOf(name)) {
        const auto = [1, 6, 17, 58].find((p) => p === protocol);
        const module = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6' }[auto ?? 6] ?? '';
        load(findMatch(module, version), module);
      }
      const found = specOf(name);
      if (!found) throw new Error(`no option ${name}`);
      const [loaded, option, taken] = found;
      const args = taken === 'optional' ? Number(/^[^-!]/.test(list[i + 1]?.text ?? '')) : taken;
      loaded.given.push({ name: option, negated, args: list.slice(i + 1, i + 1 + args), position: NOWHERE });
      i += args;
    }
  }
  const matches = open.map(({ definition, given }) => {
    const options = new OptionList(given, NOWHERE, (message) => errors.push(message), protocol, version);
    return { definition, data: definition.parse(options) as unknown };
  });
  return { protocol: protocolText, matches, errors };
}

/** The rule as iptables-save prints it. */
export function save({ protocol, matches }: ReadRule, version: 4 | 6): string {
  return [
    protocol,
    ...matches.map(({ definition, data }) =>
      `-m ${definition.name} ${definition.print(data, version)}`.trim(),
    ),
  ]
    .filter((part) => part !== '')
    .join(' ');
}
