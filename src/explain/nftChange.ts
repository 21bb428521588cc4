import { parseNft } from '../frontend/nft/read/parse.js';
import { modelValues, printRule, printTable } from '../frontend/nft/print/print.js';
import { printStatement } from '../frontend/nft/print/printStatement.js';
import type { Family, Rule, Ruleset, Table } from '../rules/model.js';
import { endlessChains, tablesOfNft } from '../rules/nft/eval/load.js';
import type { NftChain, NftRule, NftTable, Statement } from '../rules/nft/model.js';
import { Diagnostics } from '../source/diagnostic.js';
import type { Change } from './change.js';

const PRINTER = {
  rule: (rule: NftRule, family: Family): string => printRule(rule, family),
  statement: (statement: Statement, family: Family): string => printStatement(statement, family, modelValues),
};

/** What only looks at a packet, or counts it. */
const TESTS: ReadonlySet<Statement['kind']> = new Set([
  'match',
  'counter',
  'limit',
  'quota',
  'connlimit',
  'last',
  'objref',
  'unknown',
]);
/** What may stand in any chain; what translates, redirects or tracks belongs to some. */
const ANYWHERE: ReadonlySet<Statement['kind']> = new Set([...TESTS, 'log', 'verdict', 'vmap']);

/** The nft rule that a rule was made of. */
export function nftRuleOf(rule: Rule): NftRule | undefined {
  return nftChainOf(rule)?.rules[rule.chain.rules.indexOf(rule)];
}

function nftChainOf({ chain }: Rule): NftChain | undefined {
  return chain.table.nft?.chains.get(chain.name);
}

/** What `withChange` does, for a rule of nft: its table is made anew. A rule stays in its table. */
export function withNftChange(
  ruleset: Ruleset,
  { rule: old, text, place }: Change,
  as: 'acting' | 'counting',
): { ruleset: Ruleset; rule: Rule } | null {
  const { table } = old.chain;
  const { nft } = table;
  const former = nftRuleOf(old);
  if (!nft || !former) return null;
  const read = readNftRule(nft, text);
  if (!read) return null;
  const home = place?.chain ?? old.chain.name;
  const isElsewhere = home !== old.chain.name && table.chains.get(home)?.base !== null;
  if (isElsewhere && !read.statements.every((s) => ANYWHERE.has(s.kind))) return null;
  const statements = as === 'counting' ? read.statements.filter((s) => TESTS.has(s.kind)) : read.statements;
  const rule: NftRule = { ...former, statements, comment: read.comment };
  const before = place?.before ? nftRuleOf(place.before) : null;
  const chains = new Map<string, NftChain>();
  for (const [name, chain] of nft.chains) {
    const rules = chain.rules.flatMap((r) => {
      const kept = r !== former ? [r] : place === null ? [rule] : [];
      return place && name === home && r === before ? [rule, ...kept] : kept;
    });
    if (place && name === home && !before) rules.unshift(rule);
    chains.set(name, { ...chain, rules });
  }
  const changed: NftTable = { ...nft, chains };
  if (endlessChains(changed).size > endlessChains(nft).size) return null;
  const [made] = tablesOfNft({ tables: [changed] }, PRINTER);
  const at = chains.get(home)?.rules.indexOf(rule) ?? -1;
  const found = made.chains.get(home)?.rules[at];
  return found ? { ruleset: { ...ruleset, tables: replaced(ruleset, table, made) }, rule: found } : null;
}

function replaced({ tables }: Ruleset, table: Table, made: Table): Table[] {
  return tables.map((t) => (t === table ? made : t));
}

/** Reads one rule among the sets and chains of its table; null: nft would not take it. */
function readNftRule(nft: NftTable, text: string): NftRule | null {
  const empty: NftTable = {
    ...nft,
    chains: new Map(
      [...nft.chains].map(([name, chain]) => [name, { ...chain, rules: [], isBound: undefined }]),
    ),
    sets: new Map([...nft.sets].map(([name, set]) => [name, { ...set, elements: [] }])),
  };
  const name = unusedName(nft);
  const diagnostics = new Diagnostics();
  const rule = `table ${nft.family} ${nft.name} {\n\tchain ${name} {\n\t\t${text}\n\t}\n}\n`;
  const [read] = parseNft(`${printTable(empty)}${rule}`, '', diagnostics, undefined, true).tables;
  const found = read?.chains.get(name)?.rules;
  return found?.length === 1 && !diagnostics.hasErrors ? found[0] : null;
}

function unusedName({ chains }: NftTable): string {
  let name = 'changed';
  while (chains.has(name)) name += '_';
  return name;
}
