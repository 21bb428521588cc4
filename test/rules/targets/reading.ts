import type { TargetDefinition } from '../../../src/rules/definition.js';
import { type GivenOption, OptionList, type Word } from '../../../src/rules/options.js';
import { parseProtocol } from '../../../src/rules/protocols.js';
import { findTarget } from '../../../src/rules/targets/index.js';

export interface ReadTarget {
  readonly definition: TargetDefinition;
  readonly data: unknown;
  readonly errors: readonly string[];
}

const NOWHERE = { file: 'test', line: 1, column: 1 };
/** Options of matches that stand in these rules and say nothing to the target. */
const OTHERS: Readonly<Record<string, number>> = { '--syn': 0, '--tcp-flags': 2 };

/** Splits as a shell does, so far as these tests need it; `restore`: as iptables-restore does, for which `\` quotes all. */
function words(text: string, reader: 'shell' | 'restore'): Word[] {
  const quoted = reader === 'shell' ? /\\(["\\])/g : /\\(.)/g;
  return [...text.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/g)].map(([, inner, bare]) => ({
    text: inner === undefined ? bare : inner.replace(quoted, '$1'),
    position: NOWHERE,
  }));
}

/** Reads a rule of `-p`, `-j` and the target's options; what it cannot read is a defect of the test. */
export function readTarget(text: string, version: 4 | 6, reader: 'shell' | 'restore' = 'shell'): ReadTarget {
  const list = words(text, reader);
  const given: GivenOption[] = [];
  const errors: string[] = [];
  let protocol: number | null = null;
  let definition: TargetDefinition | undefined;
  for (let i = 0; i < list.length; i++) {
    const name = list[i].text;
    const spec =
      definition?.options.find((o) => o.name === name) ??
      definition?.options.find((o) => o.name.startsWith(name));
    if (name === '-p') protocol = parseProtocol(list[++i].text)!;
    else if (name === '-j') definition = findTarget(list[++i].text, version);
    else if (spec) {
      const args = spec.args === 'optional' ? 0 : spec.args;
      given.push({
        name: spec.name,
        negated: false,
        args: list.slice(i + 1, i + 1 + args),
        position: NOWHERE,
      });
      i += args;
    } else if (name in OTHERS) i += OTHERS[name];
    else throw new Error(`no option ${name} in ${text}`);
  }
  if (!definition) throw new Error(`no target in ${text}`);
  const options = new OptionList(given, NOWHERE, (message) => errors.push(message), protocol, version);
  return { definition, data: definition.parse(options) as unknown, errors };
}
