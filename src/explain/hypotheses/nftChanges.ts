import { parseAddress } from '../../address/ip.js';
import { symbolName } from '../../frontend/nft/symbols.js';
import type { Rule } from '../../rules/model.js';
import type {
  Expression,
  Log,
  LogFlag,
  Match,
  MatchOperator,
  Nat,
  NftTable,
  Reject,
  Statement,
  Verdict,
} from '../../rules/nft/model.js';
import { type Clues, traitsIn } from './clues.js';
import { statementsOf, textOfStatements } from './nftRule.js';
import { elementVariants, optionOf, type Seen, type Variant, variantsOf } from './nftVariants.js';
import type { Rewording } from './ruleChanges.js';

/** Bits for a part of a rule that the host does not have, and for one that it has beyond. */
const WITHOUT = 6;
const LOG_MORE = 5;

/** One statement of a rule of nft otherwise, left out, or more. */
export function* otherStatements(clues: Clues, rule: Rule): Generator<Rewording> {
  const { chain } = rule;
  const { nft } = chain.table;
  if (!nft) return;
  const statements = statementsOf(rule);
  const seen = seenIn(clues, rule);
  const show = (s: Statement | null): string | null => s && textOfStatements([s], chain);
  for (const [i, statement] of statements.entries()) {
    if (statement.kind === 'counter' || statement.kind === 'unknown') continue;
    const isMatch = statement.kind === 'match';
    const field = fieldOf(statement, chain.table.family);
    const given = show(statement) ?? '';
    for (const [other, bits] of variants(statement, { clues, rule, seen, nft }))
      yield { field, given, host: show(other), text: statements.with(i, other), bits, isMatch };
    const text = statements.filter((s) => s !== statement);
    yield { field, given, host: null, text, bits: WITHOUT - (statement.kind === 'log' ? 2 : 0), isMatch };
  }
  const end = statements.findIndex((s) => ENDS.has(s.kind));
  const at = end < 0 ? statements.length : end;
  for (const { prefix, lines } of clues.prefixes) {
    const log: Log = { ...PLAIN_LOG, prefix: prefix === '' ? null : prefix, flags: flagsOf(lines) };
    if (!statements.some((s) => s.kind === 'log' && s.prefix === log.prefix))
      yield {
        field: 'log',
        given: 'none',
        host: show(log),
        text: statements.toSpliced(at, 0, log),
        bits: LOG_MORE,
        isMatch: false,
      };
  }
}

const ENDS: ReadonlySet<Statement['kind']> = new Set([
  'verdict',
  'vmap',
  'reject',
  'nat',
  'queue',
  'tproxy',
  'synproxy',
]);

const PLAIN_LOG: Log = {
  kind: 'log',
  prefix: null,
  level: null,
  flags: [],
  group: null,
  snaplen: null,
  queueThreshold: null,
};

/** What the statement is about: `tcp dport`, `log prefix`. */
function fieldOf(statement: Statement, family: Rule['chain']['table']['family']): string {
  if (statement.kind === 'match') {
    const text = textOfStatements([{ ...statement, operator: '==', right: NOTHING }], {
      table: { family },
    } as Rule['chain']);
    return text.replace(/ (== )?0$/, '');
  }
  return statement.kind === 'nat' ? statement.nat : statement.kind;
}

const NOTHING: Expression = { kind: 'integer', value: 0, type: 'integer' };

function seenIn(clues: Clues, rule: Rule): Seen {
  const byOption = new Map<string, string[]>();
  for (const trait of traitsIn(clues, rule.chain)) {
    const words = trait.split(' ');
    const option = words[words.length - 2];
    const list = byOption.get(option);
    if (list) list.push(words[words.length - 1]);
    else byOption.set(option, [words[words.length - 1]]);
  }
  return {
    values: (option) => byOption.get(option) ?? [],
    devices: clues.world.host.devices.map((d) => d.name).slice(0, 32),
  };
}

interface About {
  readonly clues: Clues;
  readonly rule: Rule;
  readonly seen: Seen;
  readonly nft: NftTable;
}

function* variants(statement: Statement, about: About): Generator<Variant<Statement>> {
  const { seen, nft, clues } = about;
  switch (statement.kind) {
    case 'match':
      yield* matchVariants(statement, about);
      return;
    case 'verdict':
      yield* verdictVariants(statement.verdict, about);
      return;
    case 'vmap':
      if (statement.map.kind === 'set')
        for (const [elements, bits] of elementVariants(statement.map.elements, statement.key, seen, nft))
          yield [{ ...statement, map: { ...statement.map, elements } }, bits];
      return;
    case 'log':
      yield* logVariants(statement, clues);
      return;
    case 'reject':
      yield* rejectVariants(statement);
      return;
    case 'nat':
      yield* natVariants(statement, about);
      return;
    case 'mangle': {
      const field = statement.target.kind === 'meta' && statement.target.key === 'mark' ? 'MARK' : 'TTL';
      const { value } = statement;
      if (value.kind === 'integer')
        for (const text of hostValues(clues, field))
          yield [{ ...statement, value: { ...value, value: Number(text) >>> 0 } }, 4];
      for (const [other, bits] of variantsOf(value, statement.target, seen, nft))
        yield [{ ...statement, value: other }, bits + 1];
      return;
    }
    case 'limit':
      for (const rate of [statement.rate + 1, statement.rate - 1, statement.rate * 2])
        if (rate > 0) yield [{ ...statement, rate }, 5];
      yield [{ ...statement, burst: statement.burst + 1 }, 5];
      return;
    case 'quota':
      yield [{ ...statement, over: !statement.over }, 3];
      return;
    case 'connlimit':
      yield [{ ...statement, over: !statement.over }, 3];
      for (const count of [statement.count + 1, statement.count - 1])
        if (count > 0) yield [{ ...statement, count }, 5];
      return;
    default:
      return;
  }
}

