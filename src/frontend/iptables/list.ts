import type { IpMatch } from '../../rules/matches/ip.js';
import { ip } from '../../rules/matches/ip.js';
import type { Chain, Rule, Table, TargetStep } from '../../rules/model.js';
import { unknownTarget, type UnknownTarget } from '../../rules/targets/unknown.js';
import { protocolName } from '../../rules/protocols.js';
import type { IpNetwork } from '../../address/ip.js';
import { chainsInOrder, type CounterOf, modelCounters, policyName, tableVersion } from './print.js';

/** What `iptables -L` is asked for. */
export interface ListOptions {
  /** null: all chains. */
  readonly chain?: string | null;
  /** Only this rule, 1-based, and no headings; 0: all. */
  readonly number?: number;
  readonly numeric?: boolean;
  readonly verbose?: boolean;
  readonly exact?: boolean;
  readonly lineNumbers?: boolean;
  /** Protocol names under -n too, as iptables printed before 1.8.9. */
  readonly protocolNames?: boolean;
}

/** `xtables_print_num()` (libxtables/xtables.c): five columns, rounded to K, M, G and T from 100,000 on. */
export function shortCount(value: number): string {
  if (value <= 99999) return String(value).padStart(5);
  let rest = value;
  for (const unit of 'KMG') {
    rest = Math.floor((rest + 500) / 1000);
    if (rest <= 9999) return String(rest).padStart(4) + unit;
  }
  return `${String(Math.floor((rest + 500) / 1000)).padStart(4)}T`;
}

/** As `iptables -L` of 1.8.9 prints a table; undefined where the chain is not there. */
export function printList(
  table: Table,
  options: ListOptions = {},
  counters: CounterOf = modelCounters,
): string | undefined {
  const { chain: only = null, number = 0 } = options;
  const chains = chainsInOrder(table).filter((c) => only === null || c.name === only);
  if (chains.length === 0) return undefined;
  const references = number === 0 ? countReferences(table) : new Map<string, number>();
  const parts = chains.map((chain) => {
    const lines: string[] = [];
    if (number === 0) lines.push(...heading(chain, options, counters, references.get(chain.name) ?? 0));
    chain.rules.forEach((rule, i) => {
      if (number === 0 || i + 1 === number) lines.push(ruleLine(rule, i + 1, options, counters));
    });
    return lines.map((line) => `${line}\n`).join('');
  });
  return parts.join('\n');
}

function countReferences(table: Table): Map<string, number> {
  const counts = new Map<string, number>();
  for (const chain of table.chains.values())
    for (const rule of chain.rules)
      for (const step of rule.steps)
        if (step.kind === 'jump') counts.set(step.chain, (counts.get(step.chain) ?? 0) + 1);
  return counts;
}

function count(value: number, exact: boolean | undefined): string {
  return exact ? String(value).padStart(8) : shortCount(value);
}

/** `print_header()` (iptables/xshared.c). */
function heading(chain: Chain, options: ListOptions, counters: CounterOf, references: number): string[] {
  const { verbose, exact, lineNumbers } = options;
  let state = `${references} references`;
  if (chain.base) {
    state = `policy ${policyName(chain)}`;
    if (verbose) {
      const { packets, bytes } = counters(chain);
      const plain = (value: number): string => count(value, exact).trimStart();
      state += ` ${plain(packets)} packets, ${plain(bytes)} bytes`;
    }
  }
  let columns = lineNumbers ? 'num  ' : '';
  if (verbose) columns += exact ? '    pkts      bytes ' : ' pkts bytes ';
  columns += 'target     prot opt';
  if (verbose) columns += ' in     out    ';
  columns += ' source               destination         ';
  return [`Chain ${chain.name} (${state})`, columns];
}

interface Parts {
  readonly data: IpMatch | null;
  readonly target: string;
  readonly goto: boolean;
  readonly rest: string;
}

/** What stands in columns of its own, and the text after them. */
function partsOf(rule: Rule, numeric: boolean): Parts {
  const version = tableVersion(rule.chain.table);
  let data: IpMatch | null = null;
  let target = '';
  let goto = false;
  let rest = '';
  for (const step of rule.steps) {
    if (step.kind === 'jump') {
      target = step.chain;
      goto = step.goto;
      continue;
    }
    if (step.kind === 'counter' || step.kind === 'statement') continue;
    if (step.kind === 'match' && step.definition === ip) {
      data = step.data as IpMatch;
      continue;
    }
    if (step.kind === 'target') target = listedTarget(step);
    const text = step.definition.list(step.data, numeric, version);
    const tight = step.kind === 'match' && step.definition.listedTight;
    if (text !== '') rest += tight ? text : ` ${text}`;
  }
  return { data, target, goto, rest };
}

