import { parseAddress } from '../../../address/ip.js';
import type { BinaryOperator, Expression, KeyField, Verdict } from '../../../rules/nft/model.js';
import type { RuleContext } from '../context.js';
import { withoutShownShift } from '../canonical/partialBytes.js';
import { payloadField } from '../headers.js';
import type { Raw, RawElement } from './raw.js';
import { readSelector } from './readSelector.js';
import { combine, fieldsOf, resolve } from './resolve.js';
import { readElementStatements } from './elementStatements.js';
import { DEEPEST, type TokenStream } from './stream.js';
import { parseTime } from '../time.js';

const OPERATORS: readonly (readonly (readonly [string, BinaryOperator])[])[] = [
  [
    ['|', '|'],
    ['or', '|'],
  ],
  [
    ['^', '^'],
    ['xor', '^'],
  ],
  [
    ['&', '&'],
    ['and', '&'],
  ],
  [
    ['<<', '<<'],
    ['>>', '>>'],
    ['lshift', '<<'],
    ['rshift', '>>'],
  ],
];

function takeOperator(stream: TokenStream, level: number): BinaryOperator | undefined {
  const token = stream.peek();
  if (token.kind !== 'sign' && token.kind !== 'word') return undefined;
  const found = OPERATORS[level].find(([text]) => text === token.text);
  if (!found) return undefined;
  stream.next();
  return found[1];
}

/** A concatenation has at most 16 registers of 32 bits (NFT_REG32_COUNT, linux/netfilter/nf_tables.h). */
const MOST_FIELDS = 16;

/** A left side: selectors, operations with constants, concatenations, in which constants may stand. */
export function readExpression(stream: TokenStream, context: RuleContext): Expression {
  const first = readLeftOperation(stream, context, 0);
  if (!stream.isSign('.')) return first;
  return readMoreParts(stream, context, [asListed(first, stream)], () => undefined);
}

/** The key of what a rule puts into a set: constants are of the set's types. */
export function readKey(stream: TokenStream, context: RuleContext, set: string): Expression {
  const fields = context.setKey(set);
  const first = readNamedConstant(stream, context, fields?.[0]) ?? readPart(stream, context);
  return stream.isSign('.') ? readMoreParts(stream, context, [first], (at) => fields?.[at]) : first;
}

function readMoreParts(
  stream: TokenStream,
  context: RuleContext,
  parts: Expression[],
  fieldAt: (index: number) => KeyField | undefined,
): Expression {
  while (stream.takeSign('.')) {
    if (parts.length === MOST_FIELDS) stream.refuse('Concatenation exceeds maximum size of 512 bits');
    parts.push(readNamedConstant(stream, context, fieldAt(parts.length)) ?? readPart(stream, context));
  }
  return { kind: 'concat', parts };
}

function readPart(stream: TokenStream, context: RuleContext): Expression {
  return asListed(readLeftOperation(stream, context, 0), stream);
}

function asListed(part: Expression, { listed }: TokenStream): Expression {
  return listed ? withoutShownShift(part) : part;
}

/** Also one that has a name, where that is no selector's. */
function readNamedConstant(
  stream: TokenStream,
  context: RuleContext,
  field: KeyField | undefined,
): Expression | undefined {
  if (!field || stream.peek().kind !== 'word') return readConstant(stream, field);
  const place = stream.place;
  const selector = readSelector(stream, context);
  stream.returnTo(place);
  return selector ? undefined : resolve(readRawPrimary(stream, null), [field]);
}

/** Without a field, of the type that it looks like. */
function readConstant(stream: TokenStream, field?: KeyField): Expression | undefined {
  const { kind, text } = stream.peek();
  if (kind !== 'number' && kind !== 'address' && kind !== 'string') return undefined;
  return resolve(readRawPrefix(stream, null), [field ?? fieldLike(kind, text)]);
}

function fieldLike(kind: 'number' | 'address' | 'string', text: string): KeyField {
  if (kind === 'number') return { type: 'integer', bits: 32 };
  if (kind === 'string' && !parseAddress(text)) return { type: 'ifname', bits: 128 };
  if (text.includes('.') && !text.includes(':')) return { type: 'ipv4_addr', bits: 32 };
  return /^[\da-f]{1,2}(?::[\da-f]{1,2}){5}$/i.test(text)
    ? { type: 'ether_addr', bits: 48 }
    : { type: 'ipv6_addr', bits: 128 };
}

