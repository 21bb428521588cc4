import type { Diagnostics } from '../../../source/diagnostic.js';
import {
  type KeyField,
  type NftSet,
  type NftTable,
  type ObjectType,
  type SetElement,
  type SetFlag,
  type Statement,
} from '../../../rules/nft/model.js';
import { DATA_TYPES, type DataType } from '../../../rules/nft/types.js';
import { RuleContext } from '../context.js';
import { readElementStatements } from './elementStatements.js';
import { readElements, readExpression, readTime } from './expressions.js';
import { placeOf, positionOf, type Token } from './lexer.js';
import type { RawElement } from './raw.js';
import { fieldsOf, resolveElement } from './resolve.js';
import { normalised } from './setOrder.js';
import { Refusal, reportRefusal, type TokenStream } from './stream.js';

const OBJECT_TYPES: readonly string[] = ['counter', 'quota', 'limit', 'secmark', 'synproxy'];
const CT_OBJECTS: readonly string[] = ['timeout', 'expectation'];
const OTHER_NAMES: Record<string, DataType | undefined> = {
  cgroupsv2: 'cgroupv2',
  time: 'time',
  icmpv6_code: 'icmpv6_code',
};

export function dataType(name: string): DataType | undefined {
  return OTHER_NAMES[name] ?? (Object.hasOwn(DATA_TYPES, name) ? (name as DataType) : undefined);
}

/** The type's name as nft has it. */
export function typeName(type: DataType): string {
  return type === 'cgroupv2' ? 'cgroupsv2' : type;
}

export function fieldOfType(name: string): KeyField | undefined {
  const type = dataType(name);
  return type && { type, bits: DATA_TYPES[type].bits };
}

/** What a set is while its block is read; `NftSet` when done. */
type Draft = { -readonly [K in keyof NftSet]: NftSet[K] };

export function emptySet(name: string, map: boolean): Draft {
  return {
    name,
    handle: null,
    map,
    key: [],
    typeofKey: null,
    data: null,
    typeofData: null,
    dataInterval: false,
    flags: [],
    timeout: null,
    gcInterval: null,
    size: null,
    policy: null,
    autoMerge: false,
    comment: null,
    statements: [],
    elements: [],
    position: null,
  };
}

const FLAG_ORDER: readonly SetFlag[] = ['constant', 'dynamic', 'interval', 'timeout'];

export function orderedFlags(flags: ReadonlySet<string>): SetFlag[] {
  return FLAG_ORDER.filter((f) => flags.has(f));
}

/** What nft asks for where a set that rules fill was given no size. */
const DYNAMIC_SIZE = 65_535;

/** What a set becomes where a rule fills it: it has a size, and is dynamic if it is no map (`stmt_evaluate_set()`, src/evaluate.c of nftables). */
function filled(set: NftSet): NftSet {
  const flags = new Set<string>(set.map ? set.flags : [...set.flags, 'dynamic']);
  return { ...set, size: set.size ?? DYNAMIC_SIZE, flags: orderedFlags(flags) };
}

/** Makes the sets of a table that its rules fill such sets. */
export function fillSets(table: NftTable): void {
  for (const chain of table.chains.values())
    for (const rule of chain.rules)
      for (const statement of rule.statements) {
        if (statement.kind !== 'setUpdate' || statement.meterSize !== undefined) continue;
        const set = table.sets.get(statement.set);
        if (set) table.sets.set(set.name, filled(set));
      }
}

/** The block of a set or map, from its brace on. */
export function readSet(
  stream: TokenStream,
  name: Token,
  map: boolean,
  table: NftTable,
  diagnostics: Diagnostics,
): NftSet {
  const set = emptySet(name.text, map);
  set.position = positionOf(name);
  const flags = new Set<string>();
  const statements: Statement[] = [];
  const raw: RawElement[] = [];
  let isWhole = true;
  stream.expectSign('{');
  for (stream.skipSeparators(); !stream.takeSign('}'); stream.skipSeparators()) {
    if (stream.atEnd()) stream.fail('"}"');
    try {
      readProperty();
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      reportRefusal(refusal, diagnostics);
      stream.skipStatement();
      isWhole = false;
    }
  }
  if (set.key.length === 0 && isWhole)
    diagnostics.error(`${map ? 'map' : 'set'} definition does not specify key`, placeOf(name));
  if (set.timeout !== null) flags.add('timeout');
  set.flags = orderedFlags(flags);
  set.statements = statements;
  addElements(set, raw, diagnostics, stream.listed);
  return set;

  function readProperty(): void {
    const word = stream.peek();
    switch (word.text) {
      case 'type':
      case 'typeof':
        stream.next();
        if (word.text === 'type') readType(stream, set);
        else readTypeof(stream, set, table);
        return;
      case 'flags':
        stream.next();
        do flags.add(stream.expectWord('constant', 'interval', 'timeout', 'dynamic'));
        while (stream.takeSign(','));
        return;
      case 'timeout':
        stream.next();
        set.timeout = readTime(stream);
        return;
      case 'gc-interval':
        stream.next();
        set.gcInterval = readTime(stream);
        return;
      case 'size':
        stream.next();
        set.size = stream.expectNumber();
        return;
      case 'policy': {
        stream.next();
        const policy = stream.expectWord('performance', 'memory');
        set.policy = policy === 'memory' ? 'memory' : null;
        return;
      }
      case 'auto-merge':
        stream.next();
        set.autoMerge = true;
        return;
      case 'comment':
        stream.next();
        set.comment = stream.expectString();
        return;
      case 'elements':
        stream.next();
        stream.expectSign('=');
        stream.skipLines();
        for (const element of readElements(stream)) raw.push(element);
        return;
      default: {
        let statement = readElementStatements(stream);
        if (!statement) stream.fail('a property of a set');
        for (; statement; statement = readElementStatements(stream)) statements.push(statement);
      }
    }
  }
}

