import { ip } from '../../rules/matches/ip.js';
import { unknownMatch } from '../../rules/matches/unknown.js';
import type { Chain, Rule, Step, Table } from '../../rules/model.js';
import { unknownTarget } from '../../rules/targets/unknown.js';

/** What a rule or a chain's policy has counted. */
export interface Counters {
  readonly packets: number;
  readonly bytes: number;
}
export type CounterOf = (of: Rule | Chain) => Counters;

/** The counters that stand in the model itself: those of the text that was read. */
export function modelCounters(of: Rule | Chain): Counters {
  if ('steps' in of) return of;
  return of.base ?? { packets: 0, bytes: 0 };
}

/** One step as iptables-save prints it, with a blank before; nothing for the counter. */
function printStep(step: Step, version: 4 | 6): string {
  switch (step.kind) {
    case 'counter':
    case 'statement':
      return '';
    case 'jump':
      return ` ${step.goto ? '-g' : '-j'} ${step.chain}`;
    case 'match': {
      const text = step.definition.print(step.data, version);
      const rest = text === '' ? '' : ` ${text}`;
      return step.definition === ip || step.definition === unknownMatch
        ? rest
        : ` -m ${step.definition.name}${rest}`;
    }
    case 'target': {
      const text = step.definition.print(step.data, version);
      const rest = text === '' ? '' : ` ${text}`;
      return step.definition === unknownTarget ? rest : ` -j ${step.definition.name}${rest}`;
    }
  }
}

/** The steps as `print_rule4()` (iptables/iptables.c) prints them, without `-A CHAIN`. */
export function printSteps(steps: readonly Step[], version: 4 | 6): string {
  let text = '';
  for (const step of steps) text += printStep(step, version);
  return text.slice(1);
}

export function tableVersion(table: Table): 4 | 6 {
  return table.family === 'ip6' ? 6 : 4;
}

/**
 * Base chains by hook, then user chains by name: libiptc sorts these (`iptc_insert_chain()`,
 * libiptc/libiptc.c).
 */
export function chainsInOrder(table: Table): Chain[] {
  const chains = [...table.chains.values()];
  const base = chains.filter((c) => c.base).sort((a, b) => (a.base?.hook ?? 0) - (b.base?.hook ?? 0));
  const user = chains.filter((c) => !c.base).sort((a, b) => (a.name < b.name ? -1 : 1));
  return [...base, ...user];
}

export function policyName(chain: Chain): string {
  return chain.base?.policy === 'drop' ? 'DROP' : 'ACCEPT';
}

/**
 * The tables of one IP version as `iptables-save` (`withCounters`: `iptables-save -c`) of iptables-legacy 1.8.9
 * prints them, but for the comment lines with date and time. Tables stand in the order in which they are given.
 */
export function printSave(
  tables: readonly Table[],
  version: 4 | 6,
  counters: CounterOf = modelCounters,
  withCounters = true,
): string {
  const family = version === 4 ? 'ip' : 'ip6';
  const lines: string[] = [];
  for (const table of tables) {
    if (table.family !== family) continue;
    lines.push(`*${table.name}`);
    const chains = chainsInOrder(table);
    for (const chain of chains) {
      const { packets, bytes } = chain.base ? counters(chain) : { packets: 0, bytes: 0 };
      lines.push(`:${chain.name} ${chain.base ? policyName(chain) : '-'} [${packets}:${bytes}]`);
    }
    for (const chain of chains)
      for (const rule of chain.rules) {
        const { packets, bytes } = withCounters ? counters(rule) : rule;
        const head = withCounters ? `[${packets}:${bytes}] ` : '';
        lines.push(`${head}-A ${chain.name}${rule.text === '' ? '' : ` ${rule.text}`}`);
      }
    lines.push('COMMIT');
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** What `iptables -S` is asked for. */
export interface RulesOptions {
  /** null: all chains. */
  readonly chain?: string | null;
  /** Only this rule, 1-based; 0: all of them, and the chains before them. */
  readonly number?: number;
  /** -v: counters as `-c packets bytes`. */
  readonly verbose?: boolean;
}

/** As `iptables -S` prints a table; undefined where the chain is not there. */
export function printRules(
  table: Table,
  options: RulesOptions = {},
  counters: CounterOf = modelCounters,
): string | undefined {
  const { chain: only = null, number = 0, verbose = false } = options;
  const chains = chainsInOrder(table).filter((c) => only === null || c.name === only);
  if (chains.length === 0) return undefined;
  const counted = (of: Rule | Chain): string => {
    const { packets, bytes } = counters(of);
    return ` -c ${packets} ${bytes}`;
  };
  let text = '';
  if (number === 0)
    for (const chain of chains)
      text += chain.base
        ? `-P ${chain.name} ${policyName(chain)}${verbose ? counted(chain) : ''}\n`
        : `-N ${chain.name}\n`;
  for (const chain of chains)
    chain.rules.forEach((rule, i) => {
      if (number !== 0 && i + 1 !== number) return;
      text += `-A ${chain.name}${verbose ? ruleWithCounters(rule, counted(rule)) : prefixed(rule.text)}\n`;
    });
  return text;
}

/** -S -v puts the counters between the matches and the target. */
function ruleWithCounters(rule: Rule, counters: string): string {
  const version = tableVersion(rule.chain.table);
  const isEnd = (step: Step): boolean => step.kind === 'target' || step.kind === 'jump';
  const tests = rule.steps.filter((s) => !isEnd(s));
  return (
    prefixed(printSteps(tests, version)) + counters + prefixed(printSteps(rule.steps.filter(isEnd), version))
  );
}

function prefixed(text: string): string {
  return text === '' ? '' : ` ${text}`;
}