function readLeftOperation(stream: TokenStream, context: RuleContext, level: number): Expression {
  if (level === OPERATORS.length) return readLeftPrimary(stream, context);
  let left = readLeftOperation(stream, context, level + 1);
  let count = 0;
  for (let operator = takeOperator(stream, level); operator; operator = takeOperator(stream, level)) {
    if (++count > DEEPEST) stream.refuse('too many operations');
    const shift = operator === '<<' || operator === '>>';
    const raw = readRawOperation(stream, null, level + 1);
    const fields = shift ? [{ type: 'integer', bits: 32 } as const] : fieldsOf(left);
    left = combine(operator, left, resolve(raw, fields));
  }
  return left;
}

function readLeftPrimary(stream: TokenStream, context: RuleContext): Expression {
  if (stream.takeSign('(')) {
    const inner = stream.nested(() => readExpression(stream, context));
    stream.expectSign(')');
    return inner;
  }
  const start = stream.peek();
  const selector = readSelector(stream, context);
  if (selector) return selector;
  if (start.kind === 'word') return stream.refuse(`${start.text} is no expression or statement`, start);
  return stream.fail(undefined, start);
}

/** A right side, not yet typed. With a context selectors may stand in it (`meta mark set ct mark & 1`). */
export function readRaw(stream: TokenStream, context: RuleContext | null): Raw {
  const at = stream.peek();
  const first = readRawConcat(stream, context);
  if (!stream.isSign(',')) return first;
  const items = [first];
  while (stream.takeSign(',')) {
    stream.skipLines();
    items.push(readRawConcat(stream, context));
  }
  return { node: 'list', items, at };
}

export function readRawConcat(stream: TokenStream, context: RuleContext | null): Raw {
  const at = stream.peek();
  const first = readRawRange(stream, context);
  const joined = stream.isSign('.');
  const parts = [first];
  while (stream.takeSign('.')) parts.push(readRawRange(stream, context));
  const whole: Raw = joined ? { node: 'concat', parts, at } : first;
  if (context && stream.isWord('map')) {
    stream.next();
    return { node: 'map', key: whole, map: readMapRaw(stream), at };
  }
  return whole;
}

function readMapRaw(stream: TokenStream): Raw {
  const raw = readRawPrimary(stream, null);
  if (raw.node !== 'set' && raw.node !== 'reference') stream.refuse('expecting a map', raw.at ?? undefined);
  return raw;
}

function readRawRange(stream: TokenStream, context: RuleContext | null): Raw {
  const at = stream.peek();
  const from = readRawOperation(stream, context, 0);
  if (!stream.isSign('-')) return from;
  stream.next();
  return { node: 'range', from, to: readRawOperation(stream, context, 0), at };
}

function readRawOperation(stream: TokenStream, context: RuleContext | null, level: number): Raw {
  if (level === OPERATORS.length) return readRawPrefix(stream, context);
  const at = stream.peek();
  let left = readRawOperation(stream, context, level + 1);
  let count = 0;
  for (let operator = takeOperator(stream, level); operator; operator = takeOperator(stream, level)) {
    if (++count > DEEPEST) stream.refuse('too many operations');
    left = { node: 'binary', operator, left, right: readRawOperation(stream, context, level + 1), at };
  }
  return left;
}

function readRawPrefix(stream: TokenStream, context: RuleContext | null): Raw {
  const at = stream.peek();
  const base = readRawPrimary(stream, context);
  if (base.node !== 'atom' || !stream.isSign('/') || stream.peek(1).kind !== 'number') return base;
  // `0x2 / 0x1,0x2`, as `nft -n` lists flags with a mask: a prefix length is no list.
  if (at.kind === 'number' && stream.isSign(',', 2) && stream.depth === 0) return base;
  stream.next();
  return { node: 'prefix', base, length: stream.expectNumber('a prefix length'), at };
}