function listedTarget({ definition, data }: TargetStep): string {
  return definition === unknownTarget
    ? (data as UnknownTarget).name
    : (definition.listedAs ?? definition.name);
}

/** `print_firewall()` (iptables/iptables.c). */
function ruleLine(rule: Rule, number: number, options: ListOptions, counters: CounterOf): string {
  const { numeric = false, verbose, exact, lineNumbers, protocolNames } = options;
  const { data, target, goto, rest } = partsOf(rule, numeric);
  let line = lineNumbers ? `${String(number).padEnd(4)} ` : '';
  if (verbose) {
    const { packets, bytes } = counters(rule);
    line += `${count(packets, exact)} ${count(bytes, exact)} `;
  }
  const protocol = data?.protocol?.value ?? 0;
  const shown = numeric ? (protocolNames ? ownName(protocol) : String(protocol)) : fullName(protocol);
  line += `${target.padEnd(9)} ${data?.protocol?.negated ? '!' : ' '}${shown.padEnd(4)} `;
  line += `${fragment(data)} `;
  if (verbose) {
    const any = numeric ? '*' : 'any';
    line += ` ${device(data?.in, any).padEnd(6)} ${device(data?.out, any).padEnd(6)} `;
  }
  line += address(data?.source, rule, numeric).padEnd(20) + ' ';
  line += address(data?.destination, rule, numeric).padEnd(20) + ' ';
  return line + (goto ? '[goto] ' : '') + rest;
}

/** The protocols that iptables names without looking into /etc/protocols (`xtables_chain_protos`, libxtables/xtables.c). */
const OWN_NAMES: ReadonlySet<number> = new Set([0, 1, 6, 17, 50, 51, 58, 132, 135, 136]);

function ownName(protocol: number): string {
  return OWN_NAMES.has(protocol) ? fullName(protocol) : String(protocol);
}

function fullName(protocol: number): string {
  return protocol === 0 ? 'all' : protocolName(protocol);
}

function fragment(data: IpMatch | null): string {
  if (!data?.fragment) return '--';
  return data.fragment.negated ? '!f' : '-f';
}

function device(wanted: IpMatch['in'] | undefined, any: string): string {
  if (!wanted) return any;
  return `${wanted.negated ? '!' : ''}${wanted.value.text}`;
}

/** `!` or a blank, then the address; a mask of all ones is left out (`xtables_ipmask_to_numeric()`). */
function address(wanted: IpMatch['source'] | undefined, rule: Rule, numeric: boolean): string {
  const version = tableVersion(rule.chain.table);
  if (!wanted) return ` ${numeric ? (version === 4 ? '0.0.0.0/0' : '::/0') : 'anywhere'}`;
  return `${wanted.negated ? '!' : ' '}${networkText(wanted.value, numeric)}`;
}

/** What /etc/hosts and /etc/networks say on Debian; other addresses have no name without a resolver. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['127.0.0.1', 'localhost'],
  ['0.0.0.0', 'default'],
  ['127.0.0.0', 'loopback'],
  ['169.254.0.0', 'link-local'],
]);

function networkText(network: IpNetwork, numeric: boolean): string {
  const length = network.prefixLength;
  if (!numeric && (network.version === 6 ? network.address.toString() === '::' : length === 0))
    return 'anywhere';
  const width = network.version === 4 ? 32 : 128;
  const address = network.address.toString();
  const shown = numeric ? address : (NAMES.get(address) ?? address);
  return length === width ? shown : shown + network.toString().slice(address.length);
}

/** The line that -v prints for a rule being added, changed or looked for (`FMT_PRINT_RULE`, iptables/xshared.h). */
export function printRuleLine(rule: Rule): string {
  const version = tableVersion(rule.chain.table);
  const { data, target, goto, rest } = partsOf(rule, true);
  const protocol = data?.protocol?.value ?? 0;
  const side = (wanted: IpMatch['source'] | undefined): string => address(wanted, rule, true);
  return (
    `${target} ${data?.protocol?.negated ? '!' : ' '}${ownName(protocol)} ` +
    `opt ${version === 6 ? '--' : fragment(data)} in ${device(data?.in, '*')} out ${device(data?.out, '*')} ` +
    `${side(data?.source)} ${side(data?.destination).replace(/^(.)/, '$1-> ')}  ${goto ? '[goto] ' : ''}${rest}\n`
  );
}
