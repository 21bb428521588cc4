import { Hook } from '../../hook.js';
import type { BaseChain, Chain, Family, Rule, Step, Table } from '../../model.js';
import { asCompared } from '../adjacent.js';
import type { NftBaseChain, NftChain, NftRule, NftRuleset, NftTable, Statement } from '../model.js';

/** How nft's own text of a rule is made; the front end knows. */
export interface NftPrinter {
  rule(rule: NftRule, family: Family): string;
  statement(statement: Statement, family: Family): string;
}

/** Those below IP have no number of their own: what comes in has not been routed, what goes out has. */
const HOOKS: Record<NftBaseChain['hook'], Hook> = {
  prerouting: Hook.prerouting,
  input: Hook.input,
  forward: Hook.forward,
  output: Hook.output,
  postrouting: Hook.postrouting,
  ingress: Hook.prerouting,
  egress: Hook.postrouting,
};

/** The tables of an nft ruleset as the engine takes them. */
export function tablesOfNft(ruleset: NftRuleset, printer: NftPrinter): Table[] {
  return ruleset.tables.map((nft) => {
    const table: Table = { family: nft.family, name: nft.name, chains: new Map(), nft };
    for (const chain of nft.chains.values()) table.chains.set(chain.name, loadChain(chain, table, printer));
    return table;
  });
}

function loadChain(nft: NftChain, table: Table, printer: NftPrinter): Chain {
  const chain: Chain = { name: nft.name, table, base: baseOf(nft), rules: [] };
  for (const rule of nft.rules) chain.rules.push(loadRule(rule, chain, printer));
  return chain;
}

function baseOf({ base }: NftChain): BaseChain | null {
  if (!base) return null;
  const { type, hook, priority, policy, devices } = base;
  return {
    type,
    hook: HOOKS[hook],
    priority,
    policy,
    packets: 0,
    bytes: 0,
    ...((hook === 'ingress' || hook === 'egress') && { below: { at: hook, devices } }),
  };
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
