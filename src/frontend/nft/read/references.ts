import {
  type Expression,
  type KeyField,
  type NftChain,
  type NftRule,
  type NftSet,
  type NftTable,
  objectKey,
  type ObjectType,
  type SetElement,
  type SetExpression,
  type SetReference,
  type SetUpdate,
  type Statement,
  type Verdict,
} from '../../../rules/nft/model.js';
import { placeOf, type Token } from './lexer.js';
import { fieldsOf } from './resolve.js';
import { typeName } from './sets.js';
import type { Extent, Workspace } from './workspace.js';

/** What is wrong with a name in a rule. */
interface Wrong {
  readonly name: string;
  readonly message: string;
  /** It is of another kind than it has to be. */
  readonly isThere?: boolean;
}

/**
 * Says which rules name sets, chains and objects that their table has not, or that are of another type. Rules may name
 * what comes after them, so that this is known only when all is read. Of what was listed a part may have been left out.
 */
export function checkReferences(space: Workspace): void {
  for (const table of space.ruleset.tables) {
    const meters = new Set<string>(table.sets.keys());
    for (const chain of table.chains.values())
      for (const rule of chain.rules) {
        const extent = space.extents.get(rule);
        if (!extent) continue;
        checkRule(space, table, chain, rule, extent);
        if (!space.listed) checkMeters(space, rule, meters, extent);
      }
  }
}

/** A meter is a set of its own: the kernel takes none with the name of another. */
function checkMeters(space: Workspace, rule: NftRule, names: Set<string>, extent: Extent): void {
  for (const statement of rule.statements)
    if (statement.kind === 'setUpdate' && statement.meterSize !== undefined) {
      const { set } = statement;
      if (names.has(set))
        space.diagnostics.error(
          `there is a set or meter ${set} already`,
          placeOf(tokenOf(space, set, extent)),
        );
      names.add(set);
    }
}

function checkRule(space: Workspace, table: NftTable, chain: NftChain, rule: NftRule, extent: Extent): void {
  for (const statement of rule.statements)
    for (const { name, message, isThere } of wrongIn(statement, table)) {
      // What was listed the kernel has taken.
      if (space.listed && isThere) continue;
      const place = placeOf(tokenOf(space, name, extent));
      if (space.listed) space.diagnostics.warning(`${message} in ${chain.name}`, place);
      else space.diagnostics.error(message, place);
    }
}

/** Where the name stands in the rule; a variable may stand for it. */
function tokenOf({ stream }: Workspace, name: string, { from, to }: Extent): Token {
  for (let i = from; i < to; i++) {
    const token = stream.at(i);
    if (token.text === name && (token.kind === 'word' || token.kind === 'string' || token.kind === 'number'))
      return token;
  }
  return stream.at(from);
}

function* wrongIn(statement: Statement, table: NftTable): Iterable<Wrong> {
  switch (statement.kind) {
    case 'match':
      yield* lookups(statement.left, table);
      if (statement.right.kind === 'setReference')
        yield* setOfKey(statement.right, fieldsOf(statement.left), table);
      return;
    case 'vmap':
      yield* lookups(statement.key, table);
      yield* verdictMap(statement.map, keyFields(statement.key), table);
      return;
    case 'verdict':
      yield* jumpTo(statement.verdict, table);
      return;
    case 'objref': {
      const { name, object } = statement;
      if (typeof name === 'string') yield* objectOf(object, name, table);
      else {
        yield* lookups(name, table);
        if (name.map.kind === 'set')
          for (const { data } of name.map.elements)
            if (data?.kind === 'string') yield* objectOf(object, data.value, table);
      }
      return;
    }
    case 'setUpdate':
      yield* updates(statement, table);
      return;
    case 'flowAdd':
      if (!table.flowtables.has(statement.flowtable))
        yield { name: statement.flowtable, message: `there is no flowtable ${statement.flowtable}` };
      return;
    case 'mangle':
      yield* lookups(statement.value, table);
      return;
    case 'nat':
    case 'tproxy':
      if (statement.address) yield* lookups(statement.address, table);
      if (statement.port) yield* lookups(statement.port, table);
      return;
    case 'queue':
      yield* lookups(statement.to, table);
      return;
    case 'dup':
    case 'fwd':
      if (statement.address) yield* lookups(statement.address, table);
      if (statement.device) yield* lookups(statement.device, table);
      return;
    default:
  }
}

function* objectOf(object: ObjectType, name: string, table: NftTable): Iterable<Wrong> {
  if (!table.objects.has(objectKey(object, name)))
    yield { name, message: `there is no ${object} ${name} in table ${table.family} ${table.name}` };
}