const OPPOSITE: Readonly<Record<MatchOperator, MatchOperator>> = {
  '==': '!=',
  '!=': '==',
  '<': '>=',
  '>=': '<',
  '>': '<=',
  '<=': '>',
  '&': '!&',
  '!&': '&',
};

function* matchVariants(match: Match, { seen, nft, rule }: About): Generator<Variant<Match>> {
  yield [{ ...match, operator: OPPOSITE[match.operator] }, 2];
  for (const [right, bits] of variantsOf(match.right, match.left, seen, nft))
    yield [{ ...match, right }, bits];
  const option = optionOf(match.left);
  const other = OTHER_SIDE.get(option);
  if (other === undefined) return;
  for (const statement of rule.chain.rules.flatMap(statementsOf))
    if (statement.kind === 'match' && optionOf(statement.left) === other) {
      if (statement.left.kind === match.left.kind) yield [{ ...match, left: statement.left }, 6];
      return;
    }
}

const OTHER_SIDE = new Map([
  ['-s', '-d'],
  ['-d', '-s'],
  ['--sport', '--dport'],
  ['--dport', '--sport'],
]);

const VERDICTS = ['accept', 'drop', 'return'] as const;
const MOST_CHAINS = 16;

function* verdictVariants(verdict: Verdict, { rule, clues }: About): Generator<Variant<Statement>> {
  const isPlain = !('chain' in verdict);
  for (const kind of VERDICTS)
    if (kind !== verdict.kind) yield [{ kind: 'verdict', verdict: { kind } }, isPlain ? 1 : 4];
  const { chain } = rule;
  const chains = [...chain.table.chains.values()].filter((c) => !c.base && c !== chain && c.rules.length > 0);
  for (const { name } of chains.slice(0, MOST_CHAINS))
    if (isPlain || verdict.chain !== name)
      yield [{ kind: 'verdict', verdict: { kind: isPlain ? 'jump' : verdict.kind, chain: name } }, 6];
  if (!isPlain)
    yield [{ kind: 'verdict', verdict: { ...verdict, kind: verdict.kind === 'jump' ? 'goto' : 'jump' } }, 5];
  if (clues.hostLines.length > 0 && isPlain && chain.base?.type !== 'nat')
    yield [{ kind: 'reject', with: 'icmpx', code: 1 }, 4];
}

const LOG_FLAGS: readonly (readonly [LogFlag, string])[] = [
  ['tcp sequence', 'TCP ACK'],
  ['tcp options', 'TCP OPT'],
  ['ip options', 'OPT'],
  ['skuid', 'UID'],
  ['ether', 'MACSRC'],
];

/** The flags without which lines would not be as they are. */
export function flagsOf(lines: readonly { readonly fields: ReadonlyMap<string, string> }[]): LogFlag[] {
  return LOG_FLAGS.filter(([, field]) =>
    lines.some(({ fields }) => fields.has(field) || fields.has(`[${field}`)),
  ).map(([flag]) => flag);
}

function* logVariants(log: Log, clues: Clues): Generator<Variant<Log>> {
  for (const prefix of hostValues(clues, 'PREFIX'))
    if (prefix !== (log.prefix ?? '')) yield [{ ...log, prefix: prefix === '' ? null : prefix }, 4];
  for (const [flag] of LOG_FLAGS) {
    const has = log.flags.includes(flag);
    yield [{ ...log, flags: has ? log.flags.filter((f) => f !== flag) : [...log.flags, flag] }, has ? 3 : 4];
  }
}

function* rejectVariants(reject: Reject): Generator<Variant<Statement>> {
  for (const kind of ['drop', 'accept'] as const) yield [{ kind: 'verdict', verdict: { kind } }, 3];
  if (reject.with === 'icmpx')
    for (const code of [0, 1, 2, 3]) if (code !== reject.code) yield [{ ...reject, code }, 4];
  if (reject.with === 'icmp')
    for (const code of [0, 1, 2, 3, 9, 10, 13])
      if (code !== reject.code && symbolName('icmp_code', code)) yield [{ ...reject, code }, 4];
  if (reject.with !== 'tcp reset') yield [{ ...reject, with: 'tcp reset', code: 0 }, 4];
}

function* natVariants(nat: Nat, { clues, seen, nft }: About): Generator<Variant<Nat>> {
  const isSource = nat.nat === 'snat' || nat.nat === 'masquerade';
  const { address, port } = nat;
  if (address?.kind === 'address')
    for (const text of hostValues(clues, isSource ? 'SRC' : 'DST')) {
      const other = parseAddress(text);
      if (other?.version === address.address.version)
        yield [{ ...nat, address: { ...address, address: other } }, 4];
    }
  if (port?.kind === 'integer')
    for (const text of hostValues(clues, isSource ? 'SPT' : 'DPT'))
      yield [{ ...nat, port: { ...port, value: Number(text) } }, 4];
  if (address)
    for (const [other, bits] of variantsOf(address, address, seen, nft))
      yield [{ ...nat, address: other }, bits + 1];
  if (port)
    for (const [other, bits] of variantsOf(port, port, seen, nft)) yield [{ ...nat, port: other }, bits + 1];
}

/** What the host's lines have in a field. */
function hostValues({ fields, hostLines }: Clues, field: string): string[] {
  const out = new Set<string>();
  for (const f of fields) if (f.field === field && f.host !== null) out.add(f.host);
  for (const line of hostLines) {
    const value = line.fields.get(field);
    if (value !== undefined) out.add(value);
  }
  if (field !== 'PREFIX') out.delete('');
  return [...out].slice(0, 8);
}