/** Elements given their types, behind those that are there; what cannot be read is reported. */
export function addElements(
  set: NftSet,
  raw: readonly RawElement[],
  diagnostics: Diagnostics,
  listed: boolean,
): void {
  const data = dataFields(set);
  for (const element of raw)
    try {
      if (!listed) checkStatements(element, set);
      for (const one of resolveElement(element, set.key, data)) set.elements.push(withStatements(one, set));
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      reportRefusal(refusal, diagnostics);
    }
}

/** An element has the statements of its set or none, unless the set is dynamic (`expr_evaluate_set_elem()`, src/evaluate.c). */
function checkStatements({ key, statements }: RawElement, set: NftSet): void {
  const [own, all] = [statements, set.statements];
  if (own.length === 0) return;
  if (all.length === 0) {
    if (!set.flags.includes('dynamic'))
      throw new Refusal(`missing statement in ${set.map ? 'map' : 'set'} declaration`, key.at);
    return;
  }
  if (own.length !== all.length)
    throw new Refusal(
      `number of statements mismatch, set expects ${all.length} but element has ${own.length}`,
      key.at,
    );
  const other = own.findIndex((s, i) => s.kind !== all[i].kind);
  if (other >= 0)
    throw new Refusal(
      `statement mismatch, element expects ${own[other].kind}, but set has type ${all[other].kind}`,
      key.at,
    );
}

/** What a set says for every element stands in each that says nothing itself (`nft_set_elem_expr_setup()`, net/netfilter/nf_tables_api.c). */
function withStatements(element: SetElement, { statements }: NftSet): SetElement {
  if (statements.length === 0 || element.statements.length > 0) return element;
  return { ...element, statements: statements.map((s) => ({ ...s })) };
}

/** Brings a set's elements into the order in which nft lists them, once all are there. */
export function orderElements(set: NftSet, diagnostics: Diagnostics, listed: boolean): void {
  const interval = set.flags.includes('interval');
  try {
    set.elements = [...normalised(set.elements, { fields: set.key, interval, merge: set.autoMerge, listed })];
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    diagnostics.error(`${refusal.message} in ${set.name}`, set.position ? { position: set.position } : {});
  }
}

/** What the data of a map's elements is read as; null of a set. */
export function dataFields(set: NftSet): readonly KeyField[] | null {
  if (!set.map) return null;
  return typeof set.data === 'string' ? [{ type: 'string', bits: 0 }] : set.data;
}

function readType(stream: TokenStream, set: Draft): void {
  set.key = readFields(stream);
  if (!stream.takeSign(':')) {
    if (set.map) stream.fail('":"');
    return;
  }
  if (stream.isWord('ct')) {
    stream.next();
    const kind = stream.expectWord('helper', 'timeout', 'expectation');
    set.data = `ct ${kind}` as ObjectType;
    return;
  }
  set.dataInterval = stream.takeWord('interval');
  if (OBJECT_TYPES.includes(stream.peek().text)) set.data = stream.next().text as ObjectType;
  else set.data = readFields(stream);
}

function readFields(stream: TokenStream): KeyField[] {
  const fields: KeyField[] = [];
  do {
    const token = stream.peek();
    const field = fieldOfType(token.text);
    if (token.kind !== 'word' || !field) stream.refuse(`unknown datatype ${token.text.trim()}`, token);
    stream.next();
    fields.push(field);
  } while (stream.takeSign('.'));
  return fields;
}

function readTypeof(stream: TokenStream, set: Draft, table: NftTable): void {
  set.typeofKey = readTypeofExpression(stream, table);
  set.key = fieldsOf(set.typeofKey);
  if (!stream.takeSign(':')) return;
  set.dataInterval = stream.takeWord('interval');
  if (stream.takeWord('verdict')) set.data = [{ type: 'verdict', bits: 0 }];
  else if (OBJECT_TYPES.includes(stream.peek().text)) set.data = stream.next().text as ObjectType;
  else if (stream.isWord('ct') && CT_OBJECTS.includes(stream.peek(1).text) && !stream.isWord('id', 2)) {
    stream.next();
    set.data = `ct ${stream.next().text}` as ObjectType;
  } else if (stream.takeWord('queue')) set.data = [{ type: 'integer', bits: 16 }];
  else if (fieldOfType(stream.peek().text)) set.data = readFields(stream);
  else {
    set.typeofData = readTypeofExpression(stream, table);
    set.data = fieldsOf(set.typeofData);
  }
}

/** The parts need not be readable in one packet: each is read for itself. */
function readTypeofExpression(stream: TokenStream, table: NftTable): NonNullable<NftSet['typeofKey']> {
  return readExpression(stream, new TypeofContext(table.family));
}

class TypeofContext extends RuleContext {
  override enter(): undefined {
    return undefined;
  }

  override knowsTransport(): boolean {
    return true;
  }
}
