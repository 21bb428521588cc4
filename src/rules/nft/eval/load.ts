import { Hook } from '../../hook.js';
import type { BaseChain, Chain, Family, Rule, Step, Table } from '../../model.js';
import type { Diagnostics } from '../../../source/diagnostic.js';
import { asCompared } from '../adjacent.js';
import type { NftBaseChain, NftChain, NftRule, NftRuleset, NftTable, Statement } from '../model.js';

/** How nft's own text of a rule is made; the front end knows. */
export interface NftPrinter {
  rule(rule: NftRule, family: Family): string;
  statement(statement: Statement, family: Family): string;
}

const HOOKS: Partial<Record<NftBaseChain['hook'], Hook>> = {
  prerouting: Hook.prerouting,
  input: Hook.input,
  forward: Hook.forward,
  output: Hook.output,
  postrouting: Hook.postrouting,
};

/** Families whose hooks the simulation runs. */
const RUN = new Set(['ip', 'ip6', 'inet']);

/** The tables of an nft ruleset as the engine takes them; what it does not run is said in `diagnostics`. */
export function tablesOfNft(ruleset: NftRuleset, printer: NftPrinter, diagnostics: Diagnostics): Table[] {
  return ruleset.tables.map((nft) => {
    if (!RUN.has(nft.family) && [...nft.chains.values()].some((chain) => chain.base))
      diagnostics.note(
        `table ${nft.family} ${nft.name} is read but not run: only ip, ip6 and inet tables are`,
      );
    const table: Table = { family: nft.family, name: nft.name, chains: new Map(), nft };
    for (const chain of nft.chains.values())
      table.chains.set(chain.name, loadChain(chain, table, printer, diagnostics));
    return table;
  });
}

function loadChain(nft: NftChain, table: Table, printer: NftPrinter, diagnostics: Diagnostics): Chain {
  const chain: Chain = { name: nft.name, table, base: baseOf(nft, table, diagnostics), rules: [] };
  for (const rule of nft.rules) chain.rules.push(loadRule(rule, chain, printer));
  return chain;
}

function baseOf({ name, base }: NftChain, table: Table, diagnostics: Diagnostics): BaseChain | null {
  if (!base) return null;
  const hook = HOOKS[base.hook];
  if (hook === undefined) {
    if (RUN.has(table.family))
      diagnostics.note(
        `chain ${name} of table ${table.name} is not run: the simulation has no hook ${base.hook}`,
      );
    return null;
  }
  const { type, priority, policy } = base;
  return { type, hook, priority, policy, packets: 0, bytes: 0 };
}

/** A rule as the engine takes it, to stand in `chain`. */
export function loadRule(nft: NftRule, chain: Chain, printer: NftPrinter): Rule {
  const first = nft.statements.find((s) => s.kind === 'counter');
  const run = asCompared(nft.statements);
  const steps = nft.statements.map((statement, i): Step =>
    statement === first
      ? { kind: 'counter' }
      : {
          kind: 'statement',
          statement,
          run: run[i],
          text: printer.statement(run[i], chain.table.family),
        },
  );
  return {
    chain,
    steps,
    packets: first?.packets ?? 0,
    bytes: first?.bytes ?? 0,
    position: nft.position,
    text: printer.rule(nft, chain.table.family),
    ...(nft.handle !== null && { handle: nft.handle }),
  };
}

/** The chains from which jumps lead round in circles. */
export function endlessChains(table: NftTable): Set<string> {
  const targets = new Map<string, Set<string>>();
  const callers = new Map<string, string[]>();
  for (const chain of table.chains.values()) {
    const to = new Set<string>();
    for (const rule of chain.rules) for (const statement of rule.statements) addTargets(statement, table, to);
    targets.set(chain.name, to);
    for (const name of to) {
      const list = callers.get(name);
      if (list) list.push(chain.name);
      else callers.set(name, [chain.name]);
    }
  }
  // Chains that end are taken away until none is left that does.
  const ends = [...targets].filter(([, to]) => to.size === 0).map(([name]) => name);
  for (const name of ends) {
    targets.delete(name);
    for (const caller of callers.get(name) ?? []) {
      const to = targets.get(caller);
      if (to?.delete(name) && to.size === 0) ends.push(caller);
    }
  }
  return new Set(targets.keys());
}

function addTargets(statement: Statement, table: NftTable, to: Set<string>): void {
  const add = (name: string): void => {
    if (table.chains.has(name)) to.add(name);
  };
  if (statement.kind === 'verdict' && 'chain' in statement.verdict) add(statement.verdict.chain);
  if (statement.kind !== 'vmap') return;
  const { map } = statement;
  const elements = map.kind === 'set' ? map.elements : (table.sets.get(map.name)?.elements ?? []);
  for (const { data } of elements)
    if (data?.kind === 'verdict' && 'chain' in data.verdict) add(data.verdict.chain);
}