function* jumpTo(verdict: Verdict, table: NftTable): Iterable<Wrong> {
  if (!('chain' in verdict)) return;
  const chain = table.chains.get(verdict.chain);
  if (!chain) yield { name: verdict.chain, message: `there is no chain ${verdict.chain}` };
  else if (chain.base)
    yield {
      name: verdict.chain,
      message: `${verdict.chain} is called by a hook: no rule can jump to it`,
      isThere: true,
    };
}

/** Named maps that an expression looks into. */
function* lookups(expression: Expression, table: NftTable): Iterable<Wrong> {
  switch (expression.kind) {
    case 'map':
      yield* lookups(expression.key, table);
      if (expression.map.kind === 'setReference')
        yield* setOfKey(expression.map, keyFields(expression.key), table);
      return;
    case 'binary':
      yield* lookups(expression.left, table);
      yield* lookups(expression.right, table);
      return;
    case 'concat':
      for (const part of expression.parts) yield* lookups(part, table);
      return;
    case 'hash':
      if (expression.expression) yield* lookups(expression.expression, table);
      return;
    default:
  }
}

function* verdictMap(
  map: SetExpression | SetReference,
  fields: readonly KeyField[],
  table: NftTable,
): Iterable<Wrong> {
  if (map.kind === 'setReference') {
    yield* setOfKey(map, fields, table);
    const set = table.sets.get(map.name);
    if (set && !isVerdictMap(set))
      yield { name: map.name, message: `${map.name} is no map to verdicts`, isThere: true };
  }
  const elements: readonly SetElement[] =
    map.kind === 'set' ? map.elements : (table.sets.get(map.name)?.elements ?? []);
  for (const { data } of elements) if (data?.kind === 'verdict') yield* jumpTo(data.verdict, table);
}

function isVerdictMap({ data }: NftSet): boolean {
  return data !== null && typeof data !== 'string' && data[0]?.type === 'verdict';
}

function* setOfKey({ name }: SetReference, fields: readonly KeyField[], table: NftTable): Iterable<Wrong> {
  const set = table.sets.get(name);
  if (!set) yield { name, message: `there is no set ${name} in table ${table.family} ${table.name}` };
  else if (!areSameTypes(fields, set.key))
    yield {
      name,
      message: `datatype mismatch, expected ${typesText(fields)}, expression has type ${typesText(set.key)}`,
      isThere: true,
    };
}

/** What a key is of; bytes of a header out of which a field is shifted are of the field's type, where that is known. */
function keyFields(key: Expression): readonly KeyField[] {
  let inner = key;
  while (inner.kind === 'binary') inner = inner.left;
  if (inner === key || inner.kind !== 'payload' || inner.protocol !== null) return fieldsOf(key);
  return inner.type === 'integer' ? [] : [{ type: inner.type, bits: inner.bits }];
}

/** Whether a set of these fields can be asked for those; where a field is not known, nobody can tell. */
function areSameTypes(a: readonly KeyField[], b: readonly KeyField[]): boolean {
  if (a.length === 0 || b.length === 0) return true;
  return a.length === b.length && a.every(({ type }, i) => type === b[i].type);
}

function typesText(fields: readonly KeyField[]): string {
  const names = fields.map((f) => typeName(f.type)).join(', ');
  return fields.length === 1 ? names : `concatenation of (${names})`;
}

function* updates(update: SetUpdate, table: NftTable): Iterable<Wrong> {
  const { set: name, key, data, timeout, statements } = update;
  yield* lookups(key, table);
  if (update.meterSize !== undefined) return;
  yield* setOfKey({ kind: 'setReference', name }, fieldsOf(key), table);
  const set = table.sets.get(name);
  if (!set) return;
  // `nft_dynset_init()` (net/netfilter/nft_dynset.c).
  if (timeout !== null && !set.flags.includes('timeout'))
    yield { name, message: `the elements of ${name} have no timeouts`, isThere: true };
  if (set.flags.includes('timeout') && statements.some((s) => s.kind === 'connlimit'))
    yield {
      name,
      message: `the elements of ${name} have timeouts, which ct count cannot be with`,
      isThere: true,
    };
  if (set.map && !data)
    yield { name, message: `${name} is a map: an element of it needs data`, isThere: true };
  if (!set.map && data)
    yield { name, message: `${name} is no map: its elements have no data`, isThere: true };
  if (data) yield* lookups(data, table);
}