function readRawPrimary(stream: TokenStream, context: RuleContext | null): Raw {
  const at = stream.peek();
  switch (at.kind) {
    case 'word': {
      const verdict = readVerdict(stream);
      if (verdict) return { node: 'verdict', verdict, at };
      // `primary_stmt_expr` of src/parser_bison.y of nftables has no fib.
      if (at.text === 'fib' && context && !context.listed) stream.fail('a value');
      const selector = context && !isName(stream) && readSelector(stream, context);
      if (selector) return { node: 'selector', expression: selector, at };
      return { node: 'atom', text: stream.next().text, at };
    }
    case 'number':
    case 'address':
    case 'classid':
      return { node: 'atom', text: stream.next().text, at };
    case 'string':
      return { node: 'atom', text: stream.next().text, at };
    case 'sign':
      break;
    default:
      return stream.fail('a value');
  }
  switch (at.text) {
    case '(': {
      stream.next();
      const inner = stream.nested(() => readRaw(stream, context));
      stream.expectSign(')');
      return inner;
    }
    case '{':
      return { node: 'set', elements: readAnonymous(stream), listed: stream.listed, at };
    case '@':
      if (stream.peek(2).kind === 'sign' && stream.peek(2).text === ',' && context) {
        const selector = readSelector(stream, context);
        if (selector) return { node: 'selector', expression: selector, at };
      }
      stream.next();
      return { node: 'reference', name: stream.expectName('the name of a set'), at };
    case '*':
      stream.next();
      return { node: 'wildcard', at };
    case '[': {
      stream.next();
      // For nft the brackets are part of the address (`ip6addr_rfc2732`, src/scanner.l): nothing but itself stands in them.
      const { kind, start, source } = stream.peek();
      const isWritten =
        start === at.end && (kind === 'address' || kind === 'string') && source.text[start] !== '$';
      if (!isWritten && !stream.listed) stream.fail(undefined, at);
      const inner = readRawPrimary(stream, null);
      stream.expectSign(']');
      return inner;
    }
    default:
      return stream.fail('a value');
  }
}

/** What is a header's name and a value, too: `ether type set arp`. */
const HEADER_NAMES: readonly string[] = ['ether', 'ip', 'ip6', 'vlan', 'arp'];

function isName(stream: TokenStream): boolean {
  const header = stream.peek().text;
  const { kind, text } = stream.peek(1);
  if (!HEADER_NAMES.includes(header) || kind !== 'word') return false;
  const isField = payloadField(header, text) ?? (header === 'arp' && payloadField('arp', `${text}_ip`));
  return !isField && text !== 'option';
}

export function readVerdict(stream: TokenStream): Verdict | undefined {
  const token = stream.peek();
  if (token.kind !== 'word') return undefined;
  switch (token.text) {
    case 'accept':
    case 'drop':
    case 'continue':
    case 'return':
      stream.next();
      return { kind: token.text };
    case 'jump':
    case 'goto':
      stream.next();
      return { kind: token.text, chain: stream.expectChainName() };
    default:
      return undefined;
  }
}

/** Elements of a set that has no name: there is one at least. */
function readAnonymous(stream: TokenStream): RawElement[] {
  const start = stream.peek();
  const elements = readElements(stream);
  if (elements.length === 0) stream.refuse("unexpected '}', expecting an element", start);
  return elements;
}

/** `{ element, … }`. */
export function readElements(stream: TokenStream): RawElement[] {
  return stream.nested(() => {
    const open = stream.peek();
    stream.expectSign('{');
    const elements: RawElement[] = [];
    stream.skipLines();
    // There is nothing in the braces only where a variable stands for them.
    const close = stream.peek();
    if (stream.isSign('}') && close.start !== open.start && !stream.listed) {
      stream.next();
      stream.fail('an element', close);
    }
    while (!stream.takeSign('}')) {
      elements.push(readElement(stream));
      stream.skipLines();
      if (stream.takeSign('}')) break;
      if (!stream.takeSign(',')) stream.fail('comma or "}"');
      stream.skipLines();
    }
    return elements;
  });
}

function readElement(stream: TokenStream): RawElement {
  const key = readRawConcat(stream, null);
  const options = readElementOptions(stream);
  stream.skipLines();
  let data: Raw | null = null;
  if (stream.takeSign(':')) {
    stream.skipLines();
    data = readRawConcat(stream, null);
    const after = readElementOptions(stream);
    return { key, data, ...options, comment: after.comment ?? options.comment };
  }
  return { key, data, ...options };
}

/** `timeout 1h expires 5m counter packets 1 bytes 2 comment "x"` after an element. */
export function readElementOptions(stream: TokenStream): Omit<RawElement, 'key' | 'data'> {
  let timeout: number | null = null;
  let expires: number | null = null;
  let comment: string | null = null;
  const statements = [];
  for (;;) {
    if (stream.takeWord('timeout')) timeout = readTime(stream);
    else if (stream.takeWord('expires')) expires = readTime(stream);
    else if (stream.takeWord('comment')) comment = stream.expectString();
    else {
      const statement = readElementStatements(stream);
      if (!statement) break;
      statements.push(statement);
    }
  }
  return { timeout, expires, comment, statements };
}

export function readTime(stream: TokenStream): number {
  const token = stream.peek();
  const time = token.kind === 'number' || token.kind === 'string' ? parseTime(token.text) : undefined;
  if (time === undefined) return stream.fail('a time');
  stream.next();
  return time;
}
