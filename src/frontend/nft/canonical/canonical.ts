import type { Family } from '../../../rules/model.js';
import type { Expression, Match, Payload, Statement } from '../../../rules/nft/model.js';
import { Protocol } from '../../../packet/numbers.js';
import { messageTypes } from '../../../rules/nft/eval/payload.js';
import { isProtocol, joinAdjacent, joinBounds } from './adjacent.js';
import { headersIn, protocolOf } from '../context.js';
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

/** What nft adds to a rule and lists: the echo types of `icmp id`, the protocol of `reject with tcp reset`. */
function withDependencies(statements: readonly Statement[], family: Family): readonly Statement[] {
  const result: Statement[] = [];
  let hasType = false;
  let hasVlan = false;
  let hasTransport = false;
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
        if (tag && !result.some((s) => JSON.stringify(s) === JSON.stringify(tag))) result.push(tag);
      }
    }
    if (statement.kind === 'match') {
      const { left } = statement;
      const field = innerPayload(left);
      if ((field?.protocol === 'icmp' || field?.protocol === 'icmpv6') && field.field === 'type')
        hasType = true;
      if (
        protocolOf(statement)?.layer === 'transport' ||
        headersIn(left).some((h) => headerProtocol(h) !== null)
      )
        hasTransport = true;
    }
    if (
      statement.kind === 'reject' &&
      statement.with === 'tcp reset' &&
      !hasTransport &&
      family !== 'ip' &&
      family !== 'ip6'
    )
      result.unshift(isProtocol(Protocol.tcp));
    result.push(statement);
  }
  return result;
}

const VLAN = 0x8100;

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
