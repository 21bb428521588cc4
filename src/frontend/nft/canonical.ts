import type { Family } from '../../rules/model.js';
import type { Expression, Match, Payload, Reject, Statement } from '../../rules/nft/model.js';
import { headersIn, protocolOf, TCP_OPTION } from './context.js';
import { headerProtocol } from './headers.js';

const TCP = 6;
const IPV4 = 2;
const IPV6 = 10;

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
  const shown = withoutDependencies(withDependencies(statements, family), family);
  // What nft listed stands in the order in which it lists it, also where it did not merge.
  return listed ? shown : inHeaderOrder(shown);
}

interface Pending {
  readonly index: number;
  readonly value: number;
}

function withoutDependencies(statements: readonly Statement[], family: Family): readonly Statement[] {
  const dropped = new Set<number>();
  let transport: Pending | null = null;
  let network: Pending | null = null;
  statements.forEach((statement, index) => {
    for (const header of statementHeaders(statement)) {
      const protocol = headerProtocol(header);
      // Whatever protocol was compared: `exthdr_dependency_kill()`, src/exthdr.c, looks at its layer only.
      if (transport && (header === TCP_OPTION || protocol === transport.value)) {
        dropped.add(transport.index);
        transport = null;
      }
      const version = header === 'ip' ? IPV4 : header === 'ip6' ? IPV6 : null;
      if (network && version !== null && version === network.value) {
        dropped.add(network.index);
        network = null;
      }
    }
    if (statement.kind === 'reject') {
      if (transport && statement.with === 'tcp reset' && transport.value === TCP && family !== 'inet')
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

/** Which matches nft takes for dependencies of what follows, by family. */
function isDependency(statement: Statement, family: Family): boolean {
  if (statement.kind !== 'match') return false;
  const { left } = statement;
  if (left.kind === 'meta')
    return left.key === 'l4proto' || left.key === 'nfproto' || (left.key === 'protocol' && family !== 'inet');
  if (left.kind !== 'payload') return false;
  if (left.protocol === 'ip') return family === 'ip';
  if (left.protocol === 'ip6') return family === 'ip6';
  return left.protocol === 'ether' && left.field === 'type' && (family === 'bridge' || family === 'netdev');
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

const ECHO_FIELDS = ['id', 'sequence'];
const ECHO = {
  icmp: { type: 'icmp_type', values: [0, 8] },
  icmpv6: { type: 'icmpv6_type', values: [128, 129] },
} as const;

/** What nft adds to a rule: the echo types of `icmp id`, the protocol of `reject with tcp reset`. */
function withDependencies(statements: readonly Statement[], family: Family): readonly Statement[] {
  const result: Statement[] = [];
  let hasType = false;
  let hasTransport = false;
  for (const statement of statements) {
    if (statement.kind === 'match') {
      const { left } = statement;
      const field = innerPayload(left);
      if (field && (field.protocol === 'icmp' || field.protocol === 'icmpv6')) {
        if (field.field === 'type') hasType = true;
        else if (!hasType && ECHO_FIELDS.includes(field.field ?? '')) {
          result.push(echoTypes(field.protocol, field));
          hasType = true;
        }
      }
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
      result.unshift({
        kind: 'match',
        left: { kind: 'meta', key: 'l4proto', bits: 8, type: 'inet_proto' },
        operator: '==',
        right: { kind: 'integer', value: TCP, type: 'inet_proto' },
      });
    result.push(statement);
  }
  return result;
}

function innerPayload(expression: Expression): Payload | undefined {
  if (expression.kind === 'binary') return innerPayload(expression.left);
  return expression.kind === 'payload' ? expression : undefined;
}

function echoTypes(protocol: 'icmp' | 'icmpv6', like: Payload): Match {
  const { type, values } = ECHO[protocol];
  return {
    kind: 'match',
    left: { kind: 'payload', base: like.base, protocol, field: 'type', offset: 0, bits: 8, type },
    operator: '==',
    right: {
      kind: 'set',
      elements: values.map((value) => ({
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

/**
 * Two equality matches of fields that touch become one comparison in the kernel (`rule_postprocess` in reverse:
 * `payload_try_merge()`, src/evaluate.c), and are listed in the header's order.
 */
function inHeaderOrder(statements: readonly Statement[]): readonly Statement[] {
  const result = [...statements];
  for (let i = 0; i + 1 < result.length; i++) {
    const [a, b] = [mergeable(result[i]), mergeable(result[i + 1])];
    if (!a || !b || a.protocol !== b.protocol || b.offset + b.bits !== a.offset || a.bits + b.bits > 128)
      continue;
    [result[i], result[i + 1]] = [result[i + 1], result[i]];
  }
  return result;
}

function mergeable(statement: Statement): Payload | undefined {
  if (statement.kind !== 'match' || statement.operator !== '==' || statement.left.kind !== 'payload')
    return undefined;
  const { left, right } = statement;
  const single = right.kind === 'integer' || right.kind === 'address' || right.kind === 'bytes';
  return single && left.offset % 8 === 0 && left.bits % 8 === 0 && left.protocol !== null ? left : undefined;
}
