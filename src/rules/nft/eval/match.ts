import { Protocol } from '../../../packet/numbers.js';
import type { Packet } from '../../../packet/packet.js';
import type { Context } from '../../context.js';
import type { Condition } from '../../definition.js';
import { Outcome } from '../../verdict.js';
import type { Expression, Match, VerdictMap } from '../model.js';
import { fieldOf, nameOf, show } from './describe.js';
import { elementReader, fieldsReader, type Lookup, type Reader, reader } from './expression.js';
import { Flow, type RunningStatement, type StatementResult } from './result.js';
import type { Way } from './evidence.js';
import { waysOf } from './nat.js';
import { type Element, runElement } from './set.js';
import { matches, patternsOf, type Read, same, type Scalar } from './value.js';

/** What comparing a value gives; undefined and null as for values. */
type Comparison = (value: Read, packet: Packet, context: Context) => boolean | undefined | null;

function fieldsOf(value: Read): readonly Scalar[] {
  return typeof value === 'object' && value !== null ? value : [value as Scalar];
}

/** Against a value, a range, a prefix or several fields of them. */
function comparison({ operator, right }: Match, lookup: Lookup): Comparison {
  const patterns = operator === '==' || operator === '!=' ? patternsOf(right) : null;
  if (patterns?.length === 1) {
    const [pattern] = patterns;
    return (value) => matches(pattern, typeof value === 'object' ? fieldsOf(value)[0] : (value as Scalar));
  }
  if (patterns)
    return (value) => {
      const fields = fieldsOf(value);
      return fields.length === patterns.length && patterns.every((p, i) => matches(p, fields[i]));
    };
  const other = reader(right, lookup);
  return (value, packet, context) => {
    const wanted = other(packet, context);
    if (wanted === undefined || wanted === null) return wanted;
    const a = fieldsOf(value)[0];
    const b = fieldsOf(wanted)[0];
    switch (operator) {
      case '==':
      case '!=':
        return same(a, b);
      case '<':
        return a < b;
      case '>':
        return a > b;
      case '<=':
        return a <= b;
      case '>=':
        return a >= b;
      case '&':
      case '!&':
        return bothHave(a, b);
    }
  };
}

function bothHave(a: Scalar, b: Scalar): boolean {
  if (typeof a === 'string' || typeof b === 'string') return false;
  if (typeof a === 'number' && typeof b === 'number' && a < 2 ** 32 && b < 2 ** 32) return (a & b) !== 0;
  return (BigInt(a) & BigInt(b)) !== 0n;
}

/**
 * A test: `nft_cmp_eval()`, `nft_range_eval()`, `nft_lookup_eval()`. What cannot be read ends the rule, negated or not.
 * @param text as it is listed
 */
export function match(statement: Match, text: string, lookup: Lookup): RunningStatement {
  const { left, operator, right } = statement;
  const negated = operator === '!=' || operator === '!&';
  let seen: Read;
  const run =
    right.kind === 'set' || right.kind === 'setReference'
      ? inSet(left, right, lookup, negated, (value) => (seen = value))
      : compared(reader(left, lookup), comparison(statement, lookup), negated, (value) => (seen = value));
  return {
    statement,
    run: statement.lost ? withLost(statement.lost, run) : run,
    explain: (_packet, _context, result) => [conditionOf(left, text, seen, result)],
  };
}

function withLost(lost: NonNullable<Match['lost']>, run: Run): Run {
  return (packet, context) => {
    const result = run(packet, context);
    if (result !== Flow.continue) return result;
    if (lost === 'comparison') return Flow.unknown;
    if (packet.protocol !== Protocol.tcp)
      context.doubt?.('nft lists no protocol before a TCP option, and the rule may be of TCP alone');
    return result;
  };
}

type Run = RunningStatement['run'];

function compared(read: Reader, compare: Comparison, negated: boolean, see: (value: Read) => void): Run {
  return (packet, context) => {
    const value = read(packet, context);
    see(value);
    if (value === undefined) return Flow.break;
    if (value === null) return Flow.unknown;
    const hit = compare(value, packet, context);
    if (hit === undefined) return Flow.break;
    if (hit === null) return Flow.unknown;
    return hit === negated ? Flow.break : Flow.continue;
  };
}

function inSet(
  key: Expression,
  of: Extract<Expression, { kind: 'set' | 'setReference' }>,
  lookup: Lookup,
  negated: boolean,
  see: (value: Read) => void,
): Run {
  const read = fieldsReader(key, lookup);
  const set = lookup.set(of);
  return (packet, context) => {
    const fields = read(packet, context);
    see(fields);
    if (!fields) return fields === null ? Flow.unknown : Flow.break;
    const found = set ? set.find(fields, context.now) : null;
    if (found === null) return Flow.unknown;
    if ((found !== undefined) === negated) return Flow.break;
    return found ? runElement(found, packet, context) : Flow.continue;
  };
}

/** `tcp dport vmap { … }`: without the key the rule ends, as for a test. */
export function verdictMap(statement: VerdictMap, text: string, lookup: Lookup): RunningStatement {
  const { key, map } = statement;
  let seen: Read;
  const ways = ({ source: { data } }: Element): readonly Way[] =>
    data?.kind === 'verdict' ? lookup.behind(data.verdict).flatMap(waysOf) : [];
  const find = elementReader(key, map, lookup, (value) => (seen = value), ways);
  return {
    statement,
    run(packet, context): StatementResult {
      const element = find(packet, context);
      if (!element) return element === null ? Flow.unknown : Flow.break;
      const result = runElement(element, packet, context);
      return result === Flow.continue ? element.result : result;
    },
    explain: (_packet, _context, result) => [conditionOf(key, text, seen, result)],
  };
}

function conditionOf(left: Expression, text: string, seen: Read, result: StatementResult): Condition {
  const name = nameOf(left);
  return {
    name,
    field: fieldOf(left),
    wanted: text.startsWith(`${name} `) ? text.slice(name.length + 1) : text,
    saw: show(typeof seen === 'object' && seen?.length === 1 ? seen[0] : seen, left),
    outcome: result === Flow.unknown ? Outcome.unknown : result === Flow.break ? Outcome.miss : Outcome.hit,
  };
}
