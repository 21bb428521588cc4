import type { Field } from '../../definition.js';
import { isConstant } from '../constant.js';
import type {
  Ct,
  Expression,
  Meta,
  NftTable,
  Payload,
  SetExpression,
  SetReference,
  Statement,
} from '../model.js';

/**
 * The fields that a statement's answer hangs on, where it hangs on nothing else and asking changes nothing; what it
 * counts aside. null: it remembers, acts, or reads more than is told here.
 */
export function lastingFields(statement: Statement, table: NftTable): readonly Field[] | null {
  switch (statement.kind) {
    case 'verdict':
    case 'counter':
      return [];
    case 'objref':
      return isCounter(statement) ? [] : null;
    case 'match':
      return all([statement.left, statement.right], table);
    case 'vmap':
      return all([statement.key, statement.map], table);
    default:
      return null;
  }
}

/** A counter of the rule, or one of the table that it names. */
export function isCounter(statement: Statement): boolean {
  if (statement.kind === 'objref')
    return statement.object === 'counter' && typeof statement.name === 'string';
  return statement.kind === 'counter';
}

function all(expressions: readonly Expression[], table: NftTable): readonly Field[] | null {
  const fields: Field[] = [];
  for (const expression of expressions) {
    const found = fieldsOf(expression, table);
    if (!found) return null;
    fields.push(...found);
  }
  return fields;
}

function fieldsOf(expression: Expression, table: NftTable): readonly Field[] | null {
  switch (expression.kind) {
    case 'concat':
      return all(expression.parts, table);
    case 'binary':
      return all([expression.left, expression.right], table);
    case 'set':
    case 'setReference':
      return isFixed(expression, table) ? [] : null;
    case 'payload':
      return PAYLOADS.get(payloadName(expression)) ?? null;
    case 'meta':
      return METAS.get((expression satisfies Meta).key) ?? null;
    case 'ct':
      return CONNTRACKS.get((expression satisfies Ct).key) ?? null;
    default:
      return isConstant(expression) ? [] : null;
  }
}

/** Neither packets nor time change what the set holds, and being found in it counts nothing. */
function isFixed(of: SetExpression | SetReference, table: NftTable): boolean {
  if (of.kind === 'set') return of.elements.every((e) => e.statements.length === 0 && e.timeout === null);
  const set = table.sets.get(of.name);
  return (
    set !== undefined &&
    set.timeout === null &&
    !set.flags.includes('timeout') &&
    !set.flags.includes('dynamic') &&
    set.statements.length === 0 &&
    set.elements.every((e) => e.statements.length === 0 && e.timeout === null && e.expires === null) &&
    !updatedSets(table).has(of.name)
  );
}

const updated = new WeakMap<NftTable, ReadonlySet<string>>();

/** The sets that rules of the table add to or delete from. */
function updatedSets(table: NftTable): ReadonlySet<string> {
  let names = updated.get(table);
  if (!names) {
    const found = new Set<string>();
    for (const { rules } of table.chains.values())
      for (const { statements } of rules)
        for (const statement of statements) if (statement.kind === 'setUpdate') found.add(statement.set);
    updated.set(table, (names = found));
  }
  return names;
}

function payloadName({ protocol, field }: Payload): string {
  return `${protocol ?? ''} ${field ?? ''}`;
}

const PORTED = ['tcp', 'udp', 'udplite', 'sctp', 'th'];

const PAYLOADS: ReadonlyMap<string, readonly Field[]> = new Map<string, readonly Field[]>([
  ['ip saddr', ['ip.source']],
  ['ip6 saddr', ['ip.source']],
  ['ip daddr', ['ip.destination']],
  ['ip6 daddr', ['ip.destination']],
  ['ip protocol', ['ip.protocol']],
  ['tcp flags', ['tcp.flags']],
  ...PORTED.flatMap((name): [string, Field[]][] => [
    [`${name} sport`, ['sourcePort']],
    [`${name} dport`, ['destinationPort']],
  ]),
]);

const METAS: ReadonlyMap<string, readonly Field[]> = new Map<string, readonly Field[]>([
  ['l4proto', ['ip.protocol']],
  ['nfproto', []],
  ['protocol', []],
  ['mark', ['mark']],
  ['pkttype', ['packetType']],
  ['iif', ['in']],
  ['iifname', ['in']],
  ['iiftype', ['in']],
  ['oif', ['out']],
  ['oifname', ['out']],
  ['oiftype', ['out']],
]);

const CONNTRACKS: ReadonlyMap<string, readonly Field[]> = new Map<string, readonly Field[]>([
  ['state', ['ct.state']],
  ['direction', ['ct.direction']],
  ['status', ['ct.status']],
  ['l3proto', ['ct.tuple']],
  ['protocol', ['ct.tuple']],
  ['saddr', ['ct.tuple']],
  ['daddr', ['ct.tuple']],
  ['proto-src', ['ct.tuple']],
  ['proto-dst', ['ct.tuple']],
]);
