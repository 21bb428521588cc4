import { parseNft } from '../../frontend/nft/read/parse.js';
import { nftPrinter } from '../../frontend/nft/print/print.js';
import type { Chain, Rule } from '../../rules/model.js';
import { loadRule } from '../../rules/nft/eval/load.js';
import type { NftRule, Statement } from '../../rules/nft/model.js';
import { Diagnostics } from '../../source/diagnostic.js';

/** A rule of nft to stand in `chain`, from its text or its statements; null: nft would not take it. */
export function nftRuleOf(chain: Chain, words: string | readonly Statement[]): Rule | null {
  const made =
    typeof words === 'string'
      ? readRule(chain, words)
      : { ...NOTHING_MORE, statements: words.filter(isSound) };
  if (!made || made.statements.length === 0) return null;
  return loadRule(made, chain, nftPrinter);
}

const NOTHING_MORE = { handle: null, comment: null, position: null } as const;

function isSound(statement: Statement): boolean {
  return statement.kind !== 'unknown';
}

/** Text without sets: what `nft add rule` would make of it in a table of the chain's family. */
function readRule({ table, name }: Chain, text: string): NftRule | null {
  const diagnostics = new Diagnostics();
  const whole = `table ${table.family} t {\nchain ${name} {\n${text}\n}\n}\n`;
  const read = parseNft(whole, '', diagnostics);
  const rule = read.tables[0]?.chains.get(name)?.rules[0];
  return diagnostics.hasErrors || !rule ? null : rule;
}

/** The statements of a rule as it was loaded. */
export function statementsOf({ steps, packets, bytes }: Rule): Statement[] {
  return steps.flatMap((step): Statement[] => {
    if (step.kind === 'statement') return [step.statement];
    return step.kind === 'counter' ? [{ kind: 'counter', packets, bytes }] : [];
  });
}

export function textOfStatements(statements: readonly Statement[], { table }: Chain): string {
  return statements.map((s) => nftPrinter.statement(s, table.family)).join(' ');
}

const STATES = new Map([
  ['NEW', 'new'],
  ['ESTABLISHED', 'established'],
  ['RELATED', 'related'],
  ['INVALID', 'invalid'],
  ['UNTRACKED', 'untracked'],
]);

/** What iptables spells so (`Visit.traits`), in the words of nft; '' for what it cannot say. */
export function nftWords(trait: string): string {
  const words = trait.split(' ');
  const value = words[words.length - 1];
  const host = value.replace(/\/(32|128)$/, '');
  const ip = host.includes(':') ? 'ip6' : 'ip';
  switch (words[words.length - 2]) {
    case '-p':
      return `meta l4proto ${value}`;
    case '-i':
      return `iifname "${value}"`;
    case '-o':
      return `oifname "${value}"`;
    case '-s':
      return `${ip} saddr ${host}`;
    case '-d':
      return `${ip} daddr ${host}`;
    case '--ctstate':
      return `ct state ${STATES.get(value) ?? 'new'}`;
    case '--sport':
      return `${words[1]} sport ${value}`;
    case '--dport':
      return `${words[1]} dport ${value}`;
    case '--icmp-type':
      return `icmp type ${value}`;
    default:
      return '';
  }
}
