import type { Family } from '../../../rules/model.js';
import type { Expression, Match, Payload, Statement } from '../../../rules/nft/model.js';
import { Protocol } from '../../../packet/numbers.js';
import { messageTypes } from '../../../rules/nft/eval/payload.js';
import { isProtocol, isVersion, joinAdjacent, joinBounds } from './adjacent.js';
import { headersIn, NetworkProtocol, protocolOf } from '../context.js';
import { withoutDependencies } from './dependencies.js';
import { headerProtocol } from '../headers.js';
import { etherType, inWholeBytes } from './partialBytes.js';

/**
 * A rule's statements as nft lists them after they went through the kernel: matches that only say which protocol a later
 * header field needs are left out, fields that stand side by side are in the order of the header, ICMP fields have their
 * types.
 */
export function canonical(
  statements: readonly Statement[],
  family: Family,
  listed: boolean,
): readonly Statement[] {
  // What nft listed stands as it lists it.
  if (listed) return statements;
  const joined = joinAdjacent(joinBounds(inWholeBytes(statements, family)));
  return withoutDependencies(withDependencies(joined, family), family);
}

const ICMP_TYPE = { icmp: 'icmp_type', icmpv6: 'icmpv6_type' } as const;

/**
 * What nft adds to a rule and lists: the echo types of `icmp id`, and in front of all the protocol of `reject with tcp
 * reset`, in inet the version of IP that an ICMP answer is of (`stmt_evaluate_reject()`, src/evaluate.c).
 */
function withDependencies(statements: readonly Statement[], family: Family): readonly Statement[] {
  const result: Statement[] = [];
  let hasType = false;
  let hasVlan = false;
  let hasTransport = false;
  let hasNetwork = family !== 'inet';
  for (const statement of statements) {
    for (const field of payloadsOf(statement)) {
      const { protocol } = field;
      if ((protocol === 'icmp' || protocol === 'icmpv6') && !hasType) {
        const types = messageTypes(field);
        if (types && types.length > 1) result.push(hasTypes(protocol, field, types));
        hasType = types !== undefined && types.length > 1;
      }
      if (protocol === 'vlan' && !hasVlan) {
        hasVlan = true;
        const shown =
          (family === 'bridge' || family === 'netdev' || family === 'inet') && isVlanType(statement);
        const tag = shown ? etherType(VLAN) : undefined;
        if (tag && !result.some(isTag)) result.push(tag);
      }
    }
    if (statement.kind === 'match') {
      const { left } = statement;
      const field = innerPayload(left);
      if ((field?.protocol === 'icmp' || field?.protocol === 'icmpv6') && field.field === 'type')
        hasType = true;
      hasTransport ||= isOfTransport(statement);
      hasNetwork ||= saysNetwork(statement);
    }
    if (statement.kind === 'reject') {
      if (statement.with === 'tcp reset' && !hasTransport) result.unshift(isProtocol(Protocol.tcp));
      const version =
        statement.with === 'icmp'
          ? NetworkProtocol.ip
          : statement.with === 'icmpv6'
            ? NetworkProtocol.ip6
            : null;
      if (version !== null && !hasNetwork) result.unshift(isVersion(version));
    }
    result.push(statement);
  }
  return result;
}

/** Whether nft knows of the statements which transport protocol the packets have. */
export function asksForTransport(statements: readonly Statement[]): boolean {
  return statements.some((statement) => statement.kind === 'match' && isOfTransport(statement));
}

function isOfTransport(match: Match): boolean {
  const { left } = match;
  return (
    protocolOf(match)?.layer === 'transport' ||
    (left.kind === 'ct' && left.key === 'protocol' && match.operator === '==') ||
    headersIn(left).some((h) => headerProtocol(h) !== null)
  );
}

/** A match after which nft knows which version of IP the packets are of; not so `meta protocol`. */
function saysNetwork(match: Match): boolean {
  const { left } = match;
  const said = protocolOf(match);
  if (said?.layer === 'network') return left.kind !== 'meta' || left.key === 'nfproto';
  if (said?.value === Protocol.icmp || said?.value === Protocol.icmpv6) return true;
  return headersIn(left).some((header) => OF_ONE_VERSION.has(header));
}

const OF_ONE_VERSION: ReadonlySet<string> = new Set(['ip', 'ip6', 'icmp', 'icmpv6', 'igmp']);

const VLAN = 0x8100;
const PROVIDER_VLAN = 0x88a8;

/** `ether type 8021q` or `ether type 8021ad`. */
function isTag(statement: Statement): boolean {
  if (statement.kind !== 'match' || statement.operator !== '==') return false;
  const { left, right } = statement;
  const isType = left.kind === 'payload' && left.protocol === 'ether' && left.field === 'type';
  return isType && right.kind === 'integer' && (right.value === VLAN || right.value === PROVIDER_VLAN);
}

/** `vlan type ip`, after which nft lists the tag's own type. */
function isVlanType(statement: Statement): boolean {
  return (
    statement.kind === 'match' &&
    (statement.operator === '==' || statement.operator === '!=') &&
    statement.right.kind === 'integer' &&
    statement.left.kind === 'payload' &&
    statement.left.protocol === 'vlan' &&
    statement.left.field === 'type'
  );
}

/** The header fields that a statement reads or writes. */
function payloadsOf(statement: Statement): Payload[] {
  switch (statement.kind) {
    case 'match':
      return payloadsIn(statement.left);
    case 'vmap':
      return payloadsIn(statement.key);
    case 'mangle':
      return [...payloadsIn(statement.target), ...payloadsIn(statement.value)];
    case 'setUpdate':
      return payloadsIn(statement.key);
    default:
      return [];
  }
}

function payloadsIn(expression: Expression): Payload[] {
  switch (expression.kind) {
    case 'payload':
      return [expression];
    case 'binary':
      return payloadsIn(expression.left);
    case 'concat':
      return expression.parts.flatMap(payloadsIn);
    case 'map':
      return payloadsIn(expression.key);
    default:
      return [];
  }
}

function innerPayload(expression: Expression): Payload | undefined {
  if (expression.kind === 'binary') return innerPayload(expression.left);
  return expression.kind === 'payload' ? expression : undefined;
}

function hasTypes(protocol: 'icmp' | 'icmpv6', like: Payload, values: readonly number[]): Match {
  const type = ICMP_TYPE[protocol];
  return {
    kind: 'match',
    left: { kind: 'payload', base: like.base, protocol, field: 'type', offset: 0, bits: 8, type },
    operator: '==',
    right: {
      kind: 'set',
      elements: [...values]
        .sort((a, b) => a - b)
        .map((value) => ({
          key: { kind: 'integer', value, type },
          data: null,
          timeout: null,
          expires: null,
          comment: null,
          statements: [],
        })),
    },
  };
}
