import { parseProtocol } from '../../rules/protocols.js';
import { nameOf } from '../../rules/nft/eval/describe.js';
import type {
  Constant,
  Expression,
  Match,
  MatchOperator,
  Payload,
  Statement,
} from '../../rules/nft/model.js';
import {
  complement,
  type Interval,
  type Intervals,
  LAST_NAME,
  addressNumber,
  names,
  numbers,
  passing,
  union,
} from './intervals.js';
import type { Limit, Limits } from './limit.js';

const NOTHING: Limits = { known: [], others: [] };

/** What one statement of an nft rule asks for. */
export function nftLimits(statement: Statement, said: string): Limits {
  switch (statement.kind) {
    case 'match': {
      const known = ofMatch(statement, said);
      return { known, others: isWhole(statement, known) ? [] : [{ said, isPure: isPure(statement.left) }] };
    }
    case 'log':
    case 'counter':
    case 'last':
    case 'verdict':
      return NOTHING;
    default:
      // What reads the packet, or finds nothing in a map, ends the rule without a match.
      return { known: [], others: [{ said, isPure: false }] };
  }
}

/** Beside what the packet must be for the expression to be read, the comparison itself is among the limits. */
function isWhole({ left }: Match, known: readonly Limit[]): boolean {
  return known.some(({ field }) => field === fieldOf(left));
}

function isPure(left: Expression): boolean {
  return !['numgen', 'hash', 'socket', 'osf'].includes(left.kind);
}

/** linux/netfilter.h: what `meta nfproto` holds. */
const NFPROTO_IPV4 = 2;
const NFPROTO_IPV6 = 10;

/** The header that must be there. */
function needs({ protocol }: Payload, said: string): Limit[] {
  if (protocol === 'ip' || protocol === 'ip6') {
    const version = [numbers(protocol === 'ip' ? NFPROTO_IPV4 : NFPROTO_IPV6)];
    return [{ field: 'IP version', allowed: version, said }];
  }
  const number =
    protocol === null || protocol === 'th'
      ? undefined
      : parseProtocol(protocol === 'icmpv6' ? 'ipv6-icmp' : protocol);
  return number === undefined ? [] : [{ field: 'protocol', allowed: [numbers(number)], said }];
}

/** By the names of the limits of iptables. */
function fieldOf(left: Expression): string {
  const name = nameOf(left);
  const [protocol, field] = name.split(' ');
  if (field === 'sport' || field === 'dport') return field;
  if (name === 'meta l4proto' || name === 'ip protocol') return 'protocol';
  if (name === 'meta nfproto') return 'IP version';
  if (name === 'iifname') return 'in';
  if (name === 'oifname') return 'out';
  if (name === 'meta mark') return 'mark';
  if (name === 'ct state') return 'state';
  if (field === 'saddr' || field === 'daddr') return `${protocol} ${field}`;
  return name;
}

function ofMatch(match: Match, said: string): Limit[] {
  const { left, right, operator } = match;
  const header = left.kind === 'binary' ? left.left : left;
  const needed = header.kind === 'payload' ? needs(header, said) : [];
  const field = fieldOf(left);
  const allowed =
    field === 'state'
      ? ofState(match)
      : left.kind === 'binary'
        ? ofMasked(match)
        : ofValues(left, right, operator);
  return allowed ? [...needed, { field, allowed, said }] : needed;
}

const STATE_BITS = [1, 2, 4, 8, 64];

function ofState({ right, operator }: Match): Intervals | null {
  const bits = right.kind === 'integer' ? right.value : null;
  if (bits === null || !['&', '!&', '==', '!='].includes(operator)) return null;
  const isNegated = operator === '!&' || operator === '!=';
  return union(
    STATE_BITS.flatMap((bit, i) => {
      const isIn = operator === '&' || operator === '!&' ? (bits & bit) !== 0 : bits === bit;
      return isIn !== isNegated ? [numbers(i)] : [];
    }),
  );
}

/** `tcp flags & (syn | ack) == syn`: of eight bits. */
function ofMasked({ left, right, operator }: Match): Intervals | null {
  if (left.kind !== 'binary' || left.operator !== '&' || right.kind !== 'integer') return null;
  const mask = left.right.kind === 'integer' ? left.right.value : null;
  if (mask === null || left.left.kind !== 'payload' || left.left.bits !== 8) return null;
  if (operator !== '==' && operator !== '!=') return null;
  return passing(8, (value) => ((value & mask) === right.value) === (operator === '=='));
}

function ofValues(left: Expression, right: Expression, operator: MatchOperator): Intervals | null {
  const max = maxOf(left);
  if (max === null) return null;
  if (operator === '&' || operator === '!&') {
    if (right.kind !== 'integer' || max !== 255n) return null;
    return passing(8, (value) => ((value & right.value) !== 0) === (operator === '&'));
  }
  const listed = right.kind === 'set' ? ofList(right.elements.map(({ key }) => key)) : ofList([right]);
  if (!listed) return null;
  const [first] = listed;
  switch (operator) {
    case '==':
      return listed;
    case '!=':
      return complement(listed, max);
    case '<':
      return union([[0n, first[0] - 1n]]);
    case '<=':
      return union([[0n, first[0]]]);
    case '>':
      return union([[first[0] + 1n, max]]);
    case '>=':
      return union([[first[0], max]]);
  }
}

/** The largest value that a field can have; null: it is not looked into. */
function maxOf(left: Expression): bigint | null {
  if (left.kind === 'payload') return left.protocol === null ? null : (1n << BigInt(left.bits)) - 1n;
  if (left.kind === 'ct') return left.key === 'direction' ? 1n : null;
  if (left.kind !== 'meta') return null;
  if (left.key === 'iifname' || left.key === 'oifname') return LAST_NAME;
  return left.key === 'l4proto' || left.key === 'nfproto' ? 255n : left.key === 'mark' ? 0xffffffffn : null;
}

function ofList(values: readonly Expression[]): Intervals | null {
  const all = values.map((value) => intervalOf(value as Constant));
  return all.some((one) => one === null) || all.length === 0 ? null : union(all as Interval[]);
}

function intervalOf(value: Constant): Interval | null {
  switch (value.kind) {
    case 'integer':
      return value.value >= 0 ? numbers(value.value) : null;
    case 'address': {
      const number = addressNumber(value.address);
      return [number, number];
    }
    case 'string':
      return names(value.value, value.wildcard)[0];
    case 'prefix': {
      const base = intervalOf(value.base);
      if (!base || value.base.kind !== 'address') return null;
      const rest = (value.base.address.version === 4 ? 32 : 128) - value.length;
      return [base[0], base[0] + (1n << BigInt(rest)) - 1n];
    }
    case 'range': {
      const [from, to] = [intervalOf(value.from), intervalOf(value.to)];
      return from && to && [from[0], to[1]];
    }
    default:
      return null;
  }
}
