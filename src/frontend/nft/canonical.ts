import type { Family } from '../../rules/model.js';
import type { Expression, IntegerValue, Match, Payload, Reject, Statement } from '../../rules/nft/model.js';
import { Protocol } from '../../packet/numbers.js';
import { messageTypes } from '../../rules/nft/eval/payload.js';
import { isProtocol, joinAdjacent, joinBounds } from './adjacent.js';
import { headersIn, protocolOf, TCP_OPTION } from './context.js';
import { headerProtocol } from './headers.js';
import { etherType, inWholeBytes } from './partialBytes.js';

const IPV4 = 2;
const IPV6 = 10;
/** What `protocolOf` says of the packets that have these headers. */
const VERSIONS = new Map([
  ['ip', IPV4],
  ['ip6', IPV6],
  ['icmp', IPV4],
  ['icmpv6', IPV6],
  ['vlan', -0x8100],
  ['arp', -0x806],
]);

/**
 * A rule's statements as nft lists them after they went through the kernel: matches that only say which protocol a later
 * header field needs are left out (`payload_dependency_kill()`, src/payload.c), fields that stand side by side are in the
 * order of the header, ICMP fields have their types.
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

interface Pending {
  readonly index: number;
  readonly value: number;
}

function withoutDependencies(statements: readonly Statement[], family: Family): readonly Statement[] {
  const dropped = new Set<number>();
  let transport: Pending | null = null;
  let network: Pending | null = null;
  let message: Pending | null = null;
  statements.forEach((statement, index) => {
    // `icmp type redirect` before `icmp gateway`, which no other message has.
    for (const field of payloadsOf(statement)) {
      const types = messageTypes(field);
      if (message && types?.length === 1 && types[0] === message.value) {
        dropped.add(message.index);
        message = null;
      }
    }
    if (isMessageType(statement)) message = { index, value: statement.right.value };
    else if (statement.kind !== 'match') message = null;
    const version = messageVersion(statement);
    if (network && version !== null && version === network.value) {
      dropped.add(network.index);
      network = null;
    }
    for (const header of statementHeaders(statement)) {
      const protocol = headerProtocol(header);
      // Whatever protocol was compared: `exthdr_dependency_kill()`, src/exthdr.c, looks at its layer only.
      if (transport && (header === TCP_OPTION || protocol === transport.value)) {
        dropped.add(transport.index);
        transport = null;
      }
      const version = VERSIONS.get(header) ?? null;
      if (network && version !== null && version === network.value && !isVlanType(statement)) {
        dropped.add(network.index);
        network = null;
      }
    }
    if (statement.kind === 'reject') {
      if (
        transport &&
        statement.with === 'tcp reset' &&
        transport.value === Protocol.tcp &&
        family !== 'inet'
      )
        dropped.add(transport.index);
      if (network && rejectVersion(statement) === network.value) dropped.add(network.index);
    }
    const said = isDependency(statement, family) ? protocolOf(statement) : undefined;
    if (said?.layer === 'transport') transport = { index, value: said.value };
    else if (said) network = { index, value: said.value };
    else if (statement.kind !== 'match') {
      transport = null;
      network = null;
    }
  });
  return dropped.size === 0 ? statements : statements.filter((_, i) => !dropped.has(i));
}

/** The version of IP whose messages `meta l4proto icmp` names (`ct_meta_common_postprocess()`, src/netlink_delinearize.c). */
function messageVersion(statement: Statement): number | null {
  if (statement.kind !== 'match' || statement.left.kind !== 'meta' || statement.left.key !== 'l4proto')
    return null;
  const said = protocolOf(statement)?.value;
  return said === Protocol.icmp ? IPV4 : said === Protocol.icmpv6 ? IPV6 : null;
}

/** Which matches nft takes for dependencies of what follows, by family. */
function isDependency(statement: Statement, family: Family): boolean {
  if (statement.kind !== 'match') return false;
  const { left } = statement;
  if (left.kind === 'meta')
    return left.key === 'l4proto' || left.key === 'nfproto' || (left.key === 'protocol' && family !== 'inet');
  if (left.kind === 'ct')
    return left.key === 'l3proto' && (family === 'ip' || family === 'ip6' || family === 'inet');
  if (left.kind !== 'payload') return false;
  if (left.protocol === 'ip') return family === 'ip';
  if (left.protocol === 'ip6') return family === 'ip6';
  const link = left.protocol === 'ether' || left.protocol === 'vlan';
  return link && left.field === 'type' && family !== 'arp';
}

function isMessageType(statement: Statement): statement is Match & { right: IntegerValue } {
  return (
    statement.kind === 'match' &&
    statement.operator === '==' &&
    statement.left.kind === 'payload' &&
    statement.left.field === 'type' &&
    (statement.left.protocol === 'icmp' || statement.left.protocol === 'icmpv6') &&
    statement.right.kind === 'integer'
  );
}

function rejectVersion(reject: Reject): number | null {
  return reject.with === 'icmp' ? IPV4 : reject.with === 'icmpv6' ? IPV6 : null;
}

function statementHeaders(statement: Statement): string[] {
  switch (statement.kind) {
    case 'match':
      return headersIn(statement.left);
    case 'vmap':
      return headersIn(statement.key);
    case 'mangle':
      return [
        ...headersIn(statement.value),
        ...(statement.target.kind === 'tcpOption' ? [] : headersIn(statement.target)),
      ];
    case 'setUpdate':
      return [...headersIn(statement.key), ...(statement.data ? headersIn(statement.data) : [])];
    case 'nat':
      // Only before an address: nft lists `meta l4proto tcp redirect to :tcp dport map { … }` whole.
      return statement.address ? headersIn(statement.address) : [];
    case 'objref':
      return typeof statement.name === 'string' ? [] : headersIn(statement.name);
    case 'dup':
      return statement.address ? headersIn(statement.address) : [];
    case 'queue':
      return headersIn(statement.to);
    default:
      return [];
  }
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
        const shown = (family === 'bridge' || family === 'netdev') && isVlanType(statement);
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
